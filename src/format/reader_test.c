/* Unit tests of what is made for readers and for other servers: previews, HTML as text, message
   ids, trace fields. */
#include "base/test.h"

#include "format/header_edit.h"
#include "format/html_text.h"
#include "format/msgid.h"
#include "format/preview.h"
#include "format/text.h"

static void html(const char *in, const char *want)
{
    BUF_SCOPE out = {0};
    html_text(slice_str(in), 1000, &out);
    assert_slice(buf_slice(&out), want);
}

static void html_as_text(void **state)
{
    (void)state;
    html("<html><head><title>t</title><style>p{}</style></head><body><p>Hello <b>you</b></p><p>Bye",
         "Hello you\nBye");
    html("a<br>b<BR/>c", "a\nb\nc");
    html("a &amp; b &lt;c&gt; &#228;&#xE4; &nosuch; &", "a & b <c> \xc3\xa4\xc3\xa4 &nosuch; &");
    html("<a title='>' href=\">\">x</a>", "x");
    html("<!-- <p>no</p> -->yes", "yes");
    html("<script>if (a < b) '</p>'</script>yes", "yes");
    html("1 < 2 and <unclosed", "1 < 2 and");
    html("<a href=\"x>y", "y");
    html("&#0;&#55296;&#99999999;", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    static const char *const seeds[] = {"<",  "<a ",      "<a=\"", "<!--", "&",
                                        "&#", "<script>", "</",    "<a='"};
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        BUF_SCOPE in = {0};
        BUF_SCOPE out = {0};
        while (in.n < 300000)
            buf_adds(&in, seeds[i]);
        html_text(buf_slice(&in), 1 << 20, &out);
    }
}

static void preview(struct slice in, const char *want)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct message *m;
    assert_int_equal(message_parse(in, NULL, &a, &m, NULL), 0);
    message_preview(m, &out);
    assert_slice(buf_slice(&out), want);
}

static void previews(void **state)
{
    (void)state;
    preview(S("\r\n> quoted\r\nHello\r\n  there \r\n-- \r\nsignature"), "Hello there");
    preview(S("\r\n> only\r\n> quotes"), "> only > quotes");
    preview(S("Content-Type: text/html; charset=iso-8859-1\r\n\r\n<p>f\xfcr <i>dich</i>"),
            "f\xc3\xbcr dich");
    preview(S("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: "
              "image/png\r\n\r\nx\r\n"
              "--b\r\nContent-Type: text/html\r\n\r\nhtml\r\n--b\r\n\r\nplain\r\n--b--\r\n"),
            "plain");
    preview(S("Content-Type: image/png\r\n\r\nx"), "");
    preview(S("Content-Type: text/enriched\r\n\r\nrich"), "rich");
    preview(S("Content-Type: text/enriched; charset=x-klingon\r\n\r\nrich"), "");
    preview(S("Content-Transfer-Encoding: x-what\r\n\r\nsecret"), "");
    preview(S("Content-Transfer-Encoding: quoted printable\r\n\r\na=3Db"), "a=b");
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
    preview(S(MIXED "Content-Disposition: x-odd; filename=a\r\n\r\none\r\n--b\r\n"
                    "Content-Disposition: INLINE\r\n\r\ntwo\r\n--b--\r\n"),
            "two");
    preview(S(MIXED "Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"
                    "Subject: s\r\n\r\ninside\r\n--b\r\nContent-Disposition: attachment\r\n"
                    "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\ntoo\r\n--c--\r\n"
                    "--b\r\nContent-Type: text/html\r\n\r\n<p>seen\r\n--b--\r\n"),
            "seen");
#undef MIXED
    BUF_SCOPE in = {0};
    buf_adds(&in, "\r\n");
    for (int i = 0; i < 300; i++)
        buf_adds(&in, "\xc3\xa4");
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct message *m;
    assert_int_equal(message_parse(buf_slice(&in), NULL, &a, &m, NULL), 0);
    message_preview(m, &out);
    assert_int_equal(out.n, 2 * PREVIEW_CHARS);
}

