/* settings_test.c - every setting and metric of the program has a sound row. */
#include <ctype.h>
#include <stdio.h>

#include "base/metric.h"
#include "base/setting.h"
#include "base/test.h"

static bool is_name(const char *s)
{
    if (!islower((unsigned char)*s))
        return false;
    for (; *s; s++)
        if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

static void every_setting_is_sound(void **state)
{
    (void)state;
    size_t n = 0;
    for (struct setting *s = setting_first(); s; s = s->next, n++) {
        char full[128], text[512];
        struct err e = {0};
        snprintf(full, sizeof(full), "%s.%s", s->group, s->name);
        if (!is_name(s->group) || !is_name(s->name) || setting_find(slice_str(full)) != s)
            fail_msg("%s: the name is wrong, or there are two", full);
        if (strlen(s->text) < 10 || s->text[strlen(s->text) - 1] != '.')
            fail_msg("%s: the text is no sentence", full);
        setting_print(s, true, text, sizeof(text));
        if (strlen(text) > 400 || setting_check(s, slice_str(text), &e))
            fail_msg("%s: the default \"%s\": %s", full, text, e.text);
        if (s->type == SETTING_TEXT)
            continue;
        if (s->min > s->max)
            fail_msg("%s: nothing is between min and max", full);
        if (s->max < INT64_MAX && s->type == SETTING_INT) {
            snprintf(text, sizeof(text), "%lld", (long long)s->max + 1);
            assert_int_equal(setting_check(s, slice_str(text), &e), -1);
        }
    }
    assert_true(n > 40);
}

static void every_metric_is_sound(void **state)
{
    (void)state;
    for (const struct metric *m = metric_first(); m; m = m->next) {
        size_t n = 0;
        struct slice rest = slice_str(m->values);
        if (!is_name(m->name) || strlen(m->help) < 5 || strpbrk(m->help, "\\\n"))
            fail_msg("%s: name or help is wrong", m->name);
        while (rest.p && slice_cut(&rest, ' ').n)
            n++;
        if ((m->label == NULL) != (m->values == NULL) || n > METRIC_VALUES)
            fail_msg("%s: label and values do not fit", m->name);
        if (m->next && strcmp(m->name, m->next->name) == 0)
            fail_msg("%s: there are two", m->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_sound),
        cmocka_unit_test(every_metric_is_sound),
    };
    return RUN_TESTS(tests);
}
