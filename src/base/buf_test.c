/* buf_test.c - growth, the limit to the byte, and what failure leaves. */
#include "base/buf.h"

#include "base/test.h"

static void appends_and_numbers(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    buf_adds(&b, "a");
    buf_addc(&b, 'b');
    buf_addu(&b, 0);
    buf_addu(&b, UINT64_MAX);
    buf_addf(&b, "%s%d", "c", -5);
    buf_adds(&b, NULL);
    buf_add(&b, SNONE);
    assert_slice(buf_slice(&b), "ab018446744073709551615c-5");
    assert_string_equal(buf_cstr(&b), "ab018446744073709551615c-5");
    buf_drop(&b, 2);
    assert_slice(buf_slice(&b), "018446744073709551615c-5");
    buf_drop(&b, 1000);
    assert_int_equal(b.n, 0);
    assert_string_equal(buf_cstr(&b), "");
}

static void limit_is_exact_for_every_way_to_append(void **state)
{
    (void)state;
    for (size_t max = 1; max < 700; max += 37) {
        char text[800];
        memset(text, 'x', sizeof(text));
        for (int way = 0; way < 2; way++) {
            BUF_SCOPE fits = {.max = max};
            BUF_SCOPE over = {.max = max};
            struct slice s = slice_of(text, max), more = slice_of(text, max + 1);
            assert_int_equal(way ? buf_addf(&fits, "%.*s", SARG(s)) : buf_add(&fits, s), 0);
            assert_int_equal(fits.n, max);
            assert_int_equal(strlen(buf_cstr(&fits)), max);
            assert_int_equal(way ? buf_addf(&over, "%.*s", SARG(more)) : buf_add(&over, more), -1);
            assert_int_equal(over.n, 0);
            assert_true(over.failed);
        }
    }
}

static void failure_stays_until_reset(void **state)
{
    (void)state;
    BUF_SCOPE b = {.max = 4};
    assert_int_equal(buf_adds(&b, "abc"), 0);
    assert_int_equal(buf_adds(&b, "de"), -1);
    assert_int_equal(buf_addc(&b, 'd'), -1);
    assert_null(buf_space(&b, 1));
    assert_null(buf_cstr(&b));
    assert_slice(buf_slice(&b), "abc");
    buf_reset(&b);
    assert_int_equal(buf_adds(&b, "wxyz"), 0);
    buf_done(&b);
    assert_int_equal(b.max, 4);
    assert_int_equal(buf_adds(&b, "12345"), -1);
}

static void room_of_nothing_is_a_place(void **state)
{
    (void)state;
    BUF_SCOPE b = {.max = 1};
    assert_non_null(buf_space(&b, 0));
    buf_addc(&b, 'x');
    assert_non_null(buf_space(&b, 0));
    assert_null(buf_space(&b, 1));
}

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    BUF_SCOPE b = {.max = SIZE_MAX};
    buf_addc(&b, 'x');
    assert_int_equal(buf_reserve(&b, SIZE_MAX), -1);
    buf_reset(&b);
    assert_int_equal(buf_reserve(&b, SIZE_MAX - 64), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_and_numbers),
        cmocka_unit_test(limit_is_exact_for_every_way_to_append),
        cmocka_unit_test(failure_stays_until_reset),
        cmocka_unit_test(room_of_nothing_is_a_place),
        cmocka_unit_test(sizes_that_overflow_are_refused),
    };
    return RUN_TESTS(tests);
}
