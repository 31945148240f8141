/* command_test.c - commands and their parameters. */
#include "base/test.h"
#include "proto/smtp/command.h"
#include "proto/smtp/xtext.h"

enum { ALL = 63 };

static void lines_become_commands(void **state)
{
    (void)state;
    struct smtp_command c;
    assert_int_equal(smtp_command_parse(S("MAIL  FROM:<a@b> "), &c, NULL), 0);
    assert_slice(c.verb, "MAIL");
    assert_slice(c.args, "FROM:<a@b>");
    assert_int_equal(smtp_command_parse(S("noop"), &c, NULL), 0);
    assert_int_equal(c.args.n, 0);
    static const struct slice bad[] = {
        S_INIT(""),           S_INIT("  "),           S_INIT("NO\0OP"),   S_INIT("NOOP\r"),
        S_INIT("MAIL:<a@b>"), S_INIT("\xff\xfd\x06"), S_INIT("NOOP \x7f")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(smtp_command_parse(bad[i], &c, NULL), -1);
}

static void mail_with_every_parameter(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct smtp_mail m;
    struct err e = {0};
    assert_int_equal(
        smtp_mail_parse(S("from:<a@b> SIZE=1000 body=8bitmime SMTPUTF8 RET=HDRS ENVID=x+2By "
                          "AUTH=e+3Dmc2@example.com"),
                        ALL, &a, &m, &e),
        0);
    assert_slice(m.from.address, "a@b");
    assert_int_equal(m.size, 1000);
    assert_int_equal(m.body, SMTP_BODY_8BITMIME);
    assert_true(m.utf8);
    assert_int_equal(m.ret, SMTP_RET_HDRS);
    assert_slice(m.envid, "x+y");
    assert_slice(m.auth, "e=mc2@example.com");
    assert_int_equal(smtp_mail_parse(S("FROM: <> AUTH=<>"), ALL, &a, &m, &e), 0);
    assert_int_equal(m.from.address.n, 0);
    assert_slice(m.auth, "<>");
}

static void bad_mail(void **state)
{
    (void)state;
    static const struct {
        const char *args;
        unsigned offer;
        enum err_code code;
    } cases[] = {
        {"", ALL, ERR_SYNTAX},
        {"FROM:", ALL, ERR_SYNTAX},
        {"FROM a@b", ALL, ERR_SYNTAX},
        {"TO:<a@b>", ALL, ERR_SYNTAX},
        {"FROM:<a@b>SIZE=1", ALL, ERR_SYNTAX},
        {"FROM:<a@b> SIZE=1 SIZE=2", ALL, ERR_SYNTAX},
        {"FROM:<a@b> SIZE", ALL, ERR_SYNTAX},
        {"FROM:<a@b> SIZE=", ALL, ERR_SYNTAX},
        {"FROM:<a@b> SIZE=-1", ALL, ERR_SYNTAX},
        {"FROM:<a@b> SIZE=99999999999999999999", ALL, ERR_SYNTAX},
        {"FROM:<a@b> SIZE=1", ALL & ~SMTP_OFFER_SIZE, ERR_UNSUPPORTED},
        {"FROM:<a@b> BODY=9BIT", ALL, ERR_SYNTAX},
        {"FROM:<a@b> BODY=BINARYMIME", ALL & ~SMTP_OFFER_BINARYMIME, ERR_UNSUPPORTED},
        {"FROM:<a@b> SMTPUTF8=1", ALL, ERR_SYNTAX},
        {"FROM:<a@b> RET=ALL", ALL, ERR_SYNTAX},
        {"FROM:<a@b> ENVID=a+0Ab", ALL, ERR_SYNTAX},
        {"FROM:<a@b> ENVID=a+0ab", ALL, ERR_SYNTAX},
        {"FROM:<a@b> ENVID=a+", ALL, ERR_SYNTAX},
        {"FROM:<a@b> AUTH=+3C", ALL, ERR_SYNTAX},
        {"FROM:<a@b> X=1", ALL, ERR_UNSUPPORTED},
        {"FROM:<a@b> NOTIFY=NEVER", ALL, ERR_UNSUPPORTED},
        {"FROM:<a@b> =1", ALL, ERR_SYNTAX},
        {"FROM:<\xc3\xbc@b>", ALL, ERR_SYNTAX},
        {"FROM:<\xc3\xbc@b> SMTPUTF8", ALL & ~SMTP_OFFER_SMTPUTF8, ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ARENA_SCOPE a = {0};
        struct smtp_mail m;
        struct err e = {0};
        if (smtp_mail_parse(slice_str(cases[i].args), cases[i].offer, &a, &m, &e) == 0)
            fail_msg("%s was taken", cases[i].args);
        if (e.code != cases[i].code)
            fail_msg("%s: %s", cases[i].args, e.text);
        assert_int_equal(e.text[0], '5');
    }
}

static void rcpt_parameters(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct smtp_rcpt r;
    struct err e = {0};
    assert_int_equal(smtp_rcpt_parse(S("TO:<a@b> NOTIFY=SUCCESS,delay ORCPT=rfc822;a+2Bb@c"), ALL,
                                     false, &a, &r, &e),
                     0);
    assert_int_equal(r.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
    assert_slice(r.orcpt, "rfc822;a+b@c");
    assert_int_equal(smtp_rcpt_parse(S("TO:<a@b> ORCPT=utf-8;\\x{FC}@c"), ALL, true, &a, &r, &e),
                     0);
    assert_slice(r.orcpt, "utf-8;\xc3\xbc@c");
    assert_int_equal(smtp_rcpt_parse(S("TO:<postmaster>"), ALL, false, &a, &r, &e), 0);
    static const char *const bad[] = {
        "TO:<>",
        "TO:<a@b> NOTIFY=NEVER,DELAY",
        "TO:<a@b> NOTIFY=",
        "TO:<a@b> NOTIFY=DELAY,DELAY",
        "TO:<a@b> NOTIFY=DELAY,",
        "TO:<a@b> ORCPT=rfc822",
        "TO:<a@b> ORCPT=;a@b",
        "TO:<a@b> ORCPT=rfc822;a+0D+0Ab",
        "TO:<a@b> ORCPT=utf-8;\\x{A}",
        "TO:<a@b> ORCPT=utf-8;\\x{D800}",
        "TO:<a@b> SIZE=1",
        "TO:<\xc3\xbc@b>",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        if (smtp_rcpt_parse(slice_str(bad[i]), ALL, false, &a, &r, &e) == 0)
            fail_msg("%s was taken", bad[i]);
}

static void helo_names(void **state)
{
    (void)state;
    struct slice name;
    assert_int_equal(smtp_helo_parse(S("mail.example"), false, &name, NULL), 0);
    assert_int_equal(smtp_helo_parse(S("[192.0.2.1]"), false, &name, NULL), 0);
    assert_int_equal(smtp_helo_parse(S("my_host"), false, &name, NULL), -1);
    assert_int_equal(smtp_helo_parse(S("my_host"), true, &name, NULL), 0);
    assert_int_equal(smtp_helo_parse(S("a b"), true, &name, NULL), -1);
    assert_int_equal(smtp_helo_parse(S("[IPv6:::1] by dial-up"), false, &name, NULL), 0);
    assert_slice(name, "[IPv6:::1]");
    assert_int_equal(smtp_helo_parse(S("[192.0.2.256] x"), true, &name, NULL), -1);
    assert_int_equal(smtp_helo_parse(S("a(b"), true, &name, NULL), -1);
    assert_int_equal(smtp_helo_parse(S(""), true, &name, NULL), -1);
}

static void bdat_sizes(void **state)
{
    (void)state;
    uint64_t n;
    bool last;
    assert_int_equal(smtp_bdat_parse(S("10"), &n, &last, NULL), 0);
    assert_true(n == 10 && !last);
    assert_int_equal(smtp_bdat_parse(S("0 last"), &n, &last, NULL), 0);
    assert_true(n == 0 && last);
    static const char *const bad[] = {"",
                                      "x",
                                      "-1",
                                      "10 FIRST",
                                      "10LAST",
                                      "9223372036854775808",
                                      "99999999999999999999999",
                                      "+1",
                                      "1 LAST LAST"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(smtp_bdat_parse(slice_str(bad[i]), &n, &last, NULL), -1);
}

static void auth_arguments(void **state)
{
    (void)state;
    struct slice m, i;
    assert_int_equal(smtp_auth_parse(S("PLAIN"), &m, &i, NULL), 0);
    assert_null(i.p);
    assert_int_equal(smtp_auth_parse(S("PLAIN ="), &m, &i, NULL), 0);
    assert_true(i.p && i.n == 0);
    assert_int_equal(smtp_auth_parse(S("SCRAM-SHA-256 abc="), &m, &i, NULL), 0);
    assert_slice(m, "SCRAM-SHA-256");
    assert_slice(i, "abc=");
    assert_int_equal(smtp_auth_parse(S(""), &m, &i, NULL), -1);
    assert_int_equal(smtp_auth_parse(S("PLAIN a b"), &m, &i, NULL), -1);
    assert_int_equal(smtp_auth_parse(S("PLAIN/X a"), &m, &i, NULL), -1);
}

static void attributes_come_one_by_one(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct slice args = S("NAME=mail.example  ADDR=192.0.2.1 HELO=[UNAVAILABLE]"), n, v;
    assert_int_equal(smtp_attribute_next(&args, &a, &n, &v, NULL), 1);
    assert_slice(n, "NAME");
    assert_slice(v, "mail.example");
    assert_int_equal(smtp_attribute_next(&args, &a, &n, &v, NULL), 1);
    assert_int_equal(smtp_attribute_next(&args, &a, &n, &v, NULL), 1);
    assert_int_equal(v.n, 0);
    assert_int_equal(smtp_attribute_next(&args, &a, &n, &v, NULL), 0);
    args = S("NAME=a+0Ab");
    assert_int_equal(smtp_attribute_next(&args, &a, &n, &v, NULL), -1);
    args = S("=x");
    assert_int_equal(smtp_attribute_next(&args, &a, &n, &v, NULL), -1);
}

static void xtext_goes_both_ways(void **state)
{
    (void)state;
    BUF_SCOPE enc = {0}, dec = {0};
    xtext_encode(S("a+b=c d\xc3\xbc"), &enc);
    assert_slice(buf_slice(&enc), "a+2Bb+3Dc+20d+C3+BC");
    assert_true(xtext_decode(buf_slice(&enc), &dec));
    assert_slice(buf_slice(&dec), "a+b=c d\xc3\xbc");
    assert_false(xtext_decode(S("+00"), &dec));
    assert_false(xtext_decode(S("+FF"), &dec));
    assert_false(xtext_decode(S("a b"), &dec));
    assert_false(xtext_decode(S("+4"), &dec));
}

/* RFC 6533 3: to servers with SMTPUTF8 as it is, to others as code points. */
static void addresses_with_utf8_go_both_ways(void **state)
{
    (void)state;
    struct slice address = S("j\xc3\xbcrgen+a=b\\c d@\xf0\x9f\x93\xae.example");
    static const struct {
        bool utf8;
        const char *want;
    } forms[] = {
        {false, "j\\x{FC}rgen\\x{2B}a\\x{3D}b\\x{5C}c\\x{20}d@\\x{1F4EE}.example"},
        {true, "j\xc3\xbcrgen\\x{2B}a\\x{3D}b\\x{5C}c\\x{20}d@\xf0\x9f\x93\xae.example"},
    };
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        BUF_SCOPE enc = {0}, dec = {0};
        xtext_encode_utf8_addr(address, forms[i].utf8, &enc);
        assert_slice(buf_slice(&enc), forms[i].want);
        assert_true(xtext_decode_utf8_addr(buf_slice(&enc), &dec));
        assert_true(slice_eq(buf_slice(&dec), address));
    }
    static const char *const bad[] = {"\\",           "\\q",     "\\x{4}",    "\\x{41",
                                      "\\x{0A}",      "\\x{7F}", "\\x{D800}", "\\x{110000}",
                                      "\\x{1000000}", "\\x{g0}", "a b",       "+0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BUF_SCOPE dec = {0};
        if (xtext_decode_utf8_addr(slice_str(bad[i]), &dec))
            fail_msg("%s is taken", bad[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_become_commands),
        cmocka_unit_test(mail_with_every_parameter),
        cmocka_unit_test(bad_mail),
        cmocka_unit_test(rcpt_parameters),
        cmocka_unit_test(helo_names),
        cmocka_unit_test(bdat_sizes),
        cmocka_unit_test(auth_arguments),
        cmocka_unit_test(attributes_come_one_by_one),
        cmocka_unit_test(xtext_goes_both_ways),
        cmocka_unit_test(addresses_with_utf8_go_both_ways),
    };
    return RUN_TESTS(tests);
}
