/* dsn_test.c - when the sender is told, and what the report holds. */
#include "base/test.h"
#include "format/message.h"
#include "mail/dsn.h"

static void who_wants_to_know(void **state)
{
    (void)state;
    struct outbox_message m = {.from = S("a@b")}, null = {.from = S("")};
    assert_true(dsn_wanted(&m, 0, DSN_FAILED) && dsn_wanted(&m, 0, DSN_DELAYED));
    assert_false(dsn_wanted(&m, 0, DSN_DELIVERED) || dsn_wanted(&m, 0, DSN_RELAYED));
    assert_false(dsn_wanted(&m, 1, DSN_FAILED));
    assert_true(dsn_wanted(&m, 2, DSN_DELIVERED) && dsn_wanted(&m, 2, DSN_RELAYED));
    assert_true(dsn_wanted(&m, 2, DSN_EXPANDED) && !dsn_wanted(&m, 0, DSN_EXPANDED));
    assert_false(dsn_wanted(&m, 2, DSN_FAILED) || dsn_wanted(&m, 4, DSN_DELAYED));
    assert_true(dsn_wanted(&m, 4 | 8, DSN_DELAYED));
    assert_false(dsn_wanted(&null, 15, DSN_FAILED) || dsn_wanted(&null, 0, DSN_FAILED));
}

static void write_one(struct slice address, struct slice orcpt, struct slice diagnostic,
                      struct slice original, struct buf *out)
{
    struct outbox_message m = {.from = S("a@b"), .trace = S("tr"), .envid = S("env\r\nEvil: 1")};
    struct outbox_recipient to = {.address = address, .orcpt = orcpt};
    struct dsn_recipient r = {.recipient = &to,
                              .action = DSN_FAILED,
                              .status = S("5.1.1"),
                              .diagnostic = diagnostic,
                              .remote = S("mx.example")};
    dsn_write(&m, &r, 1, original, false, out);
    assert_false(out->failed);
}

static struct message *parse(struct buf *b, struct arena *a)
{
    struct message *m;
    assert_int_equal(message_parse(buf_slice(b), NULL, a, &m, NULL), 0);
    assert_int_equal(m->n_parts, 4);
    assert_true(part_is(m->root, "multipart", "report") && m->root->closed);
    return m;
}

static void the_report(void **state)
{
    (void)state;
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
    BUF_SCOPE out = {0};
    write_one(S("c@d"), S("rfc822;x@y"), S("550 no\r\nEvil: 2"), S("Subject: s\r\n\r\n"), &out);
    struct message *m = parse(&out, &a);
    struct part *status = m->root->first->next;
    struct slice body = part_body(m, status);
    assert_true(part_is(status, "message", "delivery-status"));
    assert_true(part_is(status->next, "text", "rfc822-headers"));
    assert_true(slice_search(body, S("\r\nOriginal-Recipient: rfc822;x@y\r\n")) > 0);
    assert_true(slice_search(body, S("\r\nFinal-Recipient: rfc822; c@d\r\nAction: failed\r\n"
                                     "Status: 5.1.1\r\nRemote-MTA: dns; mx.example\r\n")) > 0);
    assert_int_equal(slice_search(buf_slice(&out), S("\nEvil")), -1);
}

static void an_address_that_is_not_ascii(void **state)
{
    (void)state;
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
    BUF_SCOPE out = {0};
    write_one(S("\xc3\xbc@d"), S(""), S(""), S("Subject: \xc3\xbc\r\n\r\n"), &out);
    struct message *m = parse(&out, &a);
    assert_true(part_is(m->root->first->next, "message", "global-delivery-status"));
    assert_true(slice_search(buf_slice(&out), S("Final-Recipient: utf-8; \xc3\xbc@d\r\n")) > 0);
}

/* RFC 3834 3.1.6 */
static void the_thread_of_the_message(void **state)
{
    (void)state;
    static const struct {
        const char *original, *want;
    } cases[] = {
        {"Message-ID: <a@b>\r\n\r\nReferences: <no@x>\r\n",
         "In-Reply-To: <a@b>\r\nReferences: <a@b>\r\nAuto"},
        {"References: <1@x> <2@x>\r\n <\"q\"@x> <a@b>\r\nMessage-ID: <a@b>\r\n"
         "In-Reply-To: <3@x>\r\n\r\n",
         "In-Reply-To: <a@b>\r\nReferences: <1@x>\r\n <2@x>\r\n <q@x>\r\n <a@b>\r\nAuto"},
        {"In-Reply-To: <3@x>\r\nMessage-ID: <a@b>\r\n\r\n",
         "In-Reply-To: <a@b>\r\nReferences: <3@x>\r\n <a@b>\r\nAuto"},
        {"In-Reply-To: <3@x> <4@x>\r\nMessage-ID: <a@b>\r\n\r\n",
         "In-Reply-To: <a@b>\r\nReferences: <a@b>\r\nAuto"},
        {"Message-ID: <\"a\\\"\"@b>\r\nReferences: <1@x>\r\n\r\n", NULL},
        {"Message-ID: <\xc3\xbc@b>\r\n\r\n", NULL},
        {"Subject: x\r\n\r\n", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        BUF_SCOPE out = {0};
        write_one(S("c@d"), S(""), S(""), slice_str(cases[i].original), &out);
        size_t header = header_end(buf_slice(&out));
        struct slice s = slice_sub(buf_slice(&out), 0, header);
        ptrdiff_t at = slice_search(s, S("In-Reply-To: "));
        if (!cases[i].want)
            assert_int_equal(at, -1);
        else
            assert_true(at > 0 &&
                        slice_starts(slice_from(s, (size_t)at), slice_str(cases[i].want)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_wants_to_know),
        cmocka_unit_test(the_report),
        cmocka_unit_test(an_address_that_is_not_ascii),
        cmocka_unit_test(the_thread_of_the_message),
    };
    return RUN_TESTS(tests);
}
