/* utf8_test.c - RFC 3629: every code point goes both ways, every ill-formed sequence is refused. */
#include "base/utf8.h"

#include "base/test.h"

static void every_code_point_goes_both_ways(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    for (uint32_t cp = 0; cp <= 0x10ffff; cp++) {
        uint32_t got = 0;
        buf_reset(&b);
        utf8_add(&b, cp);
        assert_int_equal(utf8_next(b.p, b.n, &got), b.n);
        if (cp >= 0xd800 && cp <= 0xdfff)
            assert_int_equal(got, 0xfffd);
        else
            assert_int_equal(got, cp);
        for (size_t less = 0; less < b.n; less++)
            assert_int_equal(utf8_next(b.p, less, &got), 0);
    }
    buf_reset(&b);
    utf8_add(&b, 0x110000);
    utf8_add(&b, UINT32_MAX);
    assert_slice(buf_slice(&b), "\xef\xbf\xbd\xef\xbf\xbd");
}

static void ill_formed_sequences_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xf8\x88\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xc3(",
        "\xe2\x82",
        "\xf0\x9f\x98",
        "a\xc3",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(utf8_valid(slice_str(bad[i])));
    assert_true(utf8_valid(S("")));
    assert_true(utf8_valid(S("z\xc3\x9f\xe6\xb0\xb4\xf0\x9f\x8c\x8d")));
    assert_true(utf8_valid(slice_of("a\0b", 3)));
    assert_true(ascii_only(S("a~\x7f")) && !ascii_only(S("a\x80")) && ascii_only(SNONE));
}

static void repair_gives_valid_text_and_keeps_what_was_good(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    utf8_add_repaired(&b, S("a\xff\xfe\xc3\xa4\xc3z\xe2\x82"));
    assert_slice(buf_slice(&b), "a\xef\xbf\xbd\xc3\xa4\xef\xbf\xbdz\xef\xbf\xbd");
    uint32_t seed = 7;
    for (int round = 0; round < 5000; round++) {
        char raw[24];
        for (size_t i = 0; i < sizeof(raw); i++) {
            seed = seed * 1664525u + 1013904223u;
            raw[i] = (char)(seed >> (seed & 1 ? 24 : 16));
        }
        struct slice in = slice_of(raw, seed % sizeof(raw));
        buf_reset(&b);
        utf8_add_repaired(&b, in);
        assert_true(utf8_valid(buf_slice(&b)));
        if (utf8_valid(in))
            assert_true(slice_eq(in, buf_slice(&b)));
    }
}

static void counting_and_controls(void **state)
{
    (void)state;
    assert_int_equal(utf8_count(S("")), 0);
    assert_int_equal(utf8_count(S("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80")), 4);
    assert_int_equal(utf8_count(S("\xff\xc3z")), 3);
    assert_false(ascii_has_control(S(" ~\xc3\xa4")));
    assert_true(ascii_has_control(S("a\x7f")) && ascii_has_control(S("a\tb")) &&
                ascii_has_control(S("\0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_goes_both_ways),
        cmocka_unit_test(ill_formed_sequences_are_refused),
        cmocka_unit_test(repair_gives_valid_text_and_keeps_what_was_good),
        cmocka_unit_test(counting_and_controls),
    };
    return RUN_TESTS(tests);
}
