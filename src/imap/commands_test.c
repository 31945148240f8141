/* commands_test.c - the table of commands: sorted, found without case, each with its section. */
#include "base/test.h"
#include "imap/commands.h"

static void every_command_is_found(void **state)
{
    (void)state;
    const struct cmd_def *all;
    size_t n = command_each(&all);
    assert_true(n > 30);
    for (size_t i = 0; i < n; i++) {
        if (i)
            assert_true(slice_cmp(all[i - 1].name, all[i].name) < 0);
        char lower[32] = {0};
        for (size_t k = 0; k < all[i].name.n; k++)
            lower[k] = ascii_lower(all[i].name.p[k]);
        assert_ptr_equal(command_find(slice_str(lower)), &all[i]);
        assert_non_null(all[i].run);
        assert_true(slice_find(slice_str(all[i].rfc), ':') > 0);
        assert_true(all[i].states != 0);
        /* Only what works before login may be tried before login. */
        if (all[i].states & STATE_NEW)
            assert_true(all[i].place == PLACE_LOOP || all[i].place == PLACE_CPU);
        /* FETCH, STORE and SEARCH never announce an expunge (RFC 9051 7.5.1). */
        if (slice_eq(all[i].name, S("FETCH")) || slice_eq(all[i].name, S("STORE")) ||
            slice_eq(all[i].name, S("SEARCH")) || slice_eq(all[i].name, S("SORT")) ||
            slice_eq(all[i].name, S("THREAD")))
            assert_false(all[i].flags & CMD_EXPUNGE);
    }
}

static void others_are_not(void **state)
{
    (void)state;
    static const char *none[] = {"", "A", "APPENDX", "APPEN", "UID", "ZZZ", "XLIST", "NOOP "};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_null(command_find(slice_str(none[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_command_is_found),
        cmocka_unit_test(others_are_not),
    };
    return RUN_TESTS(tests);
}
