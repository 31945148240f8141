/* setting_test.c - each type's parser and printer, ranges, and a walk over every row. */
#include "base/setting.h"

#include "base/test.h"

SETTING(zz, count, INT, 5, -10, 100, "A count.");
SETTING(zz, size, SIZE, 64 * KiB, 0, 2 * GiB, "A size.");
SETTING(zz, wait, TIME, 30 * MIN, 0, 365 * DAY, "A time.");
SETTING(zz, flag, BOOL, 0, 0, 1, "A flag.");
SETTING_STR(zz, kind, "one", "one two", "A choice.");
SETTING_STR(aa, text, "", NULL, "A text.");

static void numbers_are_read_and_printed(void **state)
{
    (void)state;
    static const struct {
        struct setting *s;
        const char *in;
        int64_t want;
        const char *out;
    } rows[] = {
        {&set_zz_count, "-10", -10, "-10"},
        {&set_zz_count, " 7\t", 7, "7"},
        {&set_zz_count, "0", 0, "0"},
        {&set_zz_size, "512", 512, "512"},
        {&set_zz_size, "64k", 64 * KiB, "64K"},
        {&set_zz_size, "1024", KiB, "1K"},
        {&set_zz_size, "1536K", 1536 * KiB, "1536K"},
        {&set_zz_size, "2G", 2 * GiB, "2G"},
        {&set_zz_size, "0", 0, "0"},
        {&set_zz_wait, "500ms", 500, "500ms"},
        {&set_zz_wait, "90s", 90 * SEC, "90s"},
        {&set_zz_wait, "5m", 5 * MIN, "5m"},
        {&set_zz_wait, "48h", 2 * DAY, "2d"},
        {&set_zz_wait, "0", 0, "0"},
        {&set_zz_flag, "Yes", 1, "yes"},
        {&set_zz_flag, "off", 0, "no"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[64];
        struct err e = {0};
        if (setting_parse(rows[i].s, slice_str(rows[i].in), &e))
            fail_msg("%s: %s", rows[i].in, e.text);
        assert_int_equal(setting_get(rows[i].s), rows[i].want);
        setting_print(rows[i].s, false, out, sizeof(out));
        assert_string_equal(out, rows[i].out);
    }
}

static void wrong_values_change_nothing(void **state)
{
    (void)state;
    static const struct {
        struct setting *s;
        const char *in;
        enum err_code code;
        const char *says;
    } rows[] = {
        {&set_zz_count, "", ERR_SYNTAX, "is not a number"},
        {&set_zz_count, "1x", ERR_SYNTAX, "is not a number"},
        {&set_zz_count, "+1", ERR_SYNTAX, "is not a number"},
        {&set_zz_count, "--1", ERR_SYNTAX, "is not a number"},
        {&set_zz_count, "101", ERR_LIMIT, "101 is not between -10 and 100"},
        {&set_zz_count, "-11", ERR_LIMIT, "is not between -10 and 100"},
        {&set_zz_count, "99999999999999999999", ERR_SYNTAX, "is not a number"},
        {&set_zz_size, "-1", ERR_SYNTAX, "is not a size"},
        {&set_zz_size, "K", ERR_SYNTAX, "is not a size"},
        {&set_zz_size, "1.5M", ERR_SYNTAX, "is not a size"},
        {&set_zz_size, "3G", ERR_LIMIT, "3G is not between 0 and 2G"},
        {&set_zz_size, "9223372036854775807T", ERR_LIMIT, "is not between 0 and 2G"},
        {&set_zz_wait, "5 parsecs", ERR_SYNTAX, "is not a time"},
        {&set_zz_wait, "366d", ERR_LIMIT, "is not between 0 and 365d"},
        {&set_zz_flag, "maybe", ERR_SYNTAX, "is neither yes nor no"},
        {&set_zz_kind, "three", ERR_SYNTAX, "is none of: one two"},
        {&set_zz_kind, "one two", ERR_SYNTAX, "is none of: one two"},
        {&set_aa_text, "a\nb", ERR_SYNTAX, "control character"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err e = {0};
        setting_reset(rows[i].s);
        assert_int_equal(setting_check(rows[i].s, slice_str(rows[i].in), &e), -1);
        assert_int_equal(setting_parse(rows[i].s, slice_str(rows[i].in), &e), -1);
        assert_int_equal(e.code, rows[i].code);
        if (!strstr(e.text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", e.text, rows[i].says);
        assert_int_equal(setting_get(rows[i].s), rows[i].s->def);
        assert_true(setting_text(rows[i].s) == rows[i].s->def_text);
    }
}

static void old_text_stays_readable(void **state)
{
    (void)state;
    const char *first = setting_text(&set_aa_text);
    assert_int_equal(setting_parse(&set_aa_text, S("one"), NULL), 0);
    const char *one = setting_text(&set_aa_text);
    assert_int_equal(setting_parse(&set_aa_text, S("two"), NULL), 0);
    assert_string_equal(first, "");
    assert_string_equal(one, "one");
    assert_int_equal(setting_parse(&set_aa_text, S("one"), NULL), 0);
    assert_ptr_equal(setting_text(&set_aa_text), one);
    assert_int_equal(setting_parse(&set_aa_text, SNONE, NULL), 0);
    assert_string_equal(setting_text(&set_aa_text), "");
}

static void rows_are_found_and_sorted(void **state)
{
    (void)state;
    assert_ptr_equal(setting_first(), &set_aa_text);
    assert_ptr_equal(setting_find(S("zz.flag")), &set_zz_flag);
    assert_null(setting_find(S("zz.flags")));
    assert_null(setting_find(S("zz")));
    assert_null(setting_find(S("")));
    for (const struct setting *s = setting_first(); s->next; s = s->next) {
        int r = strcmp(s->group, s->next->group);
        assert_true(r < 0 || (r == 0 && strcmp(s->name, s->next->name) < 0));
    }
}

/* Of every row linked here; node/settings_test.c walks those of the whole program. */
static void every_default_is_allowed_and_reads_back(void **state)
{
    (void)state;
    for (struct setting *s = setting_first(); s; s = s->next) {
        char text[512];
        struct err e = {0};
        setting_reset(s);
        setting_print(s, true, text, sizeof(text));
        if (setting_parse(s, slice_str(text), &e))
            fail_msg("%s", e.text);
        assert_int_equal(setting_get(s), s->def);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_read_and_printed),
        cmocka_unit_test(wrong_values_change_nothing),
        cmocka_unit_test(old_text_stays_readable),
        cmocka_unit_test(rows_are_found_and_sorted),
        cmocka_unit_test(every_default_is_allowed_and_reads_back),
    };
    return RUN_TESTS(tests);
}
