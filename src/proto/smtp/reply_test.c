/* reply_test.c - replies written, read at every cut, and lists of extensions. */
#include "base/test.h"
#include "proto/smtp/reply.h"

static void replies_are_written(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    smtp_reply_write(&b, 250, S("2.1.0"), S("ok"));
    smtp_reply_write(&b, 250, S(""), S("host\nSIZE 10\nDSN"));
    smtp_reply_write(&b, 550, S("5.1.1"), S("no\r evil\x80"));
    assert_slice(buf_slice(&b), "250 2.1.0 ok\r\n250-host\r\n250-SIZE 10\r\n250 DSN\r\n"
                                "550 5.1.1 no? evil?\r\n");
    buf_reset(&b);
    smtp_reply_write(&b, 550, S("5.1.1"), S("<\xc3\xbc@x>"));
    assert_slice(buf_slice(&b), "550 5.1.1 <??@x>\r\n");
}

static void replies_are_read_at_any_cut(void **state)
{
    (void)state;
    struct slice in = S("250-first\r\n250-\r\n250 5.7.1 last\r\n354 go\r\n");
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct smtp_reply r = {0};
        smtp_reply_reset(&r);
        ptrdiff_t n = smtp_reply_feed(&r, slice_sub(in, 0, cut), NULL);
        if (!r.done)
            n += smtp_reply_feed(&r, slice_from(in, cut), NULL);
        assert_true(r.done);
        assert_int_equal(n, in.n - 8);
        assert_int_equal(r.code, 250);
        assert_slice(buf_slice(&r.text), "first\n\n5.7.1 last");
        assert_string_equal(r.enhanced, "");
        smtp_reply_done(&r);
    }
}

static void enhanced_codes_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *in, *enhanced;
    } cases[] = {
        {"550 5.1.1 x\r\n", "5.1.1"},
        {"550 5.1.1\r\n", "5.1.1"},
        {"250 2.0.0x\r\n", ""},
        {"550 3.1.1 x\r\n", ""},
        {"451 4.123.456 x\n", "4.123.456"},
        {"451 4.1234.4 x\n", ""},
        {"250\r\n", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct smtp_reply r = {0};
        smtp_reply_reset(&r);
        smtp_reply_feed(&r, slice_str(cases[i].in), NULL);
        assert_true(r.done);
        assert_string_equal(r.enhanced, cases[i].enhanced);
        smtp_reply_done(&r);
    }
}

static void what_is_no_reply_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"HTTP/1.1 400\r\n",   "25\r\n",    "\r\n",
                                      "250-a\r\n251 b\r\n", "999 x\r\n", "250_x\r\n",
                                      "150 x\r\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct smtp_reply r = {0};
        smtp_reply_reset(&r);
        assert_int_equal(smtp_reply_feed(&r, slice_str(bad[i]), NULL), -1);
        smtp_reply_done(&r);
    }
}

static void endless_replies_are_refused(void **state)
{
    (void)state;
    struct smtp_reply r = {0};
    struct err e = {0};
    ptrdiff_t n = 0;
    smtp_reply_reset(&r);
    for (int i = 0; i < 10000 && n >= 0; i++)
        n = smtp_reply_feed(&r, S("250-some text that goes on\r\n"), &e);
    assert_int_equal(n, -1);
    assert_int_equal(e.code, ERR_LIMIT);
    smtp_reply_reset(&r);
    n = 0;
    for (int i = 0; i < 10000 && n >= 0; i++)
        n = smtp_reply_feed(&r, S("250 a line without an end"), &e);
    assert_int_equal(n, -1);
    smtp_reply_done(&r);
}

static void extensions_are_read(void **state)
{
    (void)state;
    struct smtp_caps c;
    smtp_caps_parse(S("host at your service\nPIPELINING\nsize 1000\nAUTH PLAIN LOGIN X\n"
                      "LIMITS RCPTMAX=100 MAILMAX=5 RCPTDOMAINMAX=x\nSTARTTLS\nUNKNOWN 1"),
                    &c);
    assert_int_equal(c.bits, SMTP_CAP_PIPELINING | SMTP_CAP_SIZE | SMTP_CAP_AUTH | SMTP_CAP_LIMITS |
                                 SMTP_CAP_STARTTLS);
    assert_int_equal(c.size_max, 1000);
    assert_int_equal(c.auth, SMTP_AUTH_PLAIN | SMTP_AUTH_LOGIN);
    assert_int_equal(c.rcpt_max, 100);
    assert_int_equal(c.mail_max, 5);
    smtp_caps_parse(S("DSN"), &c);
    assert_int_equal(c.bits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_written),
        cmocka_unit_test(replies_are_read_at_any_cut),
        cmocka_unit_test(enhanced_codes_are_found),
        cmocka_unit_test(what_is_no_reply_is_refused),
        cmocka_unit_test(endless_replies_are_refused),
        cmocka_unit_test(extensions_are_read),
    };
    return RUN_TESTS(tests);
}
