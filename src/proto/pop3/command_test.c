/* command_test.c - POP3 lines, and TOP cut at every place. */
#include "base/test.h"
#include "proto/pop3/command.h"

static void keywords_and_arguments(void **state)
{
    (void)state;
    struct pop3_command c;
    assert_int_equal(pop3_command_parse(S("TOP 1  20"), &c, NULL), 0);
    assert_slice(c.keyword, "TOP");
    assert_int_equal(c.n, 2);
    assert_slice(c.args[1], "20");
    assert_int_equal(pop3_command_parse(S("PASS a  b "), &c, NULL), 0);
    assert_slice(c.rest, "a  b ");
    assert_int_equal(pop3_command_parse(S("QUIT"), &c, NULL), 0);
    assert_int_equal(c.n, 0);
    assert_true(c.rest.p && c.rest.n == 0);
    assert_int_equal(pop3_command_parse(S("LIST 1 2 3 4 5"), &c, NULL), 0);
    assert_int_equal(c.n, POP3_ARGS_MAX + 1);
    static const struct slice bad[] = {S_INIT(""),
                                       S_INIT(" STAT"),
                                       S_INIT("STAT\r"),
                                       S_INIT("ST\0AT"),
                                       S_INIT("AVERYLONGKEYWORDX"),
                                       S_INIT("ST-AT"),
                                       S_INIT("STAT\x7f")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(pop3_command_parse(bad[i], &c, NULL), -1);
}

static void top_cuts_anywhere(void **state)
{
    (void)state;
    static const struct {
        struct slice in;
        uint64_t lines;
        size_t want;
    } cases[] = {
        {S_INIT("A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n"), 0, 14},
        {S_INIT("A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n"), 1, 19},
        {S_INIT("A: 1\r\nB: 2\r\n\r\none\r\ntwo\r\n"), 9, 24},
        {S_INIT("A: 1\n\n\none"), 1, 7},
        {S_INIT("A: 1"), 0, 4},
        {S_INIT("\r\nbody\r\n"), 0, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        for (size_t cut = 0; cut <= cases[i].in.n; cut++) {
            struct pop3_top t = {.lines = cases[i].lines};
            size_t n = pop3_top_feed(&t, slice_sub(cases[i].in, 0, cut));
            if (n == cut)
                n += pop3_top_feed(&t, slice_from(cases[i].in, cut));
            assert_int_equal(n, cases[i].want);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords_and_arguments),
        cmocka_unit_test(top_cuts_anywhere),
    };
    return RUN_TESTS(tests);
}
