/* hostile_test.c - messages made to cost more than they weigh: everything that is done to a message
   at delivery is done to each, within a bound on processor time that only more than linear work
   breaks, and with output that stays in proportion. */
#include <time.h>

#include "base/test.h"
#include "base/utf8.h"
#include "format/charset_names.h"
#include "format/fields.h"
#include "format/imap_structure.h"
#include "format/preview.h"
#include "format/section.h"
#include "format/subject.h"
#include "format/text.h"
#include "format/word.h"

/* With sanitizers, on a slow machine; quadratic work takes hours. */
#ifdef __SANITIZE_THREAD__
enum { SECONDS = 600 };
#else
enum { SECONDS = 60 };
#endif

static struct timespec began;

static int start(void **state)
{
    (void)state;
    return clock_gettime(CLOCK_THREAD_CPUTIME_ID, &began);
}

static int stop(void **state)
{
    (void)state;
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec - began.tv_sec > SECONDS;
}

static void repeat(struct buf *b, const char *text, size_t times)
{
    for (size_t i = 0; i < times; i++)
        buf_adds(b, text);
}

/* What delivery and FETCH do. Returns the message for a closer look. */
static struct message *read_all(struct buf *b, struct arena *a, size_t max_out)
{
    struct message *m;
    struct message_fields f;
    BUF_SCOPE out = {.max = 512 << 20};
    assert_false(b->failed);
    assert_int_equal(message_parse(buf_slice(b), NULL, a, &m, NULL), 0);
    assert_int_equal(message_fields(m->root, a, &f, NULL), 0);
    assert_int_equal(header_end(buf_slice(b)), m->root->body);
    imap_envelope(m->root, &out);
    imap_bodystructure(m, &out);
    message_preview(m, &out);
    subject_base(f.subject, &out);
    assert_false(out.failed);
    assert_true(out.n <= max_out);
    return m;
}

#define MESSAGE                                                                                    \
    BUF_SCOPE b = {.max = 256 << 20};                                                              \
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};                                                \
    (void)state

static void a_header_of_100_mb(void **state)
{
    MESSAGE;
    buf_adds(&b, "Subject: s\r\n");
    while (b.n < 100 << 20)
        repeat(&b, "X-Fill: 0123456789012345678901234567890123456789\r\n 0123456789\r\n", 1000);
    buf_adds(&b, "To: a@b\r\n\r\nbody");
    struct message *m = read_all(&b, &a, 1000);
    assert_true(m->cut & (MESSAGE_CUT_HEADER | MESSAGE_CUT_FIELDS));
    assert_int_equal(m->root->end - m->root->body, 4);
}

static void a_header_line_of_10_mb(void **state)
{
    static const char *const starts[] = {
        "Subject: ", "From: ", "References: ", "Content-Type: a/b; c=", "Date: "};
    for (size_t i = 0; i < sizeof(starts) / sizeof(*starts); i++) {
        MESSAGE;
        buf_adds(&b, starts[i]);
        repeat(&b, "x ", 5 << 20);
        buf_adds(&b, "\r\n\r\nbody");
        read_all(&b, &a, 4 * b.n);
    }
}

static void fields_by_the_hundred_thousand(void **state)
{
    MESSAGE;
    repeat(&b, "Received: x\n", 50000);
    repeat(&b, "To: a@b\n", 50000);
    buf_adds(&b, "\nbody");
    struct message *m = read_all(&b, &a, 2 * b.n);
    assert_true(m->cut & MESSAGE_CUT_FIELDS);
    assert_true(m->root->n_fields <= 50000);
}

static void addresses_by_the_ten_thousand(void **state)
{
    MESSAGE;
    buf_adds(&b, "To: ");
    repeat(&b, "\"n\" <a@b.test>,\n ", 20000);
    buf_adds(&b, "g: ");
    repeat(&b, "a@b,", 20000);
    buf_adds(&b, "\n\nbody");
    read_all(&b, &a, 8 * b.n);
}

