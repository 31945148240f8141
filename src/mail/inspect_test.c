/* inspect_test.c - what is read of a header that passes. */
#include "base/test.h"
#include "format/message.h"
#include "mail/inspect.h"

static void fields_are_counted_and_collected(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct mail_header h;
    struct slice text =
        S("Received: a\r\nreceived: b\r\n\tfolded\r\nDelivered-To: x@Example\r\n"
          "From: A <a@b>, \"c d\"@e\r\nSender: f@g\r\nDate: x\r\n\r\nReceived: body\r\n");
    assert_int_equal(mail_header_inspect(text, &a, &h, NULL), 0);
    assert_int_equal(h.received, 2);
    assert_false(h.too_many);
    assert_int_equal(h.n_from, 3);
    assert_slice(h.from[0], "a@b");
    assert_slice(h.from[1], "\"c d\"@e");
    assert_slice(h.from[2], "f@g");
    assert_true(mail_header_delivered_to(&h, S("X@example")));
    assert_false(mail_header_delivered_to(&h, S("x@exampl")));
}

static void more_than_is_looked_at_is_told(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    BUF_SCOPE text = {0};
    struct mail_header h;
    buf_add(&text, S("From: "));
    for (int i = 0; i < MAIL_HEADER_ADDRESSES + 1; i++)
        buf_addf(&text, "a%d@b,\r\n ", i);
    buf_add(&text, S("z@b\r\n\r\n"));
    assert_int_equal(mail_header_inspect(buf_slice(&text), &a, &h, NULL), 0);
    assert_true(h.too_many);
}

enum { BCC = 1 << FIELD_BCC };

static void bcc_is_taken_out(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    mail_header_without(S("A: 1\r\nBcc: x\r\n y\r\nB: 2\r\nbcc: z\r\n\r\nBcc: body\r\n"), BCC,
                        &out);
    assert_slice(buf_slice(&out), "A: 1\r\nB: 2\r\n\r\nBcc: body\r\n");
    buf_reset(&out);
    mail_header_without(S("A: 1\r\n\r\n"), BCC, &out);
    assert_slice(buf_slice(&out), "A: 1\r\n\r\n");
    static const char *const cases[][2] = {
        /* lines of no field go with the Bcc before them */
        {"Bcc: x,\r\ny@z\r\nA: 1\r\n\r\nb", "A: 1\r\n\r\nb"},
        {"A: 1\nBcc: x\nstray\n\nb", "A: 1\n\nb"},
        {"A: 1\r\nBcc: x\r\n\r\n\r\n", "A: 1\r\n\r\n\r\n"},
        {"Bcc: x\r\n\r\nb", "\r\nb"},
        {"Bcc: x\n", ""},
        {"Bcc: x\nbody", "body"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        buf_reset(&out);
        mail_header_without(slice_str(cases[i][0]), BCC, &out);
        assert_slice(buf_slice(&out), cases[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_counted_and_collected),
        cmocka_unit_test(more_than_is_looked_at_is_told),
        cmocka_unit_test(bcc_is_taken_out),
    };
    return RUN_TESTS(tests);
}
