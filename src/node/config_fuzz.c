/* config_fuzz.c - any text is a settings file: each wrong line is a problem with its number, and
   values that are taken print to what is taken as the same. */
#include "base/fuzz.h"
#include "node/config.h"

SETTING(zz, number, INT, 5, -3, 100, "A number.");
SETTING(zz, size, SIZE, 64 * KiB, 1 * KiB, 1 * GiB, "A size.");
SETTING(zz, time, TIME, 5 * SEC, 0, 300 * DAY, "A time.");
SETTING(zz, flag, BOOL, 1, 0, 1, "A flag.");
SETTING_STR(zz, words, "a b", NULL, "Words.");
SETTING_STR(zz, kind, "one", "one two", "A choice.");

static void number(struct setting *s, struct slice value)
{
    char text[512];
    struct err e = {0};
    BUG_IF(setting_parse(s, value, &e));
    int64_t was = setting_get(s);
    BUG_IF(was < s->min || was > s->max);
    setting_print(s, false, text, sizeof(text));
    BUG_IF(setting_parse(s, slice_str(text), &e) || setting_get(s) != was);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    CONFIG_SCOPE c = {0};
    config_parse(&c, "file", slice_of(d, n));
    BUG_IF(c.problem_count && c.problems.n == 0);
    for (size_t i = 0; i < c.n; i++) {
        BUG_IF(setting_check(c.entries[i].setting, c.entries[i].value, NULL));
        BUG_IF(c.entries[i].line < 1);
        if (c.entries[i].setting->type != SETTING_TEXT)
            number(c.entries[i].setting, c.entries[i].value);
    }
    size_t entries = c.n;
    config_assign(&c, slice_of(d, n));
    BUG_IF(c.n > entries + 1);
    return 0;
}
