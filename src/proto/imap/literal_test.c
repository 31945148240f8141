/* literal_test.c - framing: where commands and literals end, the same for any split. */
#include "base/buf.h"
#include "base/test.h"
#include "proto/imap/literal.h"

/* Writes what the scanner says, text and bodies told apart, so that two runs can be compared. */
static void trace(struct lit_scan *l, struct slice in, char *last, struct buf *out)
{
    while (in.n) {
        size_t taken;
        enum lit_event ev = lit_feed(l, in, &taken);
        char class = ev == LIT_BODY ? 'B' : 'T';
        assert_true(taken > 0 && taken <= in.n);
        if (*last != class)
            buf_addf(out, "%c:", class);
        *last = class;
        buf_add(out, slice_sub(in, 0, taken));
        if (ev == LIT_BEGIN)
            buf_addf(out, "<%llu %d %d>", (unsigned long long)l->len, l->sync, l->literal8);
        if (ev == LIT_DONE) {
            buf_addf(out, "<done%s>", l->bare_lf ? " bare" : "");
            *last = 0;
        }
        in = slice_from(in, taken);
    }
}

static void check(const char *z, const char *want)
{
    struct slice in = slice_str(z);
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct lit_scan l = {0};
        BUF_SCOPE out = {0};
        char last = 0;
        trace(&l, slice_sub(in, 0, cut), &last, &out);
        trace(&l, slice_from(in, cut), &last, &out);
        assert_slice(buf_slice(&out), want);
    }
    struct lit_scan l = {0};
    BUF_SCOPE out = {0};
    char last = 0;
    for (size_t i = 0; i < in.n; i++)
        trace(&l, slice_sub(in, i, i + 1), &last, &out);
    assert_slice(buf_slice(&out), want);
}

static void commands_end_at_their_line(void **state)
{
    (void)state;
    check("a NOOP\r\nb NOOP\r\n", "T:a NOOP\r\n<done>T:b NOOP\r\n<done>");
    check("a\nb\r\n", "T:a\n<done bare>T:b\r\n<done>");
    check("a\rb\r\r\n", "T:a\rb\r\r\n<done>");
    check("\r\n", "T:\r\n<done>");
}

static void literals_are_found(void **state)
{
    (void)state;
    check("a X {5}\r\nhello\r\n", "T:a X {5}\r\n<5 1 0>B:helloT:\r\n<done>");
    check("a X {5+}\r\nhe\r\n}{1}\r\nx\r\n",
          "T:a X {5+}\r\n<5 0 0>B:he\r\n}T:{1}\r\n<1 1 0>B:xT:\r\n<done>");
    check("a X ~{2}\r\nhi\r\n", "T:a X ~{2}\r\n<2 1 1>B:hiT:\r\n<done>");
    check("a X {0}\r\n\r\n", "T:a X {0}\r\n<0 1 0>\r\n<done>");
    check("a X {007}\r\n1234567\r\n", "T:a X {007}\r\n<7 1 0>B:1234567T:\r\n<done>");
    check("a {18446744073709551615}\r\n",
          "T:a {18446744073709551615}\r\n<18446744073709551615 1 0>");
    check("a {100000000000000000000000}\r\n",
          "T:a {100000000000000000000000}\r\n<18446744073709551615 1 0>");
}

static void what_only_looks_like_a_literal_is_text(void **state)
{
    (void)state;
    check("a \"{5}\r\n", "T:a \"{5}\r\n<done>");
    check("a \"\\\"{5}\r\n", "T:a \"\\\"{5}\r\n<done>");
    check("a \"{5\"}\r\n", "T:a \"{5\"}\r\n<done>");
    check("a \"{5+}\" {2}\r\nhi\r\n", "T:a \"{5+}\" {2}\r\n<2 1 0>B:hiT:\r\n<done>");
    /* RFC 7888 3: the client has sent it */
    check("a \"{5+}\r\nhello\r\n", "T:a \"{5+}\r\n<5 0 0>B:helloT:\r\n<done>");
    check("a \"x\" {5}\r\nabcde\r\n", "T:a \"x\" {5}\r\n<5 1 0>B:abcdeT:\r\n<done>");
    check("a {}\r\n", "T:a {}\r\n<done>");
    check("a {+}\r\n", "T:a {+}\r\n<done>");
    check("a {-1}\r\n", "T:a {-1}\r\n<done>");
    check("a {5} \r\n", "T:a {5} \r\n<done>");
    check("a {5}\n", "T:a {5}\n<done bare>");
    check("a {5++}\r\n", "T:a {5++}\r\n<done>");
    check("a {{5}\r\nabcde\r\n", "T:a {{5}\r\n<5 1 0>B:abcdeT:\r\n<done>");
    check("a {5{3}\r\nabc\r\n", "T:a {5{3}\r\n<3 1 0>B:abcT:\r\n<done>");
}

static void a_refused_literal_begins_a_new_command(void **state)
{
    (void)state;
    struct lit_scan l = {0};
    size_t taken;
    struct slice in = S("a X {5}\r\nb NOOP\r\n");
    assert_int_equal(lit_feed(&l, in, &taken), LIT_BEGIN);
    assert_int_equal(taken, 9);
    lit_reset(&l);
    assert_int_equal(lit_feed(&l, slice_from(in, taken), &taken), LIT_DONE);
    assert_int_equal(taken, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_end_at_their_line),
        cmocka_unit_test(literals_are_found),
        cmocka_unit_test(what_only_looks_like_a_literal_is_text),
        cmocka_unit_test(a_refused_literal_begins_a_new_command),
    };
    return RUN_TESTS(tests);
}
