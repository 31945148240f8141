/* command_test.c - requests of ManageSieve in any split, and what is refused. RFC 5804 4. */
#include "proto/managesieve/command.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/test.h"

/* 1: whole, 0: more is wanted, -1 */
static int scan(struct slice in, size_t *ret_taken)
{
    int answer = -2;
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct managesieve_scan s = {.max = 100, .line_max = 60};
        size_t a = 0, b = 0;
        int rc = managesieve_feed(&s, slice_sub(in, 0, cut), &a, NULL);
        if (!rc)
            rc = managesieve_feed(&s, slice_from(in, a), &b, NULL);
        int got = rc ? -1 : s.state == MANAGESIEVE_DONE;
        assert_true(answer == -2 || answer == got);
        answer = got;
        *ret_taken = a + b;
    }
    return answer;
}

/* "NAME <text> 12": what is parsed of the whole request. */
static const char *parsed(struct slice in)
{
    static char text[300];
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct managesieve_command c;
    size_t taken = 0;
    if (scan(in, &taken) != 1 || taken != in.n)
        return "not whole";
    if (managesieve_parse(in, &a, &c, NULL))
        return "wrong";
    buf_add(&out, c.name.p ? c.name : S("-"));
    for (size_t i = 0; i < c.n; i++) {
        if (c.args[i].is_string)
            buf_addf(&out, " <%.*s>", SARG(c.args[i].text));
        else
            buf_addf(&out, " %u", (unsigned)c.args[i].number);
    }
    snprintf(text, sizeof(text), "%s", buf_cstr(&out));
    return text;
}

static void requests(void **state)
{
    (void)state;
    assert_string_equal(parsed(S("Logout\r\n")), "Logout");
    assert_string_equal(parsed(S("HAVESPACE \"a b\" 435\r\n")), "HAVESPACE <a b> 435");
    assert_string_equal(parsed(S("PUTSCRIPT \"a\" {7+}\r\nk\r\n{9+}\r\n")),
                        "PUTSCRIPT <a> <k\r\n{9+}>");
    assert_string_equal(parsed(S("SETACTIVE \"\"\r\n")), "SETACTIVE <>");
    assert_string_equal(parsed(S("SETACTIVE {0+}\r\n\r\n")), "SETACTIVE <>");
    assert_string_equal(parsed(S("NOOP \"\\\"\\\\{3+}\"\r\n")), "NOOP <\"\\{3+}>");
    assert_string_equal(parsed(S("\"abc=\"\r\n")), "- <abc=>");
    assert_string_equal(parsed(S("RENAMESCRIPT {1+}\r\na {1+}\r\nb\r\n")), "RENAMESCRIPT <a> <b>");
}

static void not_requests(void **state)
{
    static const struct slice wrong[] = {
        S_INIT("\r\n"),
        S_INIT("NOOP \r\n"),
        S_INIT("NOOP  \"a\"\r\n"),
        S_INIT("NOOP\"a\"\r\n"),
        S_INIT("NOOP \"\\a\"\r\n"),
        S_INIT("NOOP a\r\n"),
        S_INIT("NOOP 01\r\n"),
        S_INIT("NOOP 4294967296\r\n"),
        S_INIT("NOOP \"\xff\"\r\n"),
        S_INIT("NOOP 1 2 3 4 5\r\n"),
    };
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_string_equal(parsed(wrong[i]), "wrong");
}

static void streams_that_cannot_go_on(void **state)
{
    static const struct slice wrong[] = {
        S_INIT("NOOP\n"),
        S_INIT("NOOP\r\r\n"),
        S_INIT("NOOP \"a\r\n"),
        S_INIT("NO\0OP\r\n"),
        S_INIT("PUTSCRIPT {5}\r\n"),
        S_INIT("PUTSCRIPT {+}\r\n"),
        S_INIT("PUTSCRIPT {-1+}\r\n"),
        S_INIT("PUTSCRIPT {5+} "),
        S_INIT("PUTSCRIPT {99999999999999999999+}\r\n"),
        S_INIT("PUTSCRIPT {4294967295+}\r\n"),
        S_INIT("PUTSCRIPT {90+}\r\n"),
        S_INIT("NOOP \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    };
    size_t taken;
    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(scan(wrong[i], &taken), -1);
    assert_int_equal(scan(S("NOOP"), &taken), 0);
    assert_int_equal(scan(S("PUTSCRIPT {5+}\r\nab\r\n"), &taken), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests),
        cmocka_unit_test(not_requests),
        cmocka_unit_test(streams_that_cannot_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
