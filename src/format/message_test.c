/* Unit tests of the message parser: trees, offsets, limits, hostile shapes. */
#include "base/test.h"

#include <stdlib.h>

#include "format/fields.h"
#include "format/imap_structure.h"
#include "format/message.h"
#include "format/section.h"

static struct message *parse(struct slice s, const struct message_limits *lim, struct arena *a)
{
    struct message *m = NULL;
    struct err e = {0};
    a->limit = MESSAGE_ARENA_LIMIT;
    if (message_parse(s, lim, a, &m, &e))
        fail_msg("%s", e.text);
    return m;
}

/* "multipart/mixed(text/plain,message/rfc822[text/html])" */
static void shape(const struct part *p, struct buf *out)
{
    buf_addf(out, "%.*s/%.*s", SARG(p->type), SARG(p->subtype));
    if (p->kind == PART_MESSAGE) {
        buf_addc(out, '[');
        shape(p->nested, out);
        buf_addc(out, ']');
    }
    if (p->kind == PART_MULTIPART) {
        buf_addc(out, '(');
        for (const struct part *c = p->first; c; c = c->next) {
            if (c != p->first)
                buf_addc(out, ',');
            shape(c, out);
        }
        buf_addc(out, ')');
    }
}

#define assert_shape(text, want)                                                                   \
    do {                                                                                           \
        ARENA_SCOPE a_ = {0};                                                                      \
        BUF_SCOPE b_ = {0};                                                                        \
        shape(parse(S(text), NULL, &a_)->root, &b_);                                               \
        assert_slice(buf_slice(&b_), want);                                                        \
    } while (0)

static void trees(void **state)
{
    (void)state;
    assert_shape("", "text/plain");
    assert_shape("\r\nbody", "text/plain");
    assert_shape("Content-Type: text/html\r\n\r\n<p>", "text/html");
    assert_shape("Content-Type: text\r\n\r\nx", "text/plain");
    assert_shape("Content-Type: multipart/mixed; boundary=b\n\npreamble\n--b\n\none\n--b\n"
                 "Content-Type: text/html\n\ntwo\n--b--\nepilogue\n--b\nno part\n",
                 "multipart/mixed(text/plain,text/html)");
    assert_shape("Content-Type: multipart/mixed\n\n--b\n\none\n--b--\n", "multipart/mixed");
    assert_shape("Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: a\n\nx\n--b\n"
                 "Content-Type: text/plain\n\ny\n",
                 "multipart/digest(message/rfc822[text/plain],text/plain)");
    /* an outer delimiter ends what is open inside; boundaries that are prefixes are different */
    assert_shape(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\n"
        "Content-Type: multipart/alternative; boundary=bb\n\n--bb\n\none\n--b\n\ntwo\n--bb\n"
        "three\n--b--\n",
        "multipart/mixed(multipart/alternative(text/plain),text/plain)");
    assert_shape("Content-Type: multipart/mixed; boundary=\"b--\"\n\n--b--\n\none\n--b----\n",
                 "multipart/mixed(text/plain)");
    assert_shape(
        "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
        "Content-Type: message/rfc822\n\nSubject: x\n\n--b--",
        "multipart/mixed(message/rfc822[message/rfc822[text/plain]])");
    /* the same boundary twice: the inner multipart takes it until it is closed */
    assert_shape("Content-Type: multipart/mixed; boundary=b\n\n--b\n"
                 "Content-Type: multipart/alternative; boundary=b\n\n--b\n\n1\n--b--\n\n--b\n"
                 "Content-Type: image/gif\n\n2\n--b--\n",
                 "multipart/mixed(multipart/alternative(text/plain),image/gif)");
    /* no empty line, or the delimiter before it */
    assert_shape("Content-Type: multipart/mixed; boundary=b\npreamble\n--b\n\none\n--b--\n",
                 "multipart/mixed(text/plain)");
    assert_shape(" \n folded: no\nContent-Type: text/html\n\nx", "text/html");
    assert_shape("Content-Type: multipart/x; boundary*=us-ascii''b\n\n--b\n\none\n",
                 "multipart/x(text/plain)");
    assert_shape("From me Mon Jan  1\nContent-Type: text/html\n\nx", "text/html");
    assert_shape("no header at all\nContent-Type: text/html\n\nx", "text/plain");
    assert_shape("Subject: x\nlost line\nContent-Type: text/html\n\nx", "text/html");
    assert_shape("content-TYPE : text/html ; charset=x\n\nx", "text/html");
    assert_shape("Content-Type: (a(b)c) text/(x)html(y);charset=x\n\nx", "text/html");
}

