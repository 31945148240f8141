/* names_test.c - sorting of more names than a run holds; the order of Maildir names. */
#include "base/test.h"

#include <stdio.h>

#include "cli/names.h"

static void order_is_time_then_name_without_flags(void **state)
{
    (void)state;
    assert_true(names_compare(S("999.a"), S("1000.a")) < 0);
    assert_true(names_compare(S("1000.a:2,S"), S("1000.b:2,")) < 0);
    assert_true(names_compare(S("1000.a:2,S"), S("1000.a:2,FS")) == 0);
    assert_true(names_compare(S("x"), S("1.y")) < 0);
}

static void many_names_come_back_sorted(void **state)
{
    (void)state;
    enum { COUNT = 130001 };
    struct err e = {0};
    struct names *n = names_new();
    char name[64], tag;
    struct slice got;
    /* 7919 is a prime: every number below COUNT once, in no order */
    for (uint64_t i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "%llu.M%llu.host:2,S", (unsigned long long)(i * 7919 % COUNT),
                 (unsigned long long)i);
        assert_int_equal(names_add(n, i % 2 ? 'n' : 'c', slice_str(name), &e), 0);
    }
    assert_int_equal(names_count(n), COUNT);
    for (uint64_t i = 0; i < COUNT; i++) {
        uint64_t number;
        assert_int_equal(names_next(n, &tag, &got, &e), 1);
        assert_true(tag == 'n' || tag == 'c');
        assert_int_equal(slice_u64(slice_cut(&got, '.'), &number), 0);
        assert_int_equal(number, i);
    }
    assert_int_equal(names_next(n, &tag, &got, &e), 0);
    assert_int_equal(names_next(n, &tag, &got, &e), 0);
    names_free(n);
}

static void few_and_none(void **state)
{
    (void)state;
    struct err e = {0};
    char tag;
    struct slice got;
    struct names *n = names_new();
    assert_int_equal(names_next(n, &tag, &got, &e), 0);
    names_free(n);
    n = names_new();
    static char big[5000];
    memset(big, 'x', sizeof(big));
    assert_int_equal(names_add(n, 'c', slice_of(big, sizeof(big)), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(names_add(n, 'c', S("b"), &e), 0);
    assert_int_equal(names_add(n, 'n', S("a"), &e), 0);
    assert_int_equal(names_next(n, &tag, &got, &e), 1);
    assert_int_equal(tag, 'n');
    assert_slice(got, "a");
    names_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_is_time_then_name_without_flags),
        cmocka_unit_test(many_names_come_back_sorted),
        cmocka_unit_test(few_and_none),
    };
    return RUN_TESTS(tests);
}
