/* log_test.c - one event is one line, whatever the values hold. */
#include "base/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/test.h"

static int ends[2];

static int open_pipe(void **state)
{
    (void)state;
    if (pipe2(ends, O_CLOEXEC) || fcntl(ends[1], F_SETPIPE_SZ, 1 << 20) < 0)
        return -1;
    return 0;
}

static int close_pipe(void **state)
{
    (void)state;
    log_set(LOG_INFO, false, 2);
    close(ends[0]);
    close(ends[1]);
    return 0;
}

static struct slice written(void)
{
    static char text[1 << 17];
    ssize_t n = read(ends[0], text, sizeof(text));
    assert_true(n > 0);
    return slice_of(text, (size_t)n);
}

static size_t count(struct slice s, char c)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] == c;
    return n;
}

static void plain_values_stand_as_they_are(void **state)
{
    (void)state;
    log_set(LOG_INFO, false, ends[1]);
    LOG(LOG_INFO, "smtp.accept", LFZ("from", "a@example.test"), LFN("size", -12), LFZ("none", ""));
    struct slice s = written();
    assert_int_equal(slice_search(s, S("time=20")), 0);
    assert_true(slice_ends(s, S("Z level=info event=smtp.accept from=a@example.test size=-12 "
                                "none=\"\"\n")));
    LOG(LOG_WARN, "bare");
    assert_true(slice_ends(written(), S(" level=warn event=bare\n")));
}

static void nothing_injects_a_line_or_a_field(void **state)
{
    (void)state;
    static const char evil[] = "x\r\nlevel=error event=forged\t\"\\ \x1b[31m\x7f\xe2\x80\xa8\x85=";
    for (int json = 0; json < 2; json++) {
        log_set(LOG_INFO, json, ends[1]);
        LOG(LOG_INFO, "e", LF("v", slice_of(evil, sizeof(evil))), LFZ("w", "end"));
        struct slice s = written();
        assert_int_equal(count(s, '\n'), 1);
        assert_true(s.p[s.n - 1] == '\n');
        for (size_t i = 0; i + 1 < s.n; i++)
            assert_in_range((unsigned char)s.p[i], ' ', '~');
        assert_true(slice_search(s, S("\"x\\u000d\\u000alevel=error event=forged\\u0009\\\"\\\\ "
                                      "\\u001b[31m\\u007f\\u00e2\\u0080\\u00a8\\u0085=\\u0000\"")) >
                    0);
    }
}

static void threshold_holds(void **state)
{
    (void)state;
    log_set(LOG_WARN, false, ends[1]);
    LOG(LOG_INFO, "quiet");
    LOG(LOG_ERROR, "loud");
    struct slice s = written();
    assert_int_equal(slice_search(s, S("quiet")), -1);
    assert_int_equal(count(s, '\n'), 1);
}

/* Very long lines lose whole fields, never their end. */
static void long_lines_are_cut_between_fields(void **state)
{
    (void)state;
    static char big[3000];
    memset(big, '\n', sizeof(big));
    for (int json = 0; json < 2; json++) {
        for (size_t less = 0; less < 400; less++) {
            struct slice v = slice_of(big, 1400 - less / 40), w = slice_of(big, 1300 - less);
            log_set(LOG_INFO, json, ends[1]);
            LOG(LOG_INFO, "e", LF("a", v), LF("b", w), LF("c", v), LFN("d", 1));
            struct slice s = written();
            assert_int_equal(count(s, '\n'), 1);
            assert_true(s.p[s.n - 1] == '\n');
            assert_int_equal(count(s, '"') % 2, 0);
            if (json)
                assert_true(slice_ends(s, S("}\n")));
            assert_true(s.n < 17000);
        }
    }
    LOG(LOG_INFO, "e", LF("a", slice_of(big, 3000)), LF("b", slice_of(big, 3000)));
    assert_true(slice_search(written(), S("\"truncated\":1}\n")) > 0);
}

static void trace_ids_differ(void **state)
{
    (void)state;
    struct trace a = trace_new(), b = trace_new();
    assert_int_equal(strlen(a.id), 12);
    assert_string_not_equal(a.id, b.id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_values_stand_as_they_are, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(nothing_injects_a_line_or_a_field, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(threshold_holds, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(long_lines_are_cut_between_fields, open_pipe, close_pipe),
        cmocka_unit_test(trace_ids_differ),
    };
    return RUN_TESTS(tests);
}
