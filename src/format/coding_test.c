/* Unit tests of what text is written in: transfer encodings, charsets, words, parameters. */
#include "base/test.h"

#include "format/charset.h"
#include "format/param.h"
#include "format/transfer.h"
#include "format/word.h"

static void decoded(enum encoding enc, struct slice in, struct slice want)
{
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct transfer t;
        BUF_SCOPE out = {0};
        transfer_init(&t, enc);
        transfer_feed(&t, slice_sub(in, 0, cut), &out);
        transfer_feed(&t, slice_from(in, cut), &out);
        transfer_finish(&t, &out);
        if (!slice_eq(buf_slice(&out), want))
            fail_msg("%.*s cut at %zu: %.*s", SARG(in), cut, SARG(buf_slice(&out)));
    }
}

static void transfer_encodings(void **state)
{
    (void)state;
    decoded(ENCODING_BASE64, S("aGVs\r\nbG8="), S("hello"));
    decoded(ENCODING_BASE64, S("aGVsbG8"), S("hello"));
    decoded(ENCODING_BASE64, S("aGVs*bG8=junk\naGVs"), S("hellohel"));
    decoded(ENCODING_BASE64, S("a"), S(""));
    decoded(ENCODING_BASE64, S("===="), S(""));
    decoded(ENCODING_QUOTED, S("a=3Db=\r\nc  \r\nd=E4\r\n"), S("a=bc\r\nd\xe4\r\n"));
    decoded(ENCODING_QUOTED, S("a=  \r\nb = c =x=4 =g1 \t x"), S("ab = c =x=4 =g1 \t x"));
    decoded(ENCODING_QUOTED, S("soft=\nend="), S("softend"));
    decoded(ENCODING_QUOTED, S("a =\r\nb  "), S("a b"));
    decoded(ENCODING_QUOTED, S("a\rb =\r=20"), S("a\rb =\r "));
    decoded(ENCODING_QUOTED, S("=c3=a4"), S("\xc3\xa4"));
    decoded(ENCODING_UU, S("text\nbegin 644 cat.txt\n#0V%T\n`\nend\nmore\n"), S("Cat"));
    decoded(ENCODING_UU, S("begin 644 x\r\n#0V%T\r\n"), S("Cat"));
    decoded(ENCODING_UNKNOWN, S("=3D"), S("=3D"));
    assert_int_equal(transfer_encoding_of(S("BASE64")), ENCODING_BASE64);
    assert_int_equal(transfer_encoding_of(S("")), ENCODING_7BIT);
    assert_int_equal(transfer_encoding_of(S("x-what")), ENCODING_UNKNOWN);
}

static void transfer_encoders(void **state)
{
    (void)state;
    BUF_SCOPE all = {0};
    for (int i = 0; i < 3000; i++)
        buf_addc(&all, (char)(i * 7 + i / 256));
    for (size_t n = 0; n < all.n; n += 13) {
        struct slice in = slice_sub(buf_slice(&all), 0, n);
        BUF_SCOPE enc = {0};
        BUF_SCOPE back = {0};
        transfer_encode_base64(in, &enc);
        transfer_decode(ENCODING_BASE64, buf_slice(&enc), &back);
        assert_true(slice_eq(buf_slice(&back), in));
        buf_reset(&enc);
        buf_reset(&back);
        transfer_encode_quoted(in, true, &enc);
        transfer_decode(ENCODING_QUOTED, buf_slice(&enc), &back);
        assert_true(slice_eq(buf_slice(&back), in));
        struct slice lines = buf_slice(&enc);
        while (lines.p)
            assert_true(slice_cut(&lines, '\n').n <= 77);
    }
    BUF_SCOPE out = {0};
    transfer_encode_quoted(S("From me \n.\r\n\xc3\xa4=\n"), false, &out);
    assert_slice(buf_slice(&out), "=46rom me=20\r\n=2E\r\n=C3=A4=3D\r\n");
    assert_int_equal(transfer_choose(S("plain\r\n")), ENCODING_7BIT);
    assert_int_equal(transfer_choose(S("caf\xc3\xa9 and a long text behind it\r\n")),
                     ENCODING_QUOTED);
    assert_int_equal(transfer_choose(S("\1\2\3\4")), ENCODING_BASE64);
}

static void converted(const char *charset, struct slice in, const char *want)
{
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct charset_reader r;
        BUF_SCOPE out = {0};
        charset_reader_init(&r, slice_str(charset));
        charset_reader_feed(&r, slice_sub(in, 0, cut), &out);
        charset_reader_feed(&r, slice_from(in, cut), &out);
        charset_reader_finish(&r, &out);
        charset_reader_done(&r);
        if (!slice_eq(buf_slice(&out), slice_str(want)))
            fail_msg("%s cut at %zu: got %.*s, want %s", charset, cut, SARG(buf_slice(&out)), want);
    }
}

