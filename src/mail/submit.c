/* submit.c - RFC 6409 4.2, 6.1 and 8. A message that needs a change is copied into a new spool;
   most clients send what needs none. */
#include "mail/submit.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/setting.h"
#include "format/date.h"
#include "format/message.h"
#include "mail/host.h"

SETTING(smtp, check_from, BOOL, 1, 0, 1,
        "Submission: every address in From and Sender must be the account's own, as the envelope "
        "sender always must: its address and its aliases, under alias domains too, each with "
        "+detail or without. Lists are nobody's, and an empty envelope sender is anybody's.");
SETTING(smtp, strip_bcc, BOOL, 0, 0, 1,
        "Submission: take Bcc fields out of messages (clients should do it themselves).");

enum { COPY_PIECE = 256 * 1024 };

/* RFC 6409 6.1: a server MAY enforce that the sender is the submitter's. */
int mail_submit_sender(uint64_t account, struct slice from, struct err *e)
{
    struct err why = {0};
    if (from.n == 0) /* notifications of clients (RFC 8098 3) */
        return 0;
    int may = directory_may_send_as(account, from, &why);
    if (may < 0)
        return err_set(e, ERR_BUSY, "4.3.0 Directory is not available");
    return may ? 0 : err_set(e, ERR_NOPERM, "5.7.1 You may not send as this address");
}

int mail_submit_check(struct mail_accept *m, const struct mail_header *h, struct err *e)
{
    if (!setting_get(&set_smtp_check_from))
        return 0;
    if (h->too_many)
        return err_set(e, ERR_LIMIT, "5.3.4 Too many addresses in From");
    for (size_t i = 0; i < h->n_from; i++) {
        struct err why = {0};
        int may = directory_may_send_as(m->sender, h->from[i], &why);
        if (may < 0)
            return err_set(e, ERR_BUSY, "4.3.0 Directory is not available");
        if (!may)
            return err_set(e, ERR_NOPERM, "5.7.1 You may not send as an address in From");
    }
    return 0;
}

/* RFC 6409 8.2 and 8.3: Date and Message-ID SHOULD be added. */
static void missing_fields(const struct mail_header *h, struct buf *out)
{
    if (!h->has_date) {
        buf_add(out, S("Date: "));
        date_write((struct date){.at = clock_now()}, out);
        buf_add(out, S("\r\n"));
    }
    if (!h->has_message_id) {
        char name[27];
        random_name(name, sizeof(name) - 1);
        buf_addf(out, "Message-ID: <%s@%.*s>\r\n", name, SARG(mail_hostname()));
    }
}

static int copy_body(const struct spool *from, uint64_t at, struct spool *to, struct err *e)
{
    BUF_SCOPE piece = {.max = COPY_PIECE};
    while (at < from->size) {
        buf_reset(&piece);
        if (spool_read(from, at, COPY_PIECE, &piece, e) || spool_add(to, buf_slice(&piece), e))
            return -1;
        at += piece.n;
    }
    return 0;
}

int mail_submit_complete(struct mail_accept *m, const struct mail_header *h, struct err *e)
{
    BUF_SCOPE added = {0}, header = {0}, kept = {0};
    bool strip = setting_get(&set_smtp_strip_bcc);
    missing_fields(h, &added);
    if (added.n == 0 && !strip)
        return 0;
    if (spool_read(&m->body, 0, m->header_size, &header, e))
        return -1;
    if (added.n && header_end(buf_slice(&header)) == 0) /* text without any header */
        buf_add(&added, S("\r\n"));
    if (strip)
        mail_header_without_bcc(buf_slice(&header), &kept);
    struct spool fresh;
    spool_init(&fresh);
    if (spool_add(&fresh, buf_slice(&added), e) ||
        spool_add(&fresh, buf_slice(strip ? &kept : &header), e) ||
        copy_body(&m->body, m->header_size, &fresh, e) || spool_flush(&fresh, e)) {
        spool_done(&fresh);
        return -1;
    }
    spool_done(&m->body);
    m->body = fresh;
    m->header_size += added.n;
    return 0;
}