/* RFC 6532 3.5, RFC 2045 5.2 and 6.4 */
static void messages_that_are_encoded(void **state)
{
    (void)state;
    assert_shape("Content-Type: message/global\nContent-Transfer-Encoding: base64\n\n"
                 "U3ViamVjdDogeAoKeQo=\n",
                 "message/global");
    assert_shape("Content-Type: message/global\nContent-Transfer-Encoding: quoted-printable\n\n"
                 "Subject: =C3=A4\n\ny\n",
                 "message/global");
    assert_shape(
        "Content-Type: message/global\nContent-Transfer-Encoding: 8bit\n\nSubject: x\n\ny\n",
        "message/global[text/plain]");
    /* what only says that it is */
    assert_shape(
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nSubject: x\n\ny\n",
        "message/rfc822[text/plain]");
    assert_shape("Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n"
                 "Subject: x\n\ny\n",
                 "message/rfc822[text/plain]");
    assert_shape(
        "Content-Type: multipart/mixed; boundary=b\nContent-Transfer-Encoding: base64\n\n--b\n"
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: BASE64\n\n"
        "U3ViamVjdDogeAoKeQo=\n--b--\n",
        "multipart/mixed(message/rfc822)");
    assert_shape(
        "Content-Type: multipart/digest; boundary=b\n\n--b\nContent-Type: oops\n\nx\n--b--\n",
        "multipart/digest(text/plain)");
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct message *m =
        parse(S("Content-Type: message/global\nContent-Transfer-Encoding: base64\n\n"
                "U3ViamVjdDogeAoKeQo=\n"),
              NULL, &a);
    imap_bodystructure(m, &out);
    assert_slice(buf_slice(&out),
                 "(\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 21 NIL NIL NIL NIL)");
    struct part_place place;
    part_place_of(m->root, &place);
    assert_int_equal(section_binary_decodes(&place), 1);
}

static void mime_fields_that_are_odd(void **state)
{
    (void)state;
    ARENA_SCOPE odd = {0};
    BUF_SCOPE structure = {0};
    imap_bodystructure(parse(S("Content-Type: text; charset=koi8-r\n\n"), NULL, &odd), &structure);
    imap_bodystructure(parse(S("Content-Type: oops\n\n"), NULL, &odd), &structure);
    assert_slice(
        buf_slice(&structure),
        "(\"text\" \"plain\" (\"charset\" \"koi8-r\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)"
        "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)");
    static const struct {
        const char *in, *disposition, *params, *encoding;
        enum encoding is;
    } cases[] = {
        {"Content-Disposition: filename=a.txt", "", "filename=a.txt", "", ENCODING_7BIT},
        {"Content-Disposition: ; filename=a.txt", "", "filename=a.txt", "", ENCODING_7BIT},
        {"Content-Disposition: \"attachment\" (x) ; filename=a", "attachment", "filename=a", "",
         ENCODING_7BIT},
        {"Content-Disposition: =?utf-8?q?a=3Db?=", "", "", "", ENCODING_7BIT},
        {"Content-Transfer-Encoding: quoted printable", "", "", "quoted-printable",
         ENCODING_QUOTED},
        {"Content-Transfer-Encoding: 8 bit (x)", "", "", "8", ENCODING_UNKNOWN},
        {"Content-Transfer-Encoding: 8_BIT; x", "", "", "8_BIT", ENCODING_8BIT},
        {"Content-Transfer-Encoding: base9000", "", "", "base9000", ENCODING_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ARENA_SCOPE a = {0};
        BUF_SCOPE in = {0}, out = {0};
        buf_addf(&in, "%s\n\nx", cases[i].in);
        const struct part *p = parse(buf_slice(&in), NULL, &a)->root;
        for (size_t k = 0; k < p->disposition_params.n; k++)
            buf_addf(&out, "%.*s=%.*s", SARG(p->disposition_params.items[k].name),
                     SARG(p->disposition_params.items[k].raw));
        assert_slice(buf_slice(&out), cases[i].params);
        assert_slice(p->disposition, cases[i].disposition);
        assert_slice(p->encoding_raw, cases[i].encoding);
        assert_int_equal(p->encoding, cases[i].is);
    }
}

static void offsets(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct slice s =
        S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nA: 1\r\n\r\none\r\ntwo\r\n"
          "\r\n--b\r\nB: 2\r\n\r\n--b\r\nC: 3\r\n--b--\r\n");
    struct message *m = parse(s, NULL, &a);
    struct part *p = m->root->first;
    assert_slice(part_header(m, p), "A: 1\r\n\r\n");
    assert_slice(part_body(m, p), "one\r\ntwo\r\n");
    assert_int_equal(p->lines, 2);
    p = p->next;
    assert_slice(part_header(m, p), "B: 2\r\n\r\n");
    assert_slice(part_body(m, p), "");
    assert_int_equal(p->lines, 0);
    p = p->next;
    assert_slice(part_header(m, p), "C: 3\r\n");
    assert_slice(part_body(m, p), "");
    assert_int_equal(m->root->end, s.n);
    assert_int_equal(m->root->lines, 12);
    assert_true(m->root->closed);
    assert_int_equal(m->n_parts, 4);
}

