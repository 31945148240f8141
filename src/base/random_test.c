/* random_test.c - names have their length and alphabet; clocks go on. */
#include "base/random.h"

#include <string.h>

#include "base/clock.h"
#include "base/test.h"

static void names_are_of_the_alphabet(void **state)
{
    (void)state;
    char name[33];
    for (size_t n = 0; n < sizeof(name); n++) {
        random_name(name, n);
        assert_int_equal(strlen(name), n);
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz234567"), n);
    }
    assert_true(random_u64() != random_u64());
}

static void clocks_agree(void **state)
{
    (void)state;
    int64_t ms = clock_now_ms(), sec = clock_now();
    assert_in_range(sec - ms / 1000, 0, 1);
    int64_t a = clock_mono_us(), b = clock_mono_ms();
    assert_in_range(b - a / 1000, 0, 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_of_the_alphabet),
        cmocka_unit_test(clocks_agree),
    };
    return RUN_TESTS(tests);
}
