/* slice_test.c - cuts, numbers and comparisons of slices. */
#include "base/test.h"

static void cut_walks_every_field(void **state)
{
    (void)state;
    struct slice rest = S("a,,b,");
    const char *want[] = {"a", "", "b", ""};
    size_t i = 0;
    while (rest.p) {
        struct slice field = slice_cut(&rest, ',');
        assert_true(i < 4 && slice_eq(field, slice_str(want[i])));
        i++;
    }
    assert_int_equal(i, 4);
}

static void numbers_refuse_what_is_none(void **state)
{
    (void)state;
    uint64_t v = 7;
    assert_int_equal(slice_u64(S("18446744073709551615"), &v), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(slice_u64(S("18446744073709551616"), &v), -1);
    assert_int_equal(slice_u64(S(""), &v), -1);
    assert_int_equal(slice_u64(S("-1"), &v), -1);
    assert_int_equal(slice_u64(S("1 "), &v), -1);
    uint32_t w;
    assert_int_equal(slice_u32(S("4294967296"), &w), -1);
    assert_int_equal(slice_u32(S("4294967295"), &w), 0);
    assert_int_equal(slice_hex(S("fFfFfFfFfFfFfFf0"), &v), 0);
    assert_true(v == 0xfffffffffffffff0u);
    assert_int_equal(slice_hex(S("10000000000000000"), &v), -1);
    assert_int_equal(slice_hex(S(""), &v), -1);
    assert_int_equal(slice_hex(S("0x1"), &v), -1);
    assert_int_equal(slice_hex(S("g"), &v), -1);
}

static void comparison_folds_ascii_only(void **state)
{
    (void)state;
    assert_true(slice_eqi(S("INBOX"), S("inbox")));
    assert_false(slice_eqi(S("\xc3\x84"), S("\xc3\xa4")));
    assert_true(slice_startsi(S("Re: x"), S("re:")));
    assert_int_equal(slice_searchi(S("abcDEF"), S("cde")), 2);
    assert_int_equal(slice_search(S("abc"), S("abcd")), -1);
    assert_true(slice_cmp(S("a"), S("ab")) < 0);
}

static void distance_counts_edits(void **state)
{
    (void)state;
    assert_int_equal(slice_distance(S("ports"), S("ports")), 0);
    assert_int_equal(slice_distance(S("acount"), S("account")), 1);
    assert_int_equal(slice_distance(S("prots"), S("ports")), 2);
    assert_int_equal(slice_distance(S(""), S("abc")), 3);
    assert_int_equal(slice_distance(S("abc"), S("")), 3);
    char longer[70] = {0};
    assert_int_equal(slice_distance((struct slice){longer, 64}, S("a")), 63);
    assert_int_equal(slice_distance(S("a"), (struct slice){longer, 64}), 63);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_walks_every_field),
        cmocka_unit_test(numbers_refuse_what_is_none),
        cmocka_unit_test(comparison_folds_ascii_only),
        cmocka_unit_test(distance_counts_edits),
    };
    return RUN_TESTS(tests);
}
