/* Unit tests of modified UTF-7, Net-Unicode and the base subject. */
#include "base/test.h"

#include "format/mutf7.h"
#include "format/netunicode.h"
#include "format/subject.h"
#include "format/text.h"

static void both(const char *utf8, const char *encoded)
{
    BUF_SCOPE out = {0};
    struct err e = {0};
    assert_int_equal(mutf7_encode(slice_str(utf8), &out, &e), 0);
    assert_slice(buf_slice(&out), encoded);
    buf_reset(&out);
    assert_int_equal(mutf7_decode(slice_str(encoded), &out, &e), 0);
    assert_slice(buf_slice(&out), utf8);
}

static void modified_utf7(void **state)
{
    (void)state;
    both("INBOX", "INBOX");
    both("a&b", "a&-b");
    both("~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
         "~peter/mail/&U,BTFw-/&ZeVnLIqe-"); /* RFC 3501 5.1.3 */
    both("\xf0\x9f\x98\x80-\xc3\xa4", "&2D3eAA--&AOQ-");
    both("&\xc3\xa4", "&-&AOQ-");
    static const char *const bad[] = {
        "&",     "a&b",      "&AOQ",     "&AO-",       "&AOR-",    "&AOQA-",
        "&AGE-", "&2D0-",    "&3gA-",    "&AOQ-&AOQ-", "\xc3\xa4", "a\tb",
        "&A/Q-", "&AOQAAA-", "&2D0A5A-", "&AOQ=-",     "&=-",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BUF_SCOPE out = {0};
        struct err e = {0};
        if (mutf7_decode(slice_str(bad[i]), &out, &e) == 0)
            fail_msg("%s was taken", bad[i]);
        assert_int_equal(e.code, ERR_SYNTAX);
        assert_int_equal(out.n, 0);
    }
    BUF_SCOPE out = {0};
    assert_int_equal(mutf7_encode(S("\xff"), &out, NULL), -1);
    assert_int_equal(mutf7_encode(S("a\0b"), &out, NULL), -1);
    assert_int_equal(mutf7_encode(S("\xed\xa0\x80"), &out, NULL), -1);
}

static void net_unicode(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    struct err e = {0};
    assert_int_equal(netunicode(S("a\xcc\x88 \xe2\x84\xab"), &out, &e), 0);
    assert_slice(buf_slice(&out), "\xc3\xa4 \xc3\x85");
    static const char *const bad[] = {
        "\xff",         "a\n",          "\x7f",         "\xc2\x85",
        "\xe2\x80\xa8", "\xef\xbb\xbf", "\xef\xbf\xbf", "\xf0\x9f\xbf\xbe",
        "\xc0\x80",     "\xcd\xb8"}; /* U+0378 is no character yet */
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(netunicode(slice_str(bad[i]), &out, &e), -1);
    buf_reset(&out);
    assert_int_equal(netunicode(S("\xee\x80\x80"), &out, &e), 0); /* private ones are */
    static const char *const names[] = {"plain", "gr\xc3\xbcn"};
    for (size_t i = 0; i < 2; i++) {
        BUF_SCOPE small = {.max = 4};
        assert_int_equal(netunicode(slice_str(names[i]), &small, &e), -1);
        assert_int_equal(e.code, ERR_LIMIT);
    }
    BUF_SCOPE map = {0};
    text_casemap(S("Stra\xc3\x9f"
                   "e \xc3\xa4 \xef\xac\x81 a"),
                 &map);
    assert_slice(buf_slice(&map), "STRA\xc3\x9f"
                                  "E A\xcc\x88 fi A");
    buf_reset(&map);
    text_casemap(S("\xc7\x84 \xc7\x86"), &map); /* RFC 5051 2, the example */
    assert_slice(buf_slice(&map), "Dz\xcc\x8c Dz\xcc\x8c");
    buf_reset(&map);
    text_casemap(S("\xea\xb0\x80 a\xff"), &map); /* no UTF-8: i;octet */
    assert_slice(buf_slice(&map), "\xea\xb0\x80 a\xff");
}

static void subject(const char *in, const char *want, bool reply)
{
    BUF_SCOPE out = {0};
    bool r = subject_base(slice_str(in), &out);
    assert_slice(buf_slice(&out), want);
    assert_int_equal(r, reply);
}

static void base_subject(void **state)
{
    (void)state;
    subject("Hello", "Hello", false);
    subject("  Re:  re: hello \t there ", "hello there", true);
    subject("Re [2]: x", "x", true);
    subject("[list] Re: [list] x (fwd) (FWD)", "x", true);
    subject("[a] [b] x", "x", false);
    subject("[a] [b]", "[b]", false);
    subject("[a]", "[a]", false);
    subject("Fwd: [fwd: re: x]", "x", true);
    subject("[Fwd: [Fwd: x] (fwd)]", "x", true);
    subject("[fwd: x] y", "y", false);
    subject("Refund: x", "Refund: x", false);
    subject("re:", "", true);
    subject("", "", false);
    subject("[list] fw [x] : y", "y", true);
    BUF_SCOPE in = {0};
    BUF_SCOPE out = {0};
    while (in.n < 500000)
        buf_adds(&in, "[fwd:[a]");
    subject_base(buf_slice(&in), &out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modified_utf7),
        cmocka_unit_test(net_unicode),
        cmocka_unit_test(base_subject),
    };
    return RUN_TESTS(tests);
}