static void text_of_a_part(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct message *m;
    struct slice in = S("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
                        "quoted-printable\r\n\r\n"
                        "=C3=A4\r\nx\ry\n");
    assert_int_equal(message_parse(in, NULL, &a, &m, NULL), 0);
    assert_int_equal(part_text(m, m->root, 100, &out), 0);
    assert_slice(buf_slice(&out), "\xc3\xa4\nx\ny\n");
    buf_reset(&out);
    assert_int_equal(part_text(m, m->root, 1, &out), 0);
    assert_slice(buf_slice(&out), "");
}

static void ids(const char *in, const char *want)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct msgid_list l;
    assert_int_equal(msgid_parse(slice_str(in), &a, &l), 0);
    for (size_t i = 0; i < l.n; i++)
        buf_addf(&out, "%s%.*s", i ? " " : "", SARG(l.items[i]));
    assert_slice(buf_slice(&out), want);
    struct slice first = msgid_first(slice_str(in), &a);
    assert_true(l.n ? slice_eq(first, l.items[0]) : !first.p);
}

static void message_ids(void **state)
{
    (void)state;
    ids("<a@b> <c@d>\r\n <a@b>", "a@b c@d");
    ids("<a@b><c@d>,<e@f>", "a@b c@d e@f");
    ids("Your message of \"Mon <no@no>\" <a@b> (was <x@y>)", "a@b");
    ids("a@b c@d", "a@b c@d");
    ids("<a\r\n b@c>", "ab@c");
    ids("<\"a\\b\"@c>", "ab@c");
    ids("<1234   @   local(blah)  .machine .example>", "1234@local.machine.example");
    ids("<\"a(b)\"@c(d(e\\)))> <(@a>", "a(b)@c (@a");
    ids("<a@b", "a@b");
    ids("<<a@b>>", "a@b");
    ids("<>", "");
    ids("nothing here", "");
    ids("", "");
    BUF_SCOPE in = {0};
    ARENA_SCOPE a = {0};
    struct msgid_list l;
    for (int i = 0; i < 5000; i++)
        buf_addf(&in, "<%d@x> ", i);
    assert_int_equal(msgid_parse(buf_slice(&in), &a, &l), 0);
    assert_int_equal(l.n, MSGID_MAX);
    assert_slice(l.items[0], "0@x");
    assert_slice(l.items[MSGID_MAX - 1], "4999@x");
    buf_reset(&in);
    while (in.n < 300000)
        buf_adds(&in, "\"\\");
    assert_int_equal(msgid_parse(buf_slice(&in), &a, &l), 0);
    /* stored for ever: these numbers must not change */
    assert_int_equal(msgid_hash(S("")), 9060669245272436351);
    assert_int_equal(msgid_hash(S("a@b")), 4529157529254930871);
}

static void trace_fields(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    struct trace t = {.helo = S("client.example\r\nX: injected"),
                      .address = S("2001:db8::1"),
                      .name = S("a.example"),
                      .by = S("mx.example.test"),
                      .protocol = S("ESMTPS"),
                      .tls = S("TLSv1.3 TLS_AES_256_GCM_SHA384"),
                      .id = S("abc123"),
                      .rcpt = S("user1@example.test"),
                      .date = {.at = 1136210645, .zone = 3600}};
    header_received(&t, &out);
    assert_slice(buf_slice(&out),
                 "Received: from client.exampleX:injected (a.example [IPv6:2001:db8::1])\r\n"
                 "\t(using TLSv1.3 TLS_AES_256_GCM_SHA384) by mx.example.test with ESMTPS\r\n"
                 "\tid abc123 for <user1@example.test>;\r\n"
                 "\tMon, 02 Jan 2006 15:04:05 +0100\r\n");
    buf_reset(&out);
    header_return_path(S(""), &out);
    header_return_path(S("a@b\r\nX: y"), &out);
    header_delivered_to(S("c@d"), &out);
    header_text(S("Subject"), S("\xc3\xa4"), &out);
    assert_slice(buf_slice(&out),
                 "Return-Path: <>\r\nReturn-Path: <a@bX: y>\r\nDelivered-To: c@d\r\n"
                 "Subject: =?UTF-8?B?w6Q=?=\r\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(html_as_text),   cmocka_unit_test(previews),
        cmocka_unit_test(text_of_a_part), cmocka_unit_test(message_ids),
        cmocka_unit_test(trace_fields),
    };
    return RUN_TESTS(tests);
}