static void parts_inside_each_other(void **state)
{
    static const char *const kinds[] = {
        "Content-Type: message/rfc822\n\n",
        "Content-Type: multipart/mixed; boundary=same\n\n--same\n",
        "Content-Type: multipart/digest; boundary=d\n\n--d\n\n",
    };
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        MESSAGE;
        repeat(&b, kinds[i], 10000);
        struct message *m = read_all(&b, &a, 8 * b.n);
        for (const struct part *p = m->root; p; p = p->following)
            assert_true(p->depth <= 101);
    }
}

static void parts_beside_each_other(void **state)
{
    MESSAGE;
    buf_adds(&b, "Content-Type: multipart/mixed; boundary=b\n\n");
    repeat(&b, "--b\n\nx\n", 100000);
    struct message *m = read_all(&b, &a, 20 * b.n);
    assert_int_equal(m->n_parts, 10000);
    assert_true(m->cut & MESSAGE_CUT_PARTS);
}

static void boundaries_of_100_kb(void **state)
{
    MESSAGE;
    buf_adds(&b, "Content-Type: multipart/mixed; boundary=\"");
    repeat(&b, "b", 100000);
    buf_adds(&b, "\"\n\n--");
    repeat(&b, "b", 100000);
    buf_adds(&b, "\n\nx\n");
    for (int i = 0; i < 200; i++) { /* nearly the boundary */
        buf_adds(&b, "--");
        repeat(&b, "b", 99999);
        buf_adds(&b, "c\n");
    }
    struct message *m = read_all(&b, &a, b.n);
    assert_int_equal(m->n_parts, 2);
}

static void boundaries_that_begin_alike(void **state)
{
    MESSAGE;
    for (int i = 1; i <= 90; i++) {
        buf_adds(&b, "Content-Type: multipart/mixed; boundary=");
        repeat(&b, "b", (size_t)i);
        buf_adds(&b, "\n\n--");
        repeat(&b, "b", (size_t)i);
        buf_adds(&b, "\n");
    }
    buf_adds(&b, "\nleaf\n");
    for (size_t i = 90; i >= 1; i--) {
        buf_adds(&b, "--");
        repeat(&b, "b", i);
        buf_adds(&b, "--\n");
    }
    struct message *m = read_all(&b, &a, 100000);
    assert_int_equal(m->n_parts, 91);
    for (const struct part *p = m->root; p; p = p->following)
        assert_true(p->closed == (p->kind == PART_MULTIPART));
}

static void parameters_in_100_000_pieces(void **state)
{
    static const struct {
        const char *before, *behind;
        bool numbered;
    } forms[] = {
        {"; a*", "=b", true}, {"; a*", "*=%41", true}, {"; a*0", "=b", false}, {"; a", "=b", true}};
    for (size_t f = 0; f < sizeof(forms) / sizeof(*forms); f++) {
        MESSAGE;
        buf_adds(&b, "Content-Type: text/plain");
        for (unsigned i = 0; i < 100000; i++) {
            buf_adds(&b, forms[f].before);
            if (forms[f].numbered)
                buf_addu(&b, i);
            buf_adds(&b, forms[f].behind);
        }
        buf_adds(&b, "\n\nx");
        struct message *m = read_all(&b, &a, b.n);
        assert_true(m->root->params.n <= PARAM_MAX);
    }
}

static void comments_inside_each_other(void **state)
{
    static const char *const fields[] = {
        "To: ", "Date: ", "Content-Type: ", "Message-ID: ", "Content-Disposition: x; y="};
    static const char *const texts[] = {"(", "(\\", "()", ")", "(\"", "\\"};
    for (size_t f = 0; f < sizeof(fields) / sizeof(*fields); f++)
        for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
            MESSAGE;
            buf_adds(&b, fields[f]);
            repeat(&b, texts[t], 100000);
            buf_adds(&b, "\n\nx");
            read_all(&b, &a, 8 * b.n);
        }
}

static void encoded_words_by_the_hundred_thousand(void **state)
{
    static const char *const words[] = {"=?utf-8?q?a?= ",
                                        "=?utf-8?b?w6Q=?=\n ",
                                        "=?utf-7?q?+AGE-?=",
                                        "=?iso-2022-jp?b?GyRC?= ",
                                        "=?",
                                        "=?x?q?",
                                        "=?utf-8?q?a"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        MESSAGE;
        buf_adds(&b, "Subject: ");
        repeat(&b, words[i], 100000);
        buf_adds(&b, "\n\nx");
        read_all(&b, &a, 4 * b.n);
    }
}

