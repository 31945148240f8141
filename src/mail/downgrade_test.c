/* downgrade_test.c - what is encoded, what is relabelled, what is refused, and that the content is
   the same behind it. */
#include "mail/downgrade.h"

#include "base/test.h"
#include "base/utf8.h"
#include "format/message.h"
#include "format/transfer.h"

static int run(struct slice in, bool keep, struct buf *out, bool *eight)
{
    struct err e = {0};
    int rc = message_downgrade(in, keep, out, eight, &e);
    if (rc)
        assert_int_equal(e.code, ERR_UNSUPPORTED);
    return rc;
}

static void check(struct slice in, bool keep, const char *want)
{
    BUF_SCOPE out = {0};
    bool eight = false;
    assert_int_equal(run(in, keep, &out, &eight), 0);
    assert_slice(buf_slice(&out), want);
    assert_int_equal(eight, !ascii_only(buf_slice(&out)));
}

static void check_refused(struct slice in, bool keep)
{
    BUF_SCOPE out = {0};
    bool eight = false;
    assert_int_equal(run(in, keep, &out, &eight), -1);
}

static void text_is_encoded(void **state)
{
    (void)state;
    check(S("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\nX: y\r\n\r\nna\303\257ve and long enough\r\n"),
          false,
          "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "X: y\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
          "na=C3=AFve and long enough\r\n");
    check(S("Subject: x\r\n\r\n\303\257\303\257\303\257\r\n"), false,
          "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\nw6/Dr8OvDQo=\r\n");
    check(S("Subject: x\r\n\r\n\377 this is in some charset or other\r\n"), false,
          "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
          "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
          "=FF this is in some charset or other\r\n");
}

static void what_may_pass_stays(void **state)
{
    (void)state;
    const char *eight = "A: b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\303\257\r\n";
    check(slice_str(eight), true, eight);
    const char *plain = "A: b\r\n\r\nplain\r\n";
    check(slice_str(plain), false, plain);
    check(S("A: b\r\nContent-Transfer-Encoding: binary\r\n\r\nclean\r\n"), true,
          "A: b\r\nContent-Transfer-Encoding: 7bit\r\n\r\nclean\r\n");
    check(S("A: b\r\nContent-Transfer-Encoding: binary\r\n\r\n\303\257\r\n"), true,
          "A: b\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\303\257\r\n");
}

static void binary_parts_are_encoded(void **state)
{
    (void)state;
    check(S("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
            "Content-Transfer-Encoding: binary\r\n\r\n"
            "--b\r\n\r\nplain\r\n"
            "--b\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
            "a\nb\0c\r\n--b--\r\n"),
          true,
          "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
          "Content-Transfer-Encoding: 8bit\r\n\r\n"
          "--b\r\n\r\nplain\r\n"
          "--b\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: base64\r\n\r\n"
          "YQpiAGM=\r\n--b--\r\n");
    /* bare line ends in text are kept by base 64 */
    check(S("Content-Type: text/plain\r\n\r\na\nb"), false,
          "Content-Type: text/plain\r\nMIME-Version: 1.0\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\nYQpi\r\n");
}

static void messages_inside_are_walked(void **state)
{
    (void)state;
    check(S("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\n"
            "Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n"
            "Content-Transfer-Encoding: 8bit\r\n\r\n\303\257 is the letter\r\n"),
          false,
          "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n"
          "Content-Transfer-Encoding: 7bit\r\n\r\n"
          "Subject: inner\r\nContent-Type: text/plain; charset=utf-8\r\n"
          "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=AF is the letter\r\n");
    check(S("MIME-Version: 1.0\r\nContent-Type: message/global\r\n\r\nSubject: "
            "\303\257\r\n\r\nx\r\n"),
          false,
          "MIME-Version: 1.0\r\nContent-Type: message/global\r\n"
          "Content-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogw68NCg0KeA0K\r\n");
}

static void harm_is_refused(void **state)
{
    (void)state;
    check_refused(S("Subject: \303\257\r\n\r\nx\r\n"), false);
    check_refused(S("A: b\r\nContent-Transfer-Encoding: base64\r\n\r\n\303\257\r\n"), false);
    check_refused(S("Content-Type: message/partial; id=x; number=1\r\n\r\n\303\257\r\n"), false);
    check_refused(S("Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n\303\257\r\n"
                    "--b\r\nContent-Type: application/x\r\n\r\nx\r\n--b--\r\n"),
                  false);
    check_refused(S("Content-Type: multipart/mixed; boundary=b\r\n\r\n\303\257\r\n--b\r\n\r\nx\r\n"
                    "--b--\r\n"),
                  false);
    check_refused(S("A: b\r\nContent-Transfer-Encoding: 8bit\r\nContent-Transfer-Encoding: 8bit\r\n"
                    "\r\n\303\257\r\n"),
                  false);
    check_refused(S("A: b\nc: d\r\n\r\nx\r\n"), true);
}

static void headers_are_looked_at(void **state)
{
    (void)state;
    bool global = true;
    assert_true(message_header_is_ascii(S("A: b\r\n\r\n\303\257\r\n"), &global));
    assert_false(global);
    assert_false(message_header_is_ascii(S("A: \303\257\r\n\r\nb\r\n"), &global));
    assert_false(message_header_is_ascii(S("Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                                           "--b\r\nX: \303\257\r\n\r\nx\r\n--b--\r\n"),
                                         &global));
    assert_true(message_header_is_ascii(
        S("Content-Type: message/global\r\n\r\nSubject: \303\257\r\n\r\nx\r\n"), &global));
    assert_true(global);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_encoded),          cmocka_unit_test(what_may_pass_stays),
        cmocka_unit_test(binary_parts_are_encoded), cmocka_unit_test(messages_inside_are_walked),
        cmocka_unit_test(harm_is_refused),          cmocka_unit_test(headers_are_looked_at),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, NULL, NULL);
}