static void charsets(void **state)
{
    (void)state;
    assert_int_equal(charset_preload(), 0);
    converted("utf-8", S("a\xc3\xa4\xff\xe2\x82"), "a\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    converted("", S("\xc3\xa4 \xe4 \x93"), "\xc3\xa4 \xc3\xa4 \xe2\x80\x9c");
    converted("us-ascii", S("\xe4"), "\xc3\xa4");
    converted("ISO-8859-1", S("\x80\xe4"), "\xe2\x82\xac\xc3\xa4");
    converted("no-such-charset", S("\xe4"), "\xc3\xa4");
    converted("iso-8859-15", S("\xa4"), "\xe2\x82\xac");
    converted("windows-1251", S("\xcf"), "\xd0\x9f");
    converted("KOI8-R", S("\xf0"), "\xd0\x9f");
    converted("gb2312", S("\xd6\xd0"), "\xe4\xb8\xad");
    converted("hz-gb-2312", S("~{6~R;~}c"),
              "\xe4\xba\x8c\xe4\xb8\x80"
              "c"); /* 6~ is a character */
    converted("hz-gb-2312", S("a~{VP~}b~~"),
              "a\xe4\xb8\xad"
              "b~");
    converted("hz-gb-2312", S("~{VP~\r\nVP~}~\r\nb~\nc~\rd"),
              "\xe4\xb8\xad\xe4\xb8\xad"
              "bc~\rd");
    converted("hz-gb-2312", S("~{VP\r\nVP"), "\xe4\xb8\xad\r\nVP"); /* RFC 1843 2 */
    converted("big5", S("\xa4\xa4"), "\xe4\xb8\xad");
    converted("euc-kr", S("\xb0\xa1"), "\xea\xb0\x80");
    converted("shift_jis", S("\x93\xfa\xb1"), "\xe6\x97\xa5\xef\xbd\xb1");
    converted("euc-jp", S("\xc6\xfc"), "\xe6\x97\xa5");
    converted("iso-2022-jp", S("a\33$BF|\33(Bb\33$B-!\33(J\33(I1\n"),
              "a\xe6\x97\xa5"
              "b\xe2\x91\xa0\xef\xbd\xb1\n");
    converted("iso-2022-jp", S("\33$(DF|\33"), "\xef\xbf\xbd");
    /* RFC 1468: JIS X 0201's left half has a yen and an overline, and holds over a line end */
    converted("iso-2022-jp", S("\\~\33(Ja\\~\r\n\\\33$BF|\nb\\\33(B\\"),
              "\\~a\xc2\xa5\xe2\x80\xbe\r\n\xc2\xa5\xe6\x97\xa5\nb\\\\");
    converted("utf-7", S("a+AOQ-b"),
              "a\xc3\xa4"
              "b");
    /* RFC 2152: a run ends with what is no digit, "-" is taken; half characters and lone halves of
       surrogate pairs mean nothing; spare bits are zero. */
    converted("utf-7", S("A+ImIDkQ."), "A\xe2\x89\xa2\xce\x91.");
    converted("utf-7", S("Hi Mom -+Jjo--!"), "Hi Mom -\xe2\x98\xba-!");
    converted("utf-7", S("1+-1+2D3eAA-"), "1+1\xf0\x9f\x98\x80");
    converted("utf-7", S("+AGEAYg-b+3D3cAA-"), "abb\xef\xbf\xbd\xef\xbf\xbd");
    converted("utf-7", S("+2D0-x+2D0AYQ-"),
              "\xef\xbf\xbdx\xef\xbf\xbd"
              "a");
    converted("utf-7", S("+AGF-+A+ "), "a\xef\xbf\xbd\xef\xbf\xbd ");
    converted("utf-7", S("a\xe4+"), "a\xef\xbf\xbd\xef\xbf\xbd");
    converted("utf-16", S("\xff\xfe\xe4\0"), "\xc3\xa4");
    converted("utf-16", S("\0\xe4"), "\xc3\xa4");
    converted("utf-16", S("\xfe\xff\0\xe4\xfe\xff"), "\xc3\xa4\xef\xbb\xbf");
    converted("utf-16", S("\xfe"), "\xef\xbf\xbd");
    converted("utf-16", S(""), "");
    /* RFC 2781 4.1, 4.2: no byte order mark here, but a character */
    converted("utf-16le", S("\xff\xfe\xe4\0"), "\xef\xbb\xbf\xc3\xa4");
    converted("utf-16be", S("\xd8\0\0\xe4\0"), "\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd");
    converted("utf-16le", S("\xe4\0\0\xdc\xe4\0"), "\xc3\xa4\xef\xbf\xbd\xc3\xa4");
    converted("utf-16be", S("\xd8\x3d\xde\0"), "\xf0\x9f\x98\x80");
    BUF_SCOPE out = {0};
    assert_int_equal(charset_from_utf8(S("iso-8859-15"), S("\xe2\x82\xac"), &out), 0);
    assert_slice(buf_slice(&out), "\xa4");
    assert_int_equal(charset_from_utf8(S("koi8-r"), S("\xe4\xb8\xad"), &out), -1);
    assert_int_equal(charset_from_utf8(S("x-what"), S("a"), &out), -1);
    BUF_SCOPE small = {.max = 10};
    charset_to_utf8(S("shift_jis"), S("\x93\xfa\x93\xfa\x93\xfa\x93\xfa\x93\xfa"), &small);
    assert_true(small.failed && small.n <= 10);
}

static void word(const char *in, const char *want)
{
    BUF_SCOPE out = {0};
    word_decode(slice_str(in), &out);
    if (!slice_eq(buf_slice(&out), slice_str(want)))
        fail_msg("%s: got \"%.*s\", want \"%s\"", in, SARG(buf_slice(&out)), want);
}

static void words(void **state)
{
    (void)state;
    /* RFC 2047 8 */
    word("=?ISO-8859-1?Q?a?=", "a");
    word("=?ISO-8859-1?Q?a?= b", "a b");
    word("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=", "ab");
    word("=?ISO-8859-1?Q?a?=  \r\n  =?ISO-8859-1?Q?b?=", "ab");
    word("=?ISO-8859-1?Q?a_b?=", "a b");
    word("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=", "a b");
    word("=?iso-8859-1*en?q?=E4?=", "\xc3\xa4");
    /* a character split over two words, each way */
    word("=?utf-8?q?=C3?= =?UTF-8?q?=A4?=", "\xc3\xa4");
    word("=?utf-8?b?4oI=?= =?utf-8?b?rA==?=", "\xe2\x82\xac");
    word("=?utf-8?Q?a b?c?= d", "a b?c d");
    word("x=?utf-8?Q?=E2=82=AC?=y", "x\xe2\x82\xacy");
    word("=?utf-8?Q?lost end", "lost end");
    word("=?utf-8?Q?lost =?utf-8?Q?end?=", "lostend");
    word("=?utf-8?Q?lost two =?utf-8?Q?end?=", "lost twoend");
    word("=?utf-8?X?a?=", "=?utf-8?X?a?=");
    word("=?utf-8?B?aGk?=", "hi");
    word("=??Q?=C3=A4?=", "\xc3\xa4");
    word("a =? b ?= c", "a =? b ?= c");
    word("caf\xe9 \xc3\xa4", "caf\xc3\xa9 \xc3\xa4");
    word("\xc3\xa4 cut o\xc3", "\xc3\xa4 cut o\xef\xbf\xbd");
    word("\xe9\xe8 \xc3\xa4 \xe7", "\xc3\xa9\xc3\xa8 \xc3\x83\xc2\xa4 \xc3\xa7");
    word("caf\xe9", "caf\xc3\xa9");
    word("=?utf-8?q?a=0D=0Ab=00c=7F?=", "a bc");
    word("one\r\n two\n\tthree", "one two three");
    word("", "");
    BUF_SCOPE in = {0};
    BUF_SCOPE out = {0};
    while (in.n < 400000)
        buf_adds(&in, "=?u?q?a ");
    word_decode(buf_slice(&in), &out);
    assert_false(out.failed);
}

static void words_written(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "plain",
        "=?not a word",
        "\xc3\xa4",
        "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad"
        "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4"
        "\xb8\xad\xe4\xb8\xad",
        "a long line of text that has to be folded somewhere because it would not fit on one line "
        "of text",
        "a long line of text that has to be folded somewhere because it has an \xc3\xa4 in it, or "
        "even two \xc3\xa4",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        BUF_SCOPE out = {0};
        BUF_SCOPE back = {0};
        word_encode(slice_str(texts[i]), 9, &out);
        word_decode(buf_slice(&out), &back);
        assert_slice(buf_slice(&back), texts[i]);
        struct slice s = buf_slice(&out);
        while (s.p)
            assert_true(slice_cut(&s, '\n').n <= 78);
    }
}

