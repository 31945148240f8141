/* normal_test.c - the stored form of addresses: folding, NFC, IDNA, quoting, and what is refused.
 */
#include "base/test.h"

#include "directory/normal.h"

static void forms_that_are_the_same(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"User@Example.TEST", "user@example.test"},
        {"a.b+c@x.test", "a.b+c@x.test"},
        {"\"user\"@x.test", "user@x.test"},
        {"\"us\\er\"@x.test", "user@x.test"},
        {"\"a b\"@x.test", "\"a b\"@x.test"},
        {"\"a@b\"@x.test", "\"a@b\"@x.test"},
        {"\"A\\\"b\"@x.test", "\"a\\\"b\"@x.test"},
        {"\"..\"@x.test", "\"..\"@x.test"},
        /* only ASCII is folded in the local part; decomposed becomes composed */
        {"J\xc3\x96rg@x.test", "j\xc3\x96rg@x.test"},
        {"jo\xcc\x88rg@x.test", "j\xc3\xb6rg@x.test"},
        {"u@B\xc3\x9c"
         "CHER.example",
         "u@xn--bcher-kva.example"},
        {"u@XN--BCHER-KVA.example", "u@xn--bcher-kva.example"},
        {"u@fa\xc3\x9f.de", "u@xn--fa-hia.de"},
        {"u@a_b.x-y.test", "u@a_b.x-y.test"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_SCOPE a = {0};
        struct address_normal n;
        struct err e = {0};
        if (address_normal(slice_str(rows[i][0]), &a, &n, &e))
            fail_msg("%s: %s", rows[i][0], e.text);
        assert_slice(n.whole, rows[i][1]);
        assert_int_equal(n.local.n, n.as_is.n);
        /* the form is its own form */
        assert_int_equal(address_normal(n.whole, &a, &n, &e), 0);
        assert_slice(n.whole, rows[i][1]);
    }
}

static void what_is_refused(void **state)
{
    (void)state;
    static const struct slice rows[] = {
        S_INIT(""),
        S_INIT("@"),
        S_INIT("user"),
        S_INIT("user@"),
        S_INIT("@x.test"),
        S_INIT("\"\"@x.test"),
        S_INIT("\"@x.test"),
        S_INIT("\"a\\\"@x.test"),
        S_INIT("\"a\"b@x.test"),
        S_INIT("a b@x.test"),
        S_INIT("a@b@x.test"),
        S_INIT(".a@x.test"),
        S_INIT("a.@x.test"),
        S_INIT("a..b@x.test"),
        S_INIT("a\r\nb@x.test"),
        S_INIT("a\0b@x.test"),
        S_INIT("a@x\0.test"),
        S_INIT("a\x7f@x.test"),
        S_INIT("a\xff@x.test"),
        S_INIT("a\xc0\xaf@x.test"),
        S_INIT("a@[127.0.0.1]"),
        S_INIT("a@x..test"),
        S_INIT("a@.test"),
        S_INIT("a@x.test."),
        S_INIT("a@-x.test"),
        S_INIT("a@x-.test"),
        S_INIT("a@x/../y"),
        S_INIT("a@x test"),
        S_INIT("1234567890123456789012345678901234567890123456789012345678901234z@x.test"),
        S_INIT("a@1234567890123456789012345678901234567890123456789012345678901234.test"),
        S_INIT("a@\xe2\x80\xae.test"),
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ARENA_SCOPE a = {0};
        struct address_normal n;
        struct err e = {0};
        if (address_normal(rows[i], &a, &n, &e) == 0)
            fail_msg("row %zu was taken as %.*s", i, SARG(n.whole));
        assert_int_equal(e.code, ERR_SYNTAX);
    }
}

static void long_input_ends_early(void **state)
{
    (void)state;
    ARENA_SCOPE a = {.limit = 8192};
    static char big[1 << 20];
    struct address_normal n;
    struct slice domain;
    struct err e = {0};
    memset(big, 'a', sizeof(big));
    assert_int_equal(domain_normal(slice_of(big, sizeof(big)), &a, &domain, &e), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
    memcpy(big + sizeof(big) - 7, "@x.test", 7);
    assert_int_equal(address_normal(slice_of(big, sizeof(big)), &a, &n, &e), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_that_are_the_same),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(long_input_ends_early),
    };
    return RUN_TESTS(tests);
}
