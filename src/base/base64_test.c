/* base64_test.c - the examples of RFC 4648 10, and what the strict decoder refuses. */
#include "base/base64.h"

#include "base/test.h"

static void examples_go_both_ways(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BUF_SCOPE coded = {0};
        BUF_SCOPE plain = {0};
        struct err e = {0};
        base64_encode(&coded, slice_str(rows[i][0]));
        assert_slice(buf_slice(&coded), rows[i][1]);
        assert_int_equal(base64_decode(&plain, slice_str(rows[i][1]), &e), 0);
        assert_slice(buf_slice(&plain), rows[i][0]);
    }
}

static void every_byte_survives_and_appends(void **state)
{
    (void)state;
    unsigned char all[256];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (unsigned char)i;
    for (size_t n = 0; n <= sizeof(all); n++) {
        BUF_SCOPE coded = {0};
        BUF_SCOPE plain = {0};
        buf_adds(&plain, "before");
        base64_encode(&coded, slice_of(all, n));
        assert_int_equal(base64_decode(&plain, buf_slice(&coded), NULL), 0);
        assert_int_equal(plain.n, n + 6);
        assert_memory_equal(plain.p + 6, all, n);
    }
}

static void what_is_not_canonical_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"Z",    "Zg",   "Zg=",  "Zg==Zg==", "Zh==",
                                      "Zm9=", "====", "A===", "AB=C",     "Zm9v\r\n",
                                      "Zm 9", "Zm9-", "Zm9_", "=AAA"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BUF_SCOPE out = {0};
        struct err e = {0};
        buf_adds(&out, "kept");
        assert_int_equal(base64_decode(&out, slice_str(bad[i]), &e), -1);
        assert_int_equal(e.code, ERR_SYNTAX);
        assert_slice(buf_slice(&out), "kept");
    }
    BUF_SCOPE out = {0};
    assert_int_equal(base64_decode(&out, slice_of("A\0AA", 4), NULL), -1);
}

static void output_has_a_limit(void **state)
{
    (void)state;
    BUF_SCOPE out = {.max = 5};
    struct err e = {0};
    assert_int_equal(base64_decode(&out, S("Zm9vYmFy"), &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    BUF_SCOPE coded = {.max = 7};
    base64_encode(&coded, S("foobar"));
    assert_true(coded.failed && coded.n == 0);
    /* The limit is on what comes out, not on an estimate of it. */
    BUF_SCOPE exact = {.max = 4};
    assert_int_equal(base64_decode(&exact, S("Zm9vYg=="), &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_go_both_ways),
        cmocka_unit_test(every_byte_survives_and_appends),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(output_has_a_limit),
    };
    return RUN_TESTS(tests);
}