static void fields_of_a_header(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct slice s =
        S("A: 1\r\n folded\r\n\tmore\r\njunk\r\n of junk\r\nSubject:two\r\nB :3\r\n\r\nbody");
    struct message *m = parse(s, NULL, &a);
    assert_int_equal(m->root->n_fields, 3);
    const struct field *f = m->root->fields;
    assert_slice(f[0].value, " 1\r\n folded\r\n\tmore");
    assert_slice(slice_sub(s, f[0].at, f[0].at + f[0].n), "A: 1\r\n folded\r\n\tmore\r\n");
    assert_slice(f[1].value, "two");
    assert_int_equal(f[1].id, FIELD_SUBJECT);
    assert_slice(f[2].name, "B");
    assert_int_equal(header_end(s), m->root->body);
    size_t pos = 0, n = 0;
    struct field g;
    while (header_next(part_header(m, m->root), &pos, &g)) {
        assert_true(slice_eq(g.name, f[n].name) && slice_eq(g.value, f[n].value));
        assert_true(g.at == f[n].at && g.n == f[n].n && g.id == f[n].id);
        n++;
    }
    assert_int_equal(n, 3);
}

static void numbers(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct slice s =
        S("Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b\n"
          "Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=c\n\n"
          "--c\n\nin\n--c\nContent-Type: message/rfc822\n\nSubject: x\n\nleaf\n--c--\n--b--\n");
    struct message *m = parse(s, NULL, &a);
    static const char *const want[] = {"", "1", "2", "2", "2.1", "2.2", "2.2.1"};
    size_t i = 0;
    for (const struct part *p = m->root; p; p = p->following, i++) {
        BUF_SCOPE b = {0};
        part_number(p, &b);
        assert_slice(buf_slice(&b), want[i]);
    }
    assert_int_equal(i, 7);
    uint32_t path[] = {2, 2, 1, 1};
    assert_ptr_equal(message_part(m, path, 3)->fields,
                     NULL != m->root ? message_part(m, path, 2)->nested->fields : NULL);
    assert_null(message_part(m, path, 4));
    assert_null(message_part(m, (uint32_t[]){3}, 1));
    assert_null(message_part(m, (uint32_t[]){0}, 1));
}