static void params(const char *in, const char *want)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct param_list l;
    assert_int_equal(param_parse(slice_str(in), &a, &l), 0);
    for (size_t i = 0; i < l.n; i++) {
        buf_addf(&out, "%s%.*s%s=", i ? " " : "", SARG(l.items[i].name),
                 l.items[i].extended ? "*" : "");
        param_text(&l.items[i], &out);
    }
    if (!slice_eq(buf_slice(&out), slice_str(want)))
        fail_msg("%s: got \"%.*s\", want \"%s\"", in, SARG(buf_slice(&out)), want);
}

static void parameters(void **state)
{
    (void)state;
    params("charset=us-ascii (Plain text)", "charset=us-ascii");
    params("charset=us-ascii(Plain (\\) text))", "charset=us-ascii");
    params("a=copy(1).txt; b=x (y) z; c=(d) ; e=f(g) h=i", "a=copy(1).txt b=x (y) z c= e=f h=i");
    params("a=x(y; b=z", "a=x(y b=z");
    params("a=\"C:\\TEMP\\n\\\"1\\\".png\"", "a=C:\\TEMP\\n\"1\".png");
    params("a=\"x;y\" ; b = c;;d", "a=x;y b=c");
    params("name=my file.pdf; x=1", "name=my file.pdf x=1");
    params("charset=utf-8\r\n\tformat=flowed", "charset=utf-8 format=flowed");
    params("a=\"unclosed; b=c", "a=unclosed b=c");
    params("a=1; A=2", "a=1");
    params("a=\"q\\\"\\\\\"", "a=q\"\\");
    params("a=\"fold\r\n ed\"", "a=fold ed");
    /* RFC 2231 3, 4, 4.1 */
    params("URL*0=\"ftp://\"; URL*1=\"cs.utk.edu/pub\"", "URL=ftp://cs.utk.edu/pub");
    params("title*=us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A", "title*=This is ***fun***");
    params("title*0*=us-ascii'en'This%20is%20even%20more%20; title*1*=%2A%2A%2Afun%2A%2A%2A%20;"
           "title*2=\"isn't it!\"",
           "title*=This is even more ***fun*** isn't it!");
    params("t*1=b; t*0=a; t*3=d", "t=ab");
    params("f=plain; f*=utf-8''%C3%A4", "f*=\xc3\xa4");
    params("f*0=10%; f*1*=%41", "f*=10%A");
    params("f*=no%20quotes", "f*=no quotes");
    params("f*=utf-8''a%zz%", "f*=a%zz%");
    params("f==?utf-8?q?=C3=A4?=", "f=\xc3\xa4");
    params("f=\"=?iso-8859-1?q?=E4?=.txt\"", "f=\xc3\xa4.txt");
    params("f*x=1; *=2; =3; f*10001=4", "");
    params("f=\"a\1b\"", "f=ab");
    BUF_SCOPE in = {0};
    for (int i = 0; i < 100000; i++)
        buf_addf(&in, "a*%d=x;", i);
    ARENA_SCOPE a = {0};
    struct param_list l;
    assert_int_equal(param_parse(buf_slice(&in), &a, &l), 0);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.items[0].raw.n, PARAM_PIECES_MAX);
    buf_reset(&in);
    for (int i = 0; i < 100000; i++)
        buf_addf(&in, "a%d=x;", i);
    assert_int_equal(param_parse(buf_slice(&in), &a, &l), 0);
    assert_int_equal(l.n, PARAM_MAX);
}

static void parameters_written(void **state)
{
    (void)state;
    static const char *const values[] = {
        "a.txt", "a \"b\"\\.txt", "\xc3\xa4.txt",
        ("a name that is longer than what fits on one line of a header, "
         "with \xe2\x82\xac signs \xe2\x82\xac\xe2\x82\xac in it")};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        BUF_SCOPE out = {0};
        BUF_SCOPE back = {0};
        ARENA_SCOPE a = {0};
        struct param_list l;
        param_write(S("filename"), slice_str(values[i]), &out);
        assert_int_equal(param_parse(buf_slice(&out), &a, &l), 0);
        assert_int_equal(l.n, 1);
        param_text(&l.items[0], &back);
        assert_slice(buf_slice(&back), values[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transfer_encodings), cmocka_unit_test(transfer_encoders),
        cmocka_unit_test(charsets),           cmocka_unit_test(words),
        cmocka_unit_test(words_written),      cmocka_unit_test(parameters),
        cmocka_unit_test(parameters_written),
    };
    return RUN_TESTS(tests);
}
