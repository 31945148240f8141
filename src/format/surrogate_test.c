/* surrogate_test.c - headers written anew for readers of ASCII, and what the index of parts says of
   them. */
#include "format/surrogate.h"

#include "base/test.h"
#include "base/utf8.h"
#include "format/part_index.h"

static void fields(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"Subject: plain\r\nX: y\r\n\r\n", "Subject: plain\r\nX: y\r\n\r\n"},
        {"Subject: Gr\u00fc\u00dfe\r\n\r\n", "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n\r\n"},
        /* bytes of an unknown charset are left alone */
        {"Subject: Gr\xfc\xdf"
         "e\r\n\r\n",
         "Subject: Gr\xfc\xdf"
         "e\r\n\r\n"},
        {"A: 1\r\nTo: J\u00fcrgen <j@a.example>,\r\n b@c.example\r\nB: 2\r\n\r\n",
         "A: 1\r\nTo: =?UTF-8?Q?J=C3=BCrgen?= <j@a.example>,\r\n b@c.example\r\nB: 2\r\n\r\n"},
        {"From: \u00fc@a.example\r\n\r\n", "From: =?UTF-8?B?w7xAYS5leGFtcGxl?= "
                                           "<invalid@internationalized-address.invalid>\r\n\r\n"},
        {"To: T\u00fc: a@b.example, c@d.example;\r\n\r\n",
         "To: =?UTF-8?B?VMO8?=: a@b.example,\r\n c@d.example;\r\n\r\n"},
        {"Return-Path: <\u00fc@a.example>\r\n",
         "Return-Path: <invalid@internationalized-address.invalid>\r\n"},
        {"Content-Disposition: attachment; filename=\"\u00fc.txt\"; size=1\r\n",
         "Content-Disposition: attachment;\r\n filename*=utf-8''%C3%BC.txt;\r\n size=\"1\"\r\n"},
        {"Message-ID: <\u00fc@a>\r\nDate: x\r\n\r\n",
         "Downgraded-Message-ID: =?UTF-8?B?PMO8QGE+?=\r\nDate: x\r\n\r\n"},
        {"References: <a@b> (\u00fc \\) \"x\")\r\n <c@d>\r\n", "References: <a@b> <c@d>\r\n"},
        {"From: J\u00fcrgen <info@M\u00fcnchen.example>\r\n",
         "From: =?UTF-8?Q?J=C3=BCrgen?= <info@xn--mnchen-3ya.example>\r\n"},
        {"To: a@\u00fc_b.example\r\n", "To: =?UTF-8?B?YUDDvF9iLmV4YW1wbGU=?= "
                                       "<invalid@internationalized-address.invalid>\r\n"},
        {"Date: Fri, 21 Nov 1997 (\u00fc(\u00fc)) 09:55:06 -0600\r\n",
         "Date: Fri, 21 Nov 1997 09:55:06 -0600\r\n"},
        {"Received: from x (\u00fc) by y;\r\n\tMon, 02 Jan 2006 15:04:05 +0100\r\n",
         "Received: from x by y; Mon, 02 Jan 2006 15:04:05 +0100\r\n"},
        {"Received: from x for <\u00fc@y>; x\r\nA: b\r\n", "A: b\r\n"}, /* RFC 6858 2.4 */
        {"Content-Type: text/plain (\u00fc); charset=\"utf-8\"\r\n",
         "Content-Type: text/plain;\r\n charset=\"utf-8\"\r\n"},
        {"List-Id: \u00fc <l.example>\r\n", "List-Id: =?UTF-8?B?w7wgPGwuZXhhbXBsZT4=?=\r\n"},
        {"X-Note: \u00fc\r\n", "X-Note: =?UTF-8?B?w7w=?=\r\n"},
        {"Content-Type: t\u00e9/x\r\nA: b\r\n", "A: b\r\n"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        BUF_SCOPE out = {0};
        header_surrogate(slice_str(cases[i].in), &out);
        assert_slice(buf_slice(&out), cases[i].out);
    }
}

static const char tree[] = "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
                           "--b\r\nContent-Description: one\r\n\r\nx\r\n"
                           "--b\r\nContent-Type: message/rfc822\r\n\r\n"
                           "Subject: \u00fc\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"
                           "--c\r\nA: \u00fc\r\n\r\ny\r\n--c--\r\n\r\n"
                           "--b\r\nContent-Description: %s\r\n\r\nz\r\n--b--\r\n";

static void headers_of_the_index(void **state)
{
    (void)state;
    for (int utf8 = 0; utf8 < 2; utf8++) {
        ARENA_SCOPE a = {0};
        BUF_SCOPE text = {0}, index = {0};
        struct message *m;
        uint64_t from, to;
        buf_addf(&text, tree, utf8 ? "\u00fc" : "u");
        assert_int_equal(message_parse(buf_slice(&text), NULL, &a, &m, NULL), 0);
        part_index_write(m, &index);
        assert_true(part_index_no_nul(buf_slice(&index)));
        /* what is inside an attached message does not count */
        assert_int_equal(part_index_has_utf8(buf_slice(&index)), utf8);
        struct part_headers h = {.index = buf_slice(&index), .size = text.n};
        static const char *const begins[] = {"Content-Type: multipart", "Content-Description: one",
                                             "Content-Type: message", "Content-Description: "};
        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(part_headers_next(&h, &from, &to), 1);
            struct slice got = slice_sub(buf_slice(&text), from, to);
            assert_true(slice_starts(got, slice_str(begins[i])) && slice_ends(got, S("\r\n\r\n")));
        }
        assert_int_equal(part_headers_next(&h, &from, &to), 0);
        for (size_t cut = 0; cut < index.n;
             cut++) { /* damaged: it ends, and tells nothing outside */
            h = (struct part_headers){.index = slice_sub(buf_slice(&index), 0, cut),
                                      .size = text.n};
            while (part_headers_next(&h, &from, &to) > 0)
                assert_true(from <= to && to <= text.n);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields),
        cmocka_unit_test(headers_of_the_index),
    };
    return RUN_TESTS(tests);
}
