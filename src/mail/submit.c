/* submit.c - RFC 6409 6.1 and 8. A message that needs a change is copied into a new spool;
   most clients send what needs none. */
#include "mail/submit.h"

#include "base/clock.h"
#include "base/random.h"
#include "base/setting.h"
#include "format/date.h"
#include "format/message.h"
#include "mail/complete.h"
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

/* RFC 6409 8.1 to 8.3, RFC 5322 3.6. The account's address in From and Sender is one that is here.
 */
static int missing_fields(const struct mail_accept *m, const struct mail_wants *w, struct buf *out,
                          struct err *e)
{
    ARENA_SCOPE a = {.limit = 64 * 1024};
    struct account_info info;
    if (w->from || w->sender) {
        if (directory_account_by_id(m->sender, &a, &info, NULL))
            return err_set(e, ERR_BUSY, "4.3.0 Directory is not available");
        struct slice author = m->from.n ? m->from : info.address;
        buf_addf(out, "%s: <%.*s>\r\n", w->from ? "From" : "Sender",
                 SARG(w->from ? author : info.address));
    }
    if (w->date) {
        buf_add(out, S("Date: "));
        date_write((struct date){.at = clock_now()}, out);
        buf_add(out, S("\r\n"));
    }
    if (w->message_id) {
        char name[27];
        random_name(name, sizeof(name) - 1);
        buf_addf(out, "Message-ID: <%s@%.*s>\r\n", name, SARG(mail_hostname()));
    }
    return 0;
}

static bool has_any(struct slice header, uint64_t ids)
{
    struct field f;
    size_t pos = 0;
    while (header_next(header, &pos, &f))
        if (ids >> f.id & 1)
            return true;
    return false;
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

static int rewrite(struct mail_accept *m, struct slice added, struct slice header, uint64_t without,
                   struct err *e)
{
    BUF_SCOPE kept = {0};
    struct spool fresh;
    mail_header_without(header, without, &kept);
    spool_init(&fresh);
    if (kept.failed || spool_add(&fresh, added, e) || spool_add(&fresh, buf_slice(&kept), e) ||
        copy_body(&m->body, m->header_size, &fresh, e) || spool_flush(&fresh, e)) {
        spool_done(&fresh);
        return -1;
    }
    spool_done(&m->body);
    m->body = fresh;
    m->header_size = added.n + kept.n;
    return 0;
}

int mail_submit_complete(struct mail_accept *m, struct err *e)
{
    BUF_SCOPE added = {0}, header = {0};
    struct mail_wants wants;
    if (spool_read(&m->body, 0, m->header_size, &header, e) ||
        mail_header_check(buf_slice(&header), &wants, e) || missing_fields(m, &wants, &added, e))
        return -1;
    if (setting_get(&set_smtp_strip_bcc))
        wants.without |= (uint64_t)1 << FIELD_BCC;
    if (added.n == 0 && !has_any(buf_slice(&header), wants.without))
        return 0;
    if (added.n && header_end(buf_slice(&header)) == 0) /* text without any header */
        buf_add(&added, S("\r\n"));
    return rewrite(m, buf_slice(&added), buf_slice(&header), wants.without, e);
}
