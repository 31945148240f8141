/* base64_test.c - the examples of RFC 4648 10, and what the strict decoder refuses. */
#include "base/base64.h"

#include <stdlib.h>

#include "base/random.h"
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

static size_t reference(char *out, const unsigned char *in, size_t n)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t bits = 0, have = 0, made = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | in[i];
        for (have += 8; have >= 6; have -= 6)
            out[made++] = alphabet[bits >> (have - 6) & 63];
    }
    if (have)
        out[made++] = alphabet[bits << (6 - have) & 63];
    while (made % 4)
        out[made++] = '=';
    return made;
}

enum { LONGEST = 700 };

/* The quick ways meet the slow one, whatever the length, to the byte: each piece of memory is as
   long as it has to be, so that the sanitizer sees what is read or written beside it. */
static void every_length_is_coded_as_the_definition_says(void **state)
{
    (void)state;
    for (size_t n = 1; n <= LONGEST; n++) {
        size_t chars = (n + 2) / 3 * 4, whole = n / 3 * 4;
        char *wanted = malloc(chars), *text = malloc(chars), *bytes = malloc(n), *back = malloc(n);
        random_bytes(bytes, n);
        assert_int_equal(reference(wanted, (const unsigned char *)bytes, n), chars);
        base64_put(text, bytes, n);
        assert_memory_equal(text, wanted, chars);
        assert_int_equal(base64_groups(back, text, chars), whole);
        if (whole < chars)
            assert_int_equal(base64_padded(back + whole / 4 * 3, text + whole), n % 3);
        assert_memory_equal(back, bytes, n);
        free(wanted);
        free(text);
        free(bytes);
        free(back);
    }
}

static void bytes_may_lie_in_the_room_of_their_characters(void **state)
{
    (void)state;
    for (size_t n = 3; n <= LONGEST; n += 3) {
        char *room = malloc(n / 3 * 4), *wanted = malloc(n / 3 * 4), *bytes = room + n / 3;
        random_bytes(bytes, n);
        reference(wanted, (const unsigned char *)bytes, n);
        base64_put(room, bytes, n);
        assert_memory_equal(room, wanted, n / 3 * 4);
        free(room);
        free(wanted);
    }
}

/* Each character at each place of a register and behind it. */
static void groups_end_where_something_else_stands(void **state)
{
    (void)state;
    enum { CHARS = 60 };
    char text[CHARS], out[CHARS / 4 * 3];
    for (size_t at = 0; at < CHARS; at++)
        for (int c = 0; c < 256; c++) {
            memset(text, 'x', sizeof text);
            text[at] = (char)c;
            bool digit = base64_digits[c] != 0;
            assert_int_equal(base64_groups(out, text, CHARS), digit ? CHARS : at / 4 * 4);
            assert_true(digit ==
                        (ascii_alpha((char)c) || ascii_digit((char)c) || c == '+' || c == '/'));
        }
}

static void a_padded_group_has_one_spelling(void **state)
{
    (void)state;
    char out[2], again[4], text[4] = "AA==";
    unsigned good = 0;
    for (int a = 0; a < 256; a++)
        for (int b = 0; b < 256; b++)
            for (int c = 0; c < 256; c++) {
                text[0] = (char)a;
                text[1] = (char)b;
                text[2] = (char)c;
                size_t n = base64_padded(out, text);
                if (!n)
                    continue;
                good++;
                base64_put(again, out, n);
                assert_memory_equal(again, text, 4);
            }
    assert_int_equal(good, 256 + 65536);
    assert_int_equal(base64_padded(out, "AAAA"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_go_both_ways),
        cmocka_unit_test(every_byte_survives_and_appends),
        cmocka_unit_test(what_is_not_canonical_is_refused),
        cmocka_unit_test(output_has_a_limit),
        cmocka_unit_test(every_length_is_coded_as_the_definition_says),
        cmocka_unit_test(bytes_may_lie_in_the_room_of_their_characters),
        cmocka_unit_test(groups_end_where_something_else_stands),
        cmocka_unit_test(a_padded_group_has_one_spelling),
    };
    return RUN_TESTS(tests);
}