static void add_nested(struct buf *b, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_addf(b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
}

static void limits_leave_the_rest_whole(void **state)
{
    (void)state;
    BUF_SCOPE deep = {0};
    add_nested(&deep, 20000);
    ARENA_SCOPE a = {0};
    struct message *m = parse(buf_slice(&deep), NULL, &a);
    assert_int_equal(m->n_parts, 101);
    assert_true(m->cut & MESSAGE_CUT_DEPTH);
    struct part *last = m->root;
    while (last->following)
        last = last->following;
    assert_true(last->opaque && last->kind == PART_LEAF);
    assert_true(part_is(last, "application", "octet-stream"));

    BUF_SCOPE wide = {0};
    buf_adds(&wide, "Content-Type: multipart/mixed; boundary=b\n\n");
    for (int i = 0; i < 30000; i++)
        buf_adds(&wide, "--b\n\nx\n");
    arena_reset(&a);
    m = parse(buf_slice(&wide), NULL, &a);
    assert_int_equal(m->n_parts, 10000);
    assert_true(m->cut & MESSAGE_CUT_PARTS);
    assert_int_equal(m->root->last->end, wide.n);

    BUF_SCOPE many = {0};
    for (int i = 0; i < 100000; i++)
        buf_adds(&many, "a:\n");
    buf_adds(&many, "\nbody");
    arena_reset(&a);
    m = parse(buf_slice(&many), NULL, &a);
    assert_int_equal(m->root->n_fields, 50000);
    assert_int_equal(m->cut, MESSAGE_CUT_FIELDS);
    assert_slice(part_body(m, m->root), "body");

    struct message_limits small = {
        .depth = 3, .parts = 10, .header_fields = 100, .header_bytes = 10};
    arena_reset(&a);
    m = parse(S("A: 1\nB: 123456789\nC: 3\n\nbody"), &small, &a);
    assert_int_equal(m->root->n_fields, 1);
    assert_int_equal(m->cut, MESSAGE_CUT_HEADER);
    assert_slice(part_body(m, m->root), "body");
}

/* The largest structures that the default limits let through fit in MESSAGE_ARENA_LIMIT. */
static void worst_case_fits(void **state)
{
    (void)state;
    BUF_SCOPE b = {.max = 256 << 20};
    buf_adds(&b, "Content-Type: multipart/mixed; boundary=b\n\n");
    for (int i = 0; i < 12000; i++) {
        buf_adds(&b, "--b\nContent-Type: a/b");
        for (int k = 0; k < 70; k++)
            buf_addf(&b, ";a%d*0=b;a%d*1=\"\\c\"", k, k);
        buf_adds(&b, "\nX:\nX:\nX:\nX:\n\nx\n");
    }
    ARENA_SCOPE a = {0};
    parse(buf_slice(&b), NULL, &a);
    BUF_SCOPE out = {.max = 256 << 20};
    struct message *m = parse(buf_slice(&b), NULL, &a);
    imap_bodystructure(m, &out);
    assert_false(out.failed);
}

static void delimiter_lines_cost_their_length(void **state)
{
    (void)state;
    BUF_SCOPE b = {.max = 256 << 20};
    add_nested(&b, 99);
    for (int i = 0; i < 300000; i++)
        buf_addf(&b, "--b%d%d%d\n", i, i, i);
    buf_adds(&b, "--");
    for (int i = 0; i < 1000000; i++)
        buf_addc(&b, 'b');
    ARENA_SCOPE a = {0};
    struct message *m = parse(buf_slice(&b), NULL, &a);
    assert_int_equal(m->n_parts, 100);
}

static void mime_members(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct message *m = parse(
        S("Content-Type: text/x-me; charset=\"utf-8\";\n name=\"a \\\"b\\\".txt\"\n"
          "Content-Transfer-Encoding: Quoted-Printable (why)\nContent-ID: <a@b>\n"
          "Content-Description: some\n text\nContent-MD5: Q2hlY2s=\nContent-Language: en, de\n"
          "Content-Location: http://a/b\nContent-Disposition: attachment;\n "
          "filename*=utf-8''%C3%A4.txt\n\nx"),
        NULL, &a);
    const struct part *p = m->root;
    assert_int_equal(p->encoding, ENCODING_QUOTED);
    assert_slice(p->encoding_raw, "Quoted-Printable");
    assert_slice(param_raw(&p->params, S("NAME")), "a \"b\".txt");
    assert_slice(p->id, "<a@b>");
    assert_slice(p->description, "some\n text");
    assert_slice(p->language, "en, de");
    assert_slice(p->disposition, "attachment");
    BUF_SCOPE name = {0};
    part_filename(p, &name);
    assert_slice(buf_slice(&name), "\xc3\xa4.txt");
}

static void arena_limit_is_an_error(void **state)
{
    (void)state;
    ARENA_SCOPE a = {.limit = 20000};
    struct message *m = NULL;
    struct err e = {0};
    BUF_SCOPE b = {0};
    buf_adds(&b, "Content-Type: multipart/mixed; boundary=b\n\n");
    for (int i = 0; i < 1000; i++)
        buf_adds(&b, "--b\n\nx\n");
    assert_int_equal(message_parse(buf_slice(&b), NULL, &a, &m, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_null(m);
}

static void fields_wanted_everywhere(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct message *m =
        parse(S("Date: Fri, 21 Nov 1997 09:55:06 -0600\nFrom: A <a@x>\nTo: b@x, c@x\n"
                "To: d@x\nSubject: =?utf-8?q?h=C3=A4?=\n there\nMessage-ID: <1@x>\n"
                "In-Reply-To: <0@x>\nReferences: <a@x> <b@x>\n <a@x>\n\nx"),
              NULL, &a);
    struct message_fields f;
    struct err e = {0};
    assert_int_equal(message_fields(m->root, &a, &f, &e), 0);
    assert_true(f.has_date);
    assert_int_equal(f.date.at, 880127706);
    assert_int_equal(f.to.n, 3);
    assert_slice(f.subject, "h\xc3\xa4 there");
    assert_slice(f.message_id, "1@x");
    assert_int_equal(f.in_reply_to.n, 1);
    assert_int_equal(f.references.n, 2);
}

/* RFC 5322 A.6.3, and 4.5: fields that come more than once */
static void the_obsolete_example(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct message *m = parse(S("From  : John Doe <jdoe@machine(comment).  example>\r\n"
                                "To    : Mary Smith\r\n  \r\n          <mary@example.net>\r\n"
                                "to : second@example.net\r\n"
                                "Subject     : Saying Hello\r\n"
                                "Date  : Fri, 21 Nov 1997 09(comment):   55  :  06 -0600\r\n"
                                "Message-ID  : <1234   @   local(blah)  .machine .example>\r\n"
                                "In-Reply-To: Your \"message <no@x>\" of <1@x> (or <2@x>)\r\n\r\n"
                                "This is a message just to say hello.\r\nSo, \"Hello\".\r\n"),
                              NULL, &a);
    struct message_fields f;
    struct err e = {0};
    assert_int_equal(message_fields(m->root, &a, &f, &e), 0);
    assert_int_equal(f.from.n, 1);
    assert_slice(f.from.items[0].name, "John Doe");
    assert_slice(f.from.items[0].domain, "machine.example");
    assert_int_equal(f.to.n, 2);
    assert_slice(f.to.items[0].local, "mary");
    assert_slice(f.to.items[1].local, "second");
    assert_slice(f.subject, "Saying Hello");
    date_write(f.date, &out);
    assert_slice(buf_slice(&out), "Fri, 21 Nov 1997 09:55:06 -0600");
    assert_slice(f.message_id, "1234@local.machine.example");
    assert_int_equal(f.in_reply_to.n, 1);
    assert_slice(f.in_reply_to.items[0], "1@x");
    assert_true(slice_starts(part_body(m, m->root), S("This is a")));
}

static void a_byte_order_mark_is_no_name(void **state)
{
    (void)state;
    static const struct {
        struct slice bytes;
        size_t body;
        uint32_t fields;
    } cases[] = {
        {S_INIT("\xef\xbb\xbfSubject: s\r\nTo: t\r\n\r\nb"), 24, 2},
        {S_INIT("\xef\xbb\xbf"
                "Content-Type: message/rfc822\n\n\xef\xbb\xbfSubject: s\n\nb"),
         33, 1},
        {S_INIT("\xef\xbb\xbf\nbody"), 0, 0},
        {S_INIT("\xef\xbb\xbfonly a body\n"), 0, 0},
        {S_INIT("\xef\xbb\xbf"), 0, 0},
        {S_INIT("A: b\n\xef\xbb\xbf"
                "C: d\n\n"),
         14, 2}, /* only in front is it a mark */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
        struct message *m;
        struct field f;
        size_t pos = 0;
        uint32_t n = 0;
        assert_int_equal(message_parse(cases[i].bytes, NULL, &a, &m, NULL), 0);
        assert_int_equal(m->root->head, 0);
        assert_int_equal(m->root->body, cases[i].body);
        assert_int_equal(header_end(cases[i].bytes), cases[i].body);
        assert_int_equal(m->root->n_fields, cases[i].fields);
        while (header_next(part_header(m, m->root), &pos, &f))
            n++;
        assert_int_equal(n, cases[i].fields);
        if (m->root->nested)
            assert_non_null(part_field(m->root->nested, FIELD_SUBJECT));
        else if (i == 0)
            assert_slice(m->root->fields[0].name, "Subject");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_order_mark_is_no_name),
        cmocka_unit_test(trees),
        cmocka_unit_test(messages_that_are_encoded),
        cmocka_unit_test(mime_fields_that_are_odd),
        cmocka_unit_test(offsets),
        cmocka_unit_test(fields_of_a_header),
        cmocka_unit_test(numbers),
        cmocka_unit_test(limits_leave_the_rest_whole),
        cmocka_unit_test(worst_case_fits),
        cmocka_unit_test(delimiter_lines_cost_their_length),
        cmocka_unit_test(mime_members),
        cmocka_unit_test(arena_limit_is_an_error),
        cmocka_unit_test(fields_wanted_everywhere),
        cmocka_unit_test(the_obsolete_example),
    };
    return RUN_TESTS(tests);
}
