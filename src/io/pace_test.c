/* pace_test.c - who gets on, who drips, and who takes all day. */
#include "base/test.h"

#include "base/setting.h"
#include "io/pace.h"

SETTING_DECLARE(io, rate_min);
SETTING_DECLARE(io, upload_time);

enum { WINDOW = 10 * 1000 };

static void a_byte_now_and_then_is_too_little(void **state)
{
    (void)state;
    struct pace p;
    int64_t now = 5;
    pace_begin(&p, now);
    for (; now < WINDOW; now += 1000)
        assert_false(pace_is_lost(&p, now, WINDOW, 1));
    assert_true(pace_is_lost(&p, now + 1000, WINDOW, 1));
}

static void the_least_rate_is_enough(void **state)
{
    (void)state;
    struct pace p;
    pace_begin(&p, 0);
    for (int64_t now = 1000; now < 100 * 1000; now += 1000)
        assert_false(pace_is_lost(&p, now, WINDOW, 16));
    assert_false(pace_is_lost(&p, 130 * 1000, WINDOW, 16 * 40)); /* a burst behind a pause */
    pace_begin(&p, 0);
    for (int64_t now = 1000; now < WINDOW; now += 1000)
        assert_false(pace_is_lost(&p, now, WINDOW, 15));
    assert_true(pace_is_lost(&p, WINDOW, WINDOW, 15));
}

static void our_own_pauses_do_not_count(void **state)
{
    (void)state;
    struct pace p;
    pace_begin(&p, 0);
    assert_false(pace_is_lost(&p, 1000, WINDOW, 1));
    pace_resume(&p, 500 * 1000);
    assert_false(pace_is_lost(&p, 501 * 1000, WINDOW, 1));
    assert_false(pace_is_lost(&p, 510 * 1000, WINDOW, 160));
}

static void there_is_an_end(void **state)
{
    (void)state;
    struct pace p;
    int64_t most = setting_get(&set_io_upload_time);
    pace_begin(&p, 7);
    assert_false(pace_is_lost(&p, most + 7, WINDOW, 1000000000));
    assert_true(pace_is_lost(&p, most + 8, WINDOW, 1000000000));
}

static void a_rate_of_zero_is_none(void **state)
{
    (void)state;
    struct pace p;
    assert_int_equal(setting_parse(&set_io_rate_min, S("0"), NULL), 0);
    pace_begin(&p, 0);
    assert_false(pace_is_lost(&p, WINDOW, WINDOW, 1));
    assert_int_equal(setting_parse(&set_io_rate_min, S("16"), NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_now_and_then_is_too_little),
        cmocka_unit_test(the_least_rate_is_enough),
        cmocka_unit_test(our_own_pauses_do_not_count),
        cmocka_unit_test(there_is_an_end),
        cmocka_unit_test(a_rate_of_zero_is_none),
    };
    return RUN_TESTS(tests);
}
