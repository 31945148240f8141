/* prefix_test.c - trace lines, and that nothing a stranger sends begins a line of its own. */
#include "base/setting.h"
#include "base/test.h"
#include "mail/prefix.h"

SETTING_DECLARE(mail, hostname);

static void a_received_line(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    struct mail_received r = {.helo = S("client.example"),
                              .peer = S("192.0.2.1"),
                              .with = S("ESMTPS"),
                              .tls = S("TLSv1.3 X"),
                              .id = S("abc"),
                              .recipient = S("a@b"),
                              .at = 0};
    mail_received_write(&r, &out);
    assert_slice(buf_slice(&out), "Received: from client.example ([192.0.2.1])\r\n"
                                  "\tby mail.example with ESMTPS (TLSv1.3 X)\r\n"
                                  "\tid abc for <a@b>;\r\n"
                                  "\tThu, 01 Jan 1970 00:00:00 +0000\r\n");
}

static void parts_may_be_missing(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    struct mail_received r = {.id = S("abc"), .peer = S("2001:db8::1")};
    mail_received_write(&r, &out);
    assert_slice(buf_slice(&out), "Received: by mail.example\r\n\tid abc;\r\n"
                                  "\tThu, 01 Jan 1970 00:00:00 +0000\r\n");
    buf_reset(&out);
    r.helo = S("x");
    r.peer_name = S("n");
    mail_received_write(&r, &out);
    assert_true(slice_search(buf_slice(&out), S("from x (n [IPv6:2001:db8::1])\r\n")) > 0);
}

static void line_ends_do_not_get_in(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    struct mail_received r = {
        .helo = S("a\r\nEvil: 1"), .peer = S("1"), .recipient = S("b\nEvil: 2")};
    mail_received_write(&r, &out);
    mail_final_write(S("c\rEvil: 3\0"), S("d\r\nEvil: 4"), &out);
    struct slice rest = buf_slice(&out);
    while (rest.n) {
        struct slice line = slice_cut(&rest, '\n');
        assert_true(slice_ends(line, S("\r")));
        assert_int_equal(slice_find(slice_sub(line, 0, line.n - 1), '\r'), -1);
        assert_false(slice_starts(line, S("Evil")));
    }
}

static int set_name(void **state)
{
    (void)state;
    return setting_parse(&set_mail_hostname, S("mail.example"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_received_line),
        cmocka_unit_test(parts_may_be_missing),
        cmocka_unit_test(line_ends_do_not_get_in),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, set_name, NULL);
}