/* Text that breaks off in the middle of a character, and charsets in which few bytes are much. */
static void charsets_that_break_off_or_grow(void **state)
{
    (void)state;
    static const char *const texts[] = {"\xf0\x9f\x98\x80", "\x1b$B$\"\x1b(B",  "+2D3cAA-",
                                        "~{VP~}",           "\x81\x30\x81\x30", "\xff\xfe\x3d\xd8",
                                        "\xa1\xa1",         "\x8e\xa1"};
    size_t rows;
    const struct charset_row *table = charset_rows(&rows);
    for (size_t r = 0; r < rows; r++)
        for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++)
            for (size_t cut = 0; cut <= strlen(texts[t]); cut++) {
                BUF_SCOPE in = {0};
                BUF_SCOPE out = {0};
                repeat(&in, texts[t], 3);
                buf_add(&in, slice_of(texts[t], cut));
                charset_to_utf8(slice_str(table[r].key), buf_slice(&in), &out);
                assert_true(utf8_valid(buf_slice(&out)));
                assert_true(out.n <= 6 * (in.n + 1));
            }
}

static void html_that_never_ends(void **state)
{
    static const char *const texts[] = {"<",   "<a ", "<a b='", "<!--",  "<script>", "&",
                                        "&#x", "</",  "<a \"",  "<div>", "--"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        MESSAGE;
        buf_adds(&b, "Content-Type: text/html\n\n");
        repeat(&b, texts[i], 300000);
        read_all(&b, &a, 10000);
    }
}

static void references_by_the_hundred_thousand(void **state)
{
    MESSAGE;
    buf_adds(&b, "References:");
    for (int i = 0; i < 100000; i++)
        buf_addf(&b, "\n <%d@x.test>", i);
    buf_adds(&b, "\nIn-Reply-To: ");
    repeat(&b, "<", 1000000);
    buf_adds(&b, "\n\nx");
    struct message *m = read_all(&b, &a, 2 * b.n);
    struct message_fields f;
    assert_int_equal(message_fields(m->root, &a, &f, NULL), 0);
    assert_true(f.references.n <= MSGID_MAX);
}

static void dates_at_the_ends_of_time(void **state)
{
    (void)state;
    static const char *const dates[] = {
        "Sat, 01 Jan 0000 00:00:00 +0000",
        "Mon, 01 Jan 0001 00:00:00 +2359",
        "31 Dec 9999 23:59:60 -2359",
        "31 Dec 10000 00:00 GMT",
        "30 Jun 2015 23:59:60 GMT",
        "1 Jan 99999999999999999999 0:0 GMT",
        "-1 Jan 2000 00:00 GMT",
        "1 Jan 2000 99:99:99 +9999",
        "1 Jan 2000 00:00:00 +999999999999",
    };
    for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
        struct date d;
        BUF_SCOPE out = {0};
        if (!date_parse(slice_str(dates[i]), &d))
            continue;
        assert_true(d.at >= date_days(1, 1, 1) * 86400 - 86400);
        assert_true(d.at <= (date_days(9999, 12, 31) + 2) * 86400);
        date_write(d, &out);
        date_imap_write(d, &out);
        assert_false(out.failed);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_header_of_100_mb),
        TEST(a_header_line_of_10_mb),
        TEST(fields_by_the_hundred_thousand),
        TEST(addresses_by_the_ten_thousand),
        TEST(parts_inside_each_other),
        TEST(parts_beside_each_other),
        TEST(boundaries_of_100_kb),
        TEST(boundaries_that_begin_alike),
        TEST(parameters_in_100_000_pieces),
        TEST(comments_inside_each_other),
        TEST(encoded_words_by_the_hundred_thousand),
        TEST(charsets_that_break_off_or_grow),
        TEST(html_that_never_ends),
        TEST(references_by_the_hundred_thousand),
        TEST(dates_at_the_ends_of_time),
    };
    return RUN_TESTS(tests);
}
