/* header_fuzz.c - what a hop writes about a message from a stranger's words: no word makes a field
   of its own, whatever it holds; and what is taken out or looked at agrees with the header. */
#include "base/fuzz.h"
#include "format/header_edit.h"
#include "format/message.h"
#include "mail/dsn.h"
#include "mail/inspect.h"
#include "mail/prefix.h"

/* The text is header lines, each ended with CRLF, of exactly so many fields. */
static void fields(struct slice text, size_t want)
{
    struct field f;
    size_t pos = 0, got = 0;
    for (size_t i = 0; i < text.n; i++) {
        BUG_IF(text.p[i] == '\r' && (i + 1 == text.n || text.p[i + 1] != '\n'));
        BUG_IF(text.p[i] == '\n' && (i == 0 || text.p[i - 1] != '\r'));
        BUG_IF(text.p[i] == '\0');
    }
    BUG_IF(!slice_ends(text, S("\r\n")) || slice_search(text, S("\r\n\r\n")) >= 0);
    while (header_next(text, &pos, &f))
        got++;
    BUG_IF(got != want);
}

static void traces(struct slice a, struct slice b)
{
    BUF_SCOPE out = {0};
    struct trace t = {.helo = a,
                      .address = b,
                      .name = a,
                      .user = b,
                      .by = S("here.test"),
                      .protocol = S("ESMTP"),
                      .tls = a,
                      .id = S("id"),
                      .rcpt = b};
    header_received(&t, &out);
    header_return_path(a, &out);
    header_delivered_to(b, &out);
    struct mail_received r = {.helo = a,
                              .peer_name = b,
                              .peer = a,
                              .with = S("ESMTP"),
                              .tls = b,
                              .id = S("id"),
                              .recipient = a};
    mail_received_write(&r, &out);
    mail_final_write(a, b, &out);
    fields(buf_slice(&out), 6);
    buf_reset(&out);
    header_text(S("Subject"), a, &out);
    fields(buf_slice(&out), 1);
}

static void report(struct slice a, struct slice b)
{
    ARENA_SCOPE arena = {.limit = MESSAGE_ARENA_LIMIT};
    BUF_SCOPE out = {0};
    struct message *m;
    struct outbox_message msg = {.from = S("a@b.test"), .envid = a, .trace = S("id")};
    struct outbox_recipient to = {.address = a, .orcpt = b};
    struct dsn_recipient r = {
        .recipient = &to, .action = DSN_FAILED, .status = S("5.1.1"), .diagnostic = b, .remote = a};
    dsn_write(&msg, &r, 1, b, true, &out);
    BUG_IF(message_parse(buf_slice(&out), NULL, &arena, &m, NULL));
    BUG_IF(!part_is(m->root, "multipart", "report") || m->root->n_children != 3);
    BUG_IF(!m->root->closed || m->root->first->next->kind != PART_LEAF);
}

static void inspected(struct slice in)
{
    ARENA_SCOPE arena = {.limit = 16 << 20};
    BUF_SCOPE out = {0};
    struct mail_header before, after;
    mail_header_without(in, (uint64_t)1 << FIELD_BCC, &out);
    BUG_IF(out.n > in.n);
    struct field f;
    size_t pos = 0;
    struct slice header = slice_sub(buf_slice(&out), 0, header_end(buf_slice(&out)));
    while (header_next(header, &pos, &f))
        BUG_IF(f.id == FIELD_BCC);
    if (mail_header_inspect(slice_sub(in, 0, header_end(in)), &arena, &before, NULL) ||
        mail_header_inspect(header, &arena, &after, NULL))
        return;
    BUG_IF(before.n_from > MAIL_HEADER_ADDRESSES || before.received != after.received);
    BUG_IF(before.n_from != after.n_from || before.n_delivered_to != after.n_delivered_to);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n), a = slice_sub(in, 0, n / 2), b = slice_from(in, n / 2);
    traces(a, b);
    report(a, b);
    inspected(in);
    return 0;
}
