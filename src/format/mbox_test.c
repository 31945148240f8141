/* Unit tests of mbox files: any split reads the same, what is written is read back. */
#include "base/test.h"

#include "format/crlf.h"
#include "format/mbox.h"

static int begin(void *ctx, struct slice sender, bool has_date, struct date date)
{
    buf_addf(ctx, "{%.*s %lld|", SARG(sender), has_date ? (long long)date.at : -1LL);
    return 0;
}

static int data(void *ctx, struct slice s)
{
    return buf_add(ctx, s);
}

static int end(void *ctx)
{
    return buf_addc(ctx, '}');
}

static void read_all(struct slice s, size_t chunk, enum mbox_kind kind, struct buf *out)
{
    struct mbox_reader r;
    mbox_reader_init(&r, kind, (struct mbox_sink){out, begin, data, end});
    for (size_t i = 0; i < s.n; i += chunk)
        assert_int_equal(mbox_feed(&r, slice_sub(s, i, i + chunk)), 0);
    assert_int_equal(mbox_finish(&r), 0);
}

static void check(struct slice in, enum mbox_kind kind, const char *want)
{
    for (size_t chunk = 1; chunk <= in.n + 1; chunk++) {
        BUF_SCOPE out = {0};
        read_all(in, chunk, kind, &out);
        assert_slice(buf_slice(&out), want);
    }
}

static void reading(void **state)
{
    (void)state;
    check(S("From a@b Thu Jan  1 00:00:09 1970\nA: 1\n\n>From x\n>>From y\nFrom z\n\nFrom w\n\n\n"
            "From c Thu Jan  1 00:01:00 1970\nB: 2\r\n\r\n>>> text\r\n\r\n"),
          MBOX_RD,
          "{a@b 9|A: 1\n\nFrom x\n>From y\nFrom z\n\nFrom w\n\n}{c 60|B: 2\r\n\r\n>>> text\r\n}");
    check(S("From a 00:00\n>From x\n>>From y\n"), MBOX_O, "{a -1|From x\n>>From y\n}");
    check(S("From a 00:00\nFrom "), MBOX_RD, "{a -1|From }");
    check(S("From a 00:00\n\r"), MBOX_RD, "{a -1|\r}");
    check(S("From -\nA: 1\n\nFrom a@b\nB: 2\n\nFrom love\n"), MBOX_RD,
          "{- -1|A: 1\n}{a@b -1|B: 2\n\nFrom love\n}");
    check(S("From -\nA: 1\nFrom - \nB: 2\nFrom x Thu Jan  1 00:00:09 1970\nC\nFrom 12:30 on\n"),
          MBOX_RD, "{- -1|A: 1\n}{- -1|B: 2\n}{x 9|C\nFrom 12:30 on\n}");
    check(S("text\n\nFrom love\n"), MBOX_RD, "");
    check(S("no mbox\n\nat all\n"), MBOX_RD, "");
    check(S(""), MBOX_RD, "");
}

static void long_lines(void **state)
{
    (void)state;
    BUF_SCOPE in = {0};
    BUF_SCOPE out = {0};
    buf_adds(&in, "From a 00:00\n");
    for (int i = 0; i < 5000; i++)
        buf_addc(&in, '>');
    buf_adds(&in, "From x\n\nFrom ");
    for (int i = 0; i < 5000; i++)
        buf_addc(&in, 'x');
    buf_adds(&in, " 00:00\n");
    for (int k = 0; k < 2; k++) {
        buf_reset(&out);
        read_all(buf_slice(&in), 7, k ? MBOX_O : MBOX_RD, &out);
        assert_int_equal(out.n, in.n - 13 + 6 + 1 - (k ? 0 : 1));
    }
}

static void written_is_read_back(void **state)
{
    (void)state;
    static const char *const texts[] = {"A: 1\n\nFrom x\n>From y\n>>>From\n>\n",
                                        "A: 1\r\n\r\nFrom x\r\n\r\n",
                                        "B: 2\n\nFrom ",
                                        "B: 2\n\nFro",
                                        ">>",
                                        ""};
    static const char *const back[] = {"A: 1\n\nFrom x\n>From y\n>>>From\n>\n",
                                       "A: 1\r\n\r\nFrom x\r\n\r\n",
                                       "B: 2\n\nFrom \n",
                                       "B: 2\n\nFro\n",
                                       ">>\n",
                                       ""};
    for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
        struct slice s = slice_str(texts[t]);
        for (size_t cut = 0; cut <= s.n; cut++) {
            BUF_SCOPE file = {0};
            BUF_SCOPE out = {0};
            BUF_SCOPE want = {0};
            struct mbox_writer w;
            for (int k = 0; k < 2; k++) {
                mbox_write_begin(&w, S("a@b"), (struct date){.at = 1136210645}, &file);
                mbox_write(&w, slice_sub(s, 0, cut), &file);
                mbox_write(&w, slice_from(s, cut), &file);
                mbox_write_end(&w, &file);
                buf_addf(&want, "{a@b 1136210645|%s}", back[t]);
            }
            read_all(buf_slice(&file), 5, MBOX_RD, &out);
            assert_true(slice_eq(buf_slice(&out), buf_slice(&want)));
        }
    }
}

static void line_ends(void **state)
{
    (void)state;
    struct slice s = S("a\nb\r\nc\rd\r\r\n\n\r");
    for (size_t cut = 0; cut <= s.n; cut++) {
        struct crlf c = {0};
        BUF_SCOPE out = {0};
        crlf_feed(&c, slice_sub(s, 0, cut), &out);
        crlf_feed(&c, slice_from(s, cut), &out);
        crlf_finish(&c, &out);
        assert_slice(buf_slice(&out), "a\r\nb\r\nc\r\nd\r\n\r\n\r\n\r\n");
        assert_true(crlf_clean(buf_slice(&out)));
    }
    assert_false(crlf_clean(S("a\r")));
    assert_false(crlf_clean(S("a\nb")));
    assert_true(crlf_clean(S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),
        cmocka_unit_test(long_lines),
        cmocka_unit_test(written_is_read_back),
        cmocka_unit_test(line_ends),
    };
    return RUN_TESTS(tests);
}
