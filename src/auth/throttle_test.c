/* throttle_test.c - scores by time given to them: slowing, forgetting, independence of addresses
   and accounts, and people who are known. */
#include "base/test.h"

#include <stdio.h>

#include "auth/internal.h"

static bool waits(const struct attempt *t, int64_t now)
{
    return throttle_check(t, now, NULL) != 0;
}

static int64_t fail_until_it_waits(const struct attempt *t, int64_t now, int *ret_failures)
{
    for (int i = 0; i < 100; i++) {
        if (waits(t, now)) {
            *ret_failures = i;
            return now;
        }
        throttle_failed(t, now);
    }
    fail_msg("nothing waits");
    return 0;
}

static void failures_slow_down(void **state)
{
    (void)state;
    struct attempt t = throttle_attempt(S("192.0.2.1"), 1001, S(""));
    int64_t now = 1000000, last = 0;
    int failures = 0;
    fail_until_it_waits(&t, now, &failures);
    assert_int_equal(failures, 6);
    for (int i = 0; i < 10; i++) {
        int64_t began = now;
        while (waits(&t, now))
            now += 10;
        int64_t took = now - began;
        assert_true(took <= 60000);
        if (i < 5) /* doubles, less what is forgotten meanwhile */
            assert_true(took >= last * 3 / 2 && took >= 900);
        last = took;
        throttle_failed(&t, now);
    }
    assert_true(last > 20000);
    assert_true(waits(&t, now));
    assert_false(waits(&t, now + 3600000));
}

static void answers_are_held_back(void **state)
{
    (void)state;
    struct attempt t = throttle_attempt(S("192.0.2.2"), 1002, S(""));
    unsigned first = throttle_failed(&t, 5000), second = throttle_failed(&t, 5000);
    assert_true(first > 0 && second > first);
    for (int i = 0; i < 100; i++)
        assert_true(throttle_failed(&t, 5000) <= 5000);
}

static void an_address_is_slowed_for_all_accounts(void **state)
{
    (void)state;
    int64_t now = 1000000;
    for (uint64_t i = 0; i < 6; i++) {
        struct attempt t = throttle_attempt(S("2001:db8:1:2::1"), 2000 + i, S(""));
        throttle_failed(&t, now);
    }
    struct attempt same = throttle_attempt(S("2001:db8:1:2:ffff::9"), 2100, S(""));
    struct attempt other = throttle_attempt(S("2001:db8:1:3::1"), 2100, S(""));
    struct attempt mapped = throttle_attempt(S("::ffff:192.0.2.77"), 2100, S(""));
    struct attempt v4 = throttle_attempt(S("192.0.2.77"), 2101, S(""));
    assert_true(waits(&same, now));
    assert_false(waits(&other, now));
    assert_true(mapped.address == v4.address && mapped.account != v4.account);
    assert_true(throttle_attempt(S("127.0.0.1"), 1, S("")).address == 0);
    assert_true(throttle_attempt(S("::1"), 1, S("")).address == 0);
}

static void known_people_are_not_locked_out(void **state)
{
    (void)state;
    int64_t now = 1000000;
    char address[32];
    struct attempt home = throttle_attempt(S("198.51.100.7"), 3000, S(""));
    struct attempt cafe = throttle_attempt(S("198.51.100.99"), 3000, S(""));
    throttle_succeeded(&home, now);
    for (int i = 0; i < 20; i++) {
        snprintf(address, sizeof(address), "203.0.113.%d", i);
        struct attempt t = throttle_attempt(slice_str(address), 3000, S(""));
        throttle_failed(&t, now);
    }
    assert_true(waits(&cafe, now));
    assert_false(waits(&home, now));
    /* Guessing from the known address ends that. */
    for (int i = 0; i < 15; i++)
        throttle_failed(&home, now);
    assert_true(waits(&home, now));
}

static void names_of_nobody_count_without_case(void **state)
{
    (void)state;
    struct attempt a = throttle_attempt(S("192.0.2.3"), 0, S("Ghost@x.test"));
    struct attempt b = throttle_attempt(S("192.0.2.3"), 0, S("ghost@X.test"));
    struct attempt c = throttle_attempt(S("192.0.2.3"), 0, S("host@x.test"));
    assert_true(a.account == b.account && a.account != c.account);
}

static void a_flood_of_names_stays_in_the_table(void **state)
{
    (void)state;
    for (uint64_t i = 1; i < 200000; i++) {
        struct attempt t = throttle_attempt(S("127.0.0.1"), i, S(""));
        throttle_failed(&t, 1000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_slow_down),
        cmocka_unit_test(answers_are_held_back),
        cmocka_unit_test(an_address_is_slowed_for_all_accounts),
        cmocka_unit_test(known_people_are_not_locked_out),
        cmocka_unit_test(names_of_nobody_count_without_case),
        cmocka_unit_test(a_flood_of_names_stays_in_the_table),
    };
    return RUN_TESTS(tests);
}
