/* Unit tests of ENVELOPE and BODYSTRUCTURE against the examples and rules of RFC 9051. */
#include "base/test.h"

#include "format/imap_body.h"
#include "format/imap_structure.h"

static void check(struct slice s, void (*make)(const struct message *, struct buf *),
                  const char *want)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct message *m;
    assert_int_equal(message_parse(s, NULL, &a, &m, NULL), 0);
    make(m, &out);
    assert_slice(buf_slice(&out), want);
}

static void envelope(const struct message *m, struct buf *out)
{
    imap_envelope(m->root, out);
}

static void body(const struct message *m, struct buf *out)
{
    BUF_SCOPE whole = {0};
    imap_bodystructure(m, &whole);
    assert_int_equal(imap_body(buf_slice(&whole), out), 0);
}

static void bodystructure(const struct message *m, struct buf *out)
{
    imap_bodystructure(m, out);
}

static void envelopes(void **state)
{
    (void)state;
    /* RFC 9051 8 */
    check(S("Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\nFrom: Terry Gray "
            "<gray@cac.washington.edu>\r\n"
            "Subject: IMAP4rev2 WG mtg summary and minutes\r\nTo: imap@cac.washington.edu\r\n"
            "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
            "Message-Id: <B27397-0100000@cac.washington.ed>\r\n\r\n"),
          envelope,
          "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev2 WG mtg summary and minutes\" "
          "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
          "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
          "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\")) "
          "((NIL NIL \"imap\" \"cac.washington.edu\")) "
          "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" "
          "\"MIT.EDU\")) "
          "NIL NIL \"<B27397-0100000@cac.washington.ed>\")");
    check(S("\r\n"), envelope, "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
    check(S("Subject:\r\nFrom: \r\nSender: s@x\r\nTo: g: a@x, \"B, c\" <b@x>;, "
            "d\r\nIn-Reply-To:\r\n\r\n"),
          envelope,
          "(NIL \"\" NIL ((NIL NIL \"s\" \"x\")) NIL ((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"x\")"
          "(\"B, c\" NIL \"b\" \"x\")(NIL NIL NIL NIL)(NIL NIL \"d\" \"\")) NIL NIL \"\" NIL)");
    /* folds are undone, 8-bit and quotes: literal and escapes, NUL left out */
    check(S("Subject: a\r\n b \\ \"q\"\r\nFrom: \xc3\xa4 <\xc3\xb6@x>\r\nMessage-ID: "
            "<\0a@b>\r\n\r\n"),
          envelope,
          "(NIL \"a b \\\\ \\\"q\\\"\" (({2}\r\n\xc3\xa4 NIL {2}\r\n\xc3\xb6 \"x\")) "
          "(({2}\r\n\xc3\xa4 NIL "
          "{2}\r\n\xc3\xb6 \"x\")) (({2}\r\n\xc3\xa4 NIL {2}\r\n\xc3\xb6 \"x\")) NIL NIL NIL NIL "
          "{5}\r\n<a@b>)");
}

static void bodies(void **state)
{
    (void)state;
    check(S("Content-Type: text/plain; charset=us-ascii\r\n\r\none\r\ntwo\r\n"), body,
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 10 2)");
    check(S("\r\nx"), bodystructure,
          "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0 NIL NIL NIL NIL)");
    check(S("Content-Type: multipart/mixed; boundary=b\r\nContent-Language: en, "
            "de\r\n\r\n--b\r\n\r\none\r\n"
            "--b\r\nContent-Type: image/png; name*0*=utf-8''%e4; name*1=b\r\nContent-ID: <i@x>\r\n"
            "Content-Transfer-Encoding: BASE64\r\nContent-Disposition: attachment; "
            "filename=a\r\n\r\nAA==\r\n--b--\r\n"),
          bodystructure,
          "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 0 NIL NIL NIL NIL)"
          "(\"image\" \"png\" (\"name*\" \"utf-8''%e4b\") \"<i@x>\" NIL \"BASE64\" 4 NIL "
          "(\"attachment\" "
          "(\"filename\" \"a\")) NIL NIL) \"mixed\" (\"boundary\" \"b\") NIL (\"en\" \"de\") NIL)");
    check(S("Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: multipart/x; "
            "boundary=c\r\n\r\n"
            "--c\r\n\r\n1\r\n--c--\r\n"),
          body,
          "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 71 (NIL \"in\" NIL NIL NIL NIL NIL NIL "
          "NIL NIL) "
          "((\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 1 0) \"x\") 7)");
    /* a multipart in which nothing was found is text to the reader */
    check(S("Content-Type: multipart/mixed; boundary=b\r\n\r\njust text\r\n"), body,
          "(\"text\" \"plain\" (\"boundary\" \"b\") NIL NIL \"7bit\" 11 1)");
}

static void strings(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    imap_string(S("a\tb"), &out);
    imap_string(S("a\rb"), &out);
    imap_nstring(SNONE, &out);
    imap_nstring(S(""), &out);
    assert_slice(buf_slice(&out), "\"a\tb\"{3}\r\na\rbNIL\"\"");
}

/* Not what imap_bodystructure writes. */
static void no_structures(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "(",
        "()",
        "NIL",
        "(\"a\" \"b\" NIL NIL NIL \"7bit\" 1",
        "(\"a\" \"b\" NIL NIL NIL \"7bit\")",
        "(\"a\" \"b\" NIL NIL NIL \"7bit\" 1 NIL) ",
        "(\"a\" \"b\" NIL NIL NIL \"7bit\" 1 NIL))",
        "(\"a\" {3}\r\nb\" NIL NIL NIL \"7bit\" 1)",
        "(\"a\" {99999999999999999999}\r\nb NIL NIL NIL \"7bit\" 1)",
        "(\"a\" \"b\\",
        "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 1 (NIL) NIL 1)",
        "((\"a\" \"b\" NIL NIL NIL \"7bit\" 1))",
    };
    BUF_SCOPE out = {0};
    buf_adds(&out, "before");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (imap_body(slice_str(bad[i]), &out) == 0)
            fail_msg("%s gives %.*s", bad[i], (int)out.n, out.p);
    assert_slice(buf_slice(&out), "before");
    BUF_SCOPE deep = {.max = 1 << 20};
    for (int i = 0; i < 100000; i++)
        buf_addc(&deep, '(');
    assert_int_equal(imap_body(buf_slice(&deep), &out), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(envelopes),
        cmocka_unit_test(bodies),
        cmocka_unit_test(strings),
        cmocka_unit_test(no_structures),
    };
    return RUN_TESTS(tests);
}
