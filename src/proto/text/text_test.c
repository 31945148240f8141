/* text_test.c - lines and dots, cut at every place. */
#include "base/test.h"
#include "proto/text/dot.h"
#include "proto/text/line.h"

static void lines_end_with_crlf(void **state)
{
    (void)state;
    struct line_scan l = {.max = 10};
    struct slice line = SNONE;
    size_t taken = 99;
    assert_int_equal(line_next(&l, S("NOOP"), &line, &taken), LINE_MORE);
    assert_int_equal(taken, 0);
    assert_int_equal(line_next(&l, S("NOOP\r\nQUIT\r\n"), &line, &taken), LINE_OK);
    assert_slice(line, "NOOP");
    assert_int_equal(taken, 6);
    assert_int_equal(line_next(&l, S("NOOP\nQUIT\r\n"), &line, &taken), LINE_BARE);
    assert_slice(line, "NOOP");
    assert_int_equal(taken, 5);
    assert_int_equal(line_next(&l, S("\r\n"), &line, &taken), LINE_OK);
    assert_int_equal(line.n, 0);
}

static void a_long_line_is_reported_once_and_skipped(void **state)
{
    (void)state;
    struct line_scan l = {.max = 4};
    struct slice line = SNONE;
    size_t taken = 0;
    assert_int_equal(line_next(&l, S("1234\r\n"), &line, &taken), LINE_OK);
    assert_int_equal(line_next(&l, S("1234\r"), &line, &taken), LINE_MORE);
    assert_int_equal(taken, 0);
    assert_int_equal(line_next(&l, S("12345\r\n"), &line, &taken), LINE_LONG);
    assert_int_equal(taken, 7);
    assert_int_equal(line_next(&l, S("123456"), &line, &taken), LINE_MORE);
    assert_int_equal(taken, 6);
    assert_int_equal(line_next(&l, S("789"), &line, &taken), LINE_MORE);
    assert_int_equal(taken, 3);
    assert_int_equal(line_next(&l, S("\r\nNOOP\r\n"), &line, &taken), LINE_LONG);
    assert_int_equal(taken, 2);
    assert_int_equal(line_next(&l, S("NOOP\r\n"), &line, &taken), LINE_OK);
    assert_slice(line, "NOOP");
}

static void dots_are_doubled_at_line_starts(void **state)
{
    (void)state;
    static const struct {
        struct slice in, out;
    } cases[] = {
        {S_INIT(""), S_INIT(".\r\n")},
        {S_INIT("."), S_INIT("..\r\n.\r\n")},
        {S_INIT("a\r\n.\r\nb"), S_INIT("a\r\n..\r\nb\r\n.\r\n")},
        {S_INIT(".a\r\n..b\r\n"), S_INIT("..a\r\n...b\r\n.\r\n")},
        {S_INIT("a\n.\r.\r\n"), S_INIT("a\n.\r.\r\n.\r\n")},
        {S_INIT("a\r"), S_INIT("a\r\r\n.\r\n")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t cut = 0; cut <= cases[i].in.n; cut++) {
            BUF_SCOPE out = {0};
            struct dot_writer w = {0};
            dot_write(&w, slice_sub(cases[i].in, 0, cut), &out);
            dot_write(&w, slice_from(cases[i].in, cut), &out);
            assert_int_equal(dot_finish(&w, &out), 0);
            assert_true(slice_eq(buf_slice(&out), cases[i].out));
        }
}

static void a_full_buffer_is_told(void **state)
{
    (void)state;
    BUF_SCOPE out = {.max = 4};
    struct dot_writer w = {0};
    assert_int_equal(dot_write(&w, S("abcdef"), &out), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_end_with_crlf),
        cmocka_unit_test(a_long_line_is_reported_once_and_skipped),
        cmocka_unit_test(dots_are_doubled_at_line_starts),
        cmocka_unit_test(a_full_buffer_is_told),
    };
    return RUN_TESTS(tests);
}
