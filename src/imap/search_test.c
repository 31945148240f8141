/* search_test.c - text matching and the envelope that SEARCH reads back. */
#include "base/test.h"
#include "format/imap_structure.h"
#include "imap/search.h"

static bool in(const char *needle, const char *text)
{
    ARENA_SCOPE a = {0};
    struct needle n;
    assert_int_equal(needle_make(slice_str(needle), &a, &n), 0);
    return needle_in(&n, slice_str(text));
}

static void substrings_without_case(void **state)
{
    (void)state;
    assert_true(in("", ""));
    assert_true(in("", "x"));
    assert_true(in("BODY", "nobody here"));
    assert_false(in("bodies", "nobody here"));
    assert_true(in("stra\xc3\x9f"
                   "e",
                   "HAUPTSTRASSE 1"));
    assert_true(in("STRASSE", "Hauptstra\xc3\x9f"
                              "e"));
    assert_true(in("gr\xc3\x9c\xc3\x9f"
                   "e",
                   "Sch\xc3\xb6ne GR\xc3\xbcSSE"));
    assert_true(in("\xce\xa3\xce\xa9", "\xcf\x83\xcf\x89")); /* sigma, omega */
    assert_true(in("e\xcc\x81t", "\xc3\x89T\xc3\x89"));      /* composed and not */
    assert_true(in("\xe6\x97\xa5\xe6\x9c\xac", "\xe5\x9c\xa8\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"));
    assert_true(in("a", "\xc3\xa4")); /* RFC 5051: A, combining diaeresis */
    assert_false(in("\xc3\xa4", "a"));
}

static void long_texts_are_read_in_windows(void **state)
{
    (void)state;
    BUF_SCOPE text = {0};
    while (text.n < 3 * 256 * 1024)
        buf_adds(&text, "\xc3\xa4\xe2\x82\xac ");
    size_t places[] = {0, 256 * 1024 - 3, 256 * 1024, 512 * 1024 - 1, text.n - 12};
    ARENA_SCOPE a = {0};
    struct needle n;
    assert_int_equal(needle_make(S("N\xc3\x84"
                                   "DEL"),
                                 &a, &n),
                     0);
    assert_false(needle_in(&n, buf_slice(&text)));
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char kept[8];
        size_t at = places[i] - places[i] % 6; /* between characters */
        memcpy(kept, text.p + at, 6);
        memcpy(text.p + at,
               "n\xc3\xa4"
               "del",
               6);
        assert_true(needle_in(&n, buf_slice(&text)));
        memcpy(text.p + at, kept, 6);
    }
}

static void envelopes_are_read_back(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct message *m;
    struct slice bytes =
        S("Date: Mon, 2 Jan 2006 15:04:05 +0100\r\n"
          "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= \"quoted\" \\ back\r\n"
          "From: \"A. B\" <a@x>, g: b@y, c@z;\r\nTo: =?iso-8859-1?q?J=F6rg?= <j@d>\r\n"
          "Cc: raw \xff <r@s>\r\n\r\n");
    assert_int_equal(message_parse(bytes, NULL, &a, &m, NULL), 0);
    BUF_SCOPE env = {0};
    imap_envelope(m->root, &env);
    BUF_SCOPE out = {0};
    envelope_text(buf_slice(&env), ENVELOPE_SUBJECT, &out);
    assert_slice(buf_slice(&out), "Gr\xc3\xbc\xc3\x9f"
                                  "e \"quoted\" \\ back");
    buf_reset(&out);
    envelope_text(buf_slice(&env), ENVELOPE_TO, &out);
    assert_slice(buf_slice(&out), "J\xc3\xb6rg <j@d>\n");
    buf_reset(&out);
    envelope_text(buf_slice(&env), ENVELOPE_FROM, &out);
    assert_true(slice_search(buf_slice(&out), S("A. B <a@x>")) >= 0);
    assert_true(slice_search(buf_slice(&out), S("<c@z>")) >= 0);
    buf_reset(&out);
    envelope_text(buf_slice(&env), ENVELOPE_DATE, &out);
    assert_slice(buf_slice(&out), "Mon, 2 Jan 2006 15:04:05 +0100");
    buf_reset(&out);
    envelope_text(buf_slice(&env), ENVELOPE_BCC, &out);
    assert_int_equal(out.n, 0);
    /* Any cut of it is read without harm. */
    for (size_t n = 0; n < env.n; n++)
        for (int f = 0; f < ENVELOPE_FIELDS; f++) {
            buf_reset(&out);
            envelope_text(slice_sub(buf_slice(&env), 0, n), (enum envelope_field)f, &out);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(substrings_without_case),
        cmocka_unit_test(long_texts_are_read_in_windows),
        cmocka_unit_test(envelopes_are_read_back),
    };
    return RUN_TESTS(tests);
}
