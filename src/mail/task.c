/* task.c - a delivery of the queue from the row to its outcome. Mailboxes here are written with the
   guard (spool, recipient), so that doing it again after a crash adds nothing. Onward mail goes to
   the hosts of the domain in turn until each recipient has an answer. Outcomes are written last:
   first the notification, then the row, so that a crash between them tells the sender twice rather
   than never. */
#include "mail/task.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/setting.h"
#include "base/utf8.h"
#include "format/message.h"
#include "format/msgid.h"
#include "mail/client.h"
#include "mail/deliver.h"
#include "mail/dsn.h"
#include "mail/inspect.h"
#include "mail/queue.h"
#include "mail/resolve.h"
#include "mail/route.h"

SETTING(mail, retry_first, TIME, 5 * MIN, 100 * MSEC, DAY,
        "Time to the second attempt; it doubles with each further one.");
SETTING(mail, retry_max, TIME, 4 * HOUR, SEC, 7 * DAY, "Longest time between two attempts.");
SETTING(mail, delay_notice, TIME, 4 * HOUR, SEC, 30 * DAY,
        "After so long without success the sender is told that delivery is delayed.");
SETTING(mail, dsn_full_max, SIZE, MiB, 0, 64 * MiB,
        "A notification returns the whole message only up to this size (and only when asked to).");
METRIC_COUNTER_BY(mail_queue_results, "result", "delivered deferred failed",
                  "Recipients of the queue by outcome of an attempt.");
METRIC_COUNTER_BY(mail_notifications, "action", "failed delayed delivered relayed",
                  "Delivery status notifications made.");

enum { HEADER_MAX = 1024 * 1024 };

struct outcome {
    enum mail_result result;
    char status[12];
    struct slice reply; /* in the task's arena */
    struct slice remote;
    bool dsn_passed;
};

struct run {
    struct queue_task *t;
    struct blob *blob;
    struct outcome *out;
};

/* Row numbers can come again; trace ids do not. */
uint64_t queue_spool_id(const struct outbox_message *m)
{
    char text[128];
    int n =
        snprintf(text, sizeof(text), "%.*s %llu %llu %lld", SARG(slice_sub(m->trace, 0, 32)),
                 (unsigned long long)m->shard, (unsigned long long)m->id, (long long)m->queued_at);
    return (uint64_t)msgid_hash(slice_of(text, (size_t)n));
}

/* --- the bytes -------------------------------------------------------------------------------- */
static uint64_t whole_size(const struct run *r)
{
    return r->t->m.prefix.n + r->t->m.blob.size;
}

static int read_whole(void *arg, uint64_t from, uint64_t n, struct buf *out, struct err *e)
{
    struct run *r = arg;
    struct slice prefix = r->t->m.prefix;
    if (from < prefix.n)
        return buf_add(out, slice_sub(prefix, from, from + n))
                   ? err_set(e, ERR_LIMIT, "message is too large")
                   : 0;
    from -= prefix.n;
    if (n > r->t->m.blob.size - from)
        n = r->t->m.blob.size - from;
    return blob_read(r->blob, from, n, out, e);
}

static void set_outcome(struct run *r, size_t i, enum mail_result result, const char *status,
                        const char *text)
{
    struct outcome *o = &r->out[i];
    o->result = result;
    snprintf(o->status, sizeof(o->status), "%s", status);
    o->reply = arena_printf(&r->t->arena, "%s", text);
}

/* "5.1.1 text" of an error into a status and a text; `status` when there is none. */
static void set_by_err(struct run *r, size_t i, enum mail_result result, const char *status,
                       const struct err *e)
{
    struct slice text = slice_str(e->text), first = slice_cut(&text, ' ');
    bool coded = first.n >= 5 && first.n < 12 && first.p[1] == '.' && ascii_digit(first.p[0]);
    char own[12];
    snprintf(own, sizeof(own), "%.*s", SARG(first));
    set_outcome(r, i, result, coded ? own : status, e->text);
}

static void set_all(struct run *r, enum mail_result result, const char *status, const struct err *e)
{
    for (size_t i = 0; i < r->t->m.n; i++)
        if (r->out[i].result == MAIL_PENDING)
            set_by_err(r, i, result, status, e);
}

/* --- mailboxes here -----------------------------------------------------------------------------
 */
static int write_delivery(struct txn *t, void *arg, struct err *e)
{
    return mail_deliver(t, arg, e);
}

static int make_ready(struct run *r, struct message_ready **ret, struct err *e)
{
    BUF_SCOPE bytes = {.max = r->t->m.blob.size + 1};
    uint64_t at = 0, size = r->t->m.blob.size;
    while (at < size) {
        uint64_t n = size - at < MiB ? size - at : MiB;
        if (blob_read(r->blob, at, n, &bytes, e))
            return -1;
        at += n;
    }
    return message_ready_make(buf_slice(&bytes), ret, e);
}

static void deliver_here(struct run *r)
{
    struct outbox_message *m = &r->t->m;
    struct message_ready *ready;
    struct err e = {0};
    if (make_ready(r, &ready, &e)) {
        set_all(r, MAIL_DEFERRED, "4.3.0", &e);
        return;
    }
    for (size_t i = 0; i < m->n; i++) {
        const struct outbox_recipient *to = &m->recipients[i];
        struct delivery_target target = {
            .account = to->account, .address = to->address, .detail = to->detail};
        struct mail_delivery d = {.ready = ready,
                                  .target = &target,
                                  .from = m->from,
                                  .received = m->prefix,
                                  .spool = queue_spool_id(m)};
        struct err why = {0};
        if (store_write(to->account, write_delivery, &d, &why) == 0)
            set_outcome(r, i, MAIL_SENT, "2.0.0", "delivered");
        else if (why.code == ERR_QUOTA)
            set_outcome(r, i, MAIL_FAILED, "5.2.2", "5.2.2 Mailbox is full");
        else if (why.code == ERR_NOTFOUND)
            set_outcome(r, i, MAIL_FAILED, "5.1.1", "5.1.1 No such recipient here");
        else
            set_by_err(r, i, MAIL_DEFERRED, "4.3.0", &why);
    }
    message_ready_unref(ready);
}

/* --- onwards ------------------------------------------------------------------------------------
 */
/* Has the message been at the address that forwards it here before? Its row begins with the
   Delivered-To line that this hop adds. */
static bool in_loop(struct run *r)
{
    struct slice line = r->t->m.prefix;
    if (!slice_starts(line, S("Delivered-To: ")))
        return false;
    line = slice_from(slice_cut(&line, '\n'), strlen("Delivered-To: "));
    BUF_SCOPE header = {0};
    ARENA_SCOPE a = {0};
    struct mail_header h;
    uint64_t n = r->t->m.blob.size < HEADER_MAX ? r->t->m.blob.size : HEADER_MAX;
    if (blob_read(r->blob, 0, n, &header, NULL))
        return false;
    struct slice bytes = slice_sub(buf_slice(&header), 0, header_end(buf_slice(&header)));
    return mail_header_inspect(bytes, &a, &h, NULL) == 0 &&
           mail_header_delivered_to(&h, slice_trim(line));
}

static void fill_client(struct run *r, struct mail_client_message *c, struct mail_client_rcpt *list)
{
    struct outbox_message *m = &r->t->m;
    *c = (struct mail_client_message){.arena = &r->t->arena,
                                      .from = m->from,
                                      .envid = m->envid,
                                      .trace = m->trace,
                                      .ret_full = m->ret_full,
                                      .eight_bit = m->body_8bit,
                                      .smtputf8 = m->smtputf8,
                                      .size = whole_size(r),
                                      .rcpt = list,
                                      .n = m->n,
                                      .read = read_whole,
                                      .arg = r};
    for (size_t i = 0; i < m->n; i++)
        list[i] = (struct mail_client_rcpt){.address = m->recipients[i].address,
                                            .orcpt = m->recipients[i].orcpt,
                                            .notify = m->recipients[i].notify};
}

static bool take_results(struct run *r, const struct mail_client_rcpt *list,
                         const struct mail_hop *hop)
{
    bool all = true;
    for (size_t i = 0; i < r->t->m.n; i++) {
        struct outcome *o = &r->out[i];
        if (list[i].result == MAIL_PENDING) {
            all = false;
        } else if (o->result == MAIL_PENDING) {
            *o = (struct outcome){.result = list[i].result,
                                  .reply = list[i].reply,
                                  .remote = hop->host,
                                  .dsn_passed = list[i].dsn_passed};
            memcpy(o->status, list[i].status, sizeof(o->status));
        }
    }
    return all;
}

static void send_onward(struct run *r)
{
    struct mail_hop *hops;
    size_t n = 0;
    struct err e = {0};
    struct mail_client_message c;
    struct mail_client_rcpt *list = arena_new(&r->t->arena, struct mail_client_rcpt, r->t->m.n);
    if (!list) {
        err_set(&e, ERR_BUSY, "4.3.1 Out of memory");
        set_all(r, MAIL_DEFERRED, "4.3.1", &e);
        return;
    }
    if (in_loop(r)) {
        err_set(&e, ERR_LIMIT, "5.4.6 Mail forwarding loop");
        set_all(r, MAIL_FAILED, "5.4.6", &e);
        return;
    }
    if (mail_route(r->t->domain, &r->t->arena, &hops, &n, &e)) {
        set_all(r, e.code == ERR_BUSY ? MAIL_DEFERRED : MAIL_FAILED, "4.4.3", &e);
        return;
    }
    fill_client(r, &c, list);
    for (size_t i = 0; i < n && !queue_stopping(); i++) {
        mail_client_send(&c, &hops[i], &e);
        if (take_results(r, list, &hops[i]))
            return;
    }
    set_all(r, MAIL_DEFERRED, "4.4.1", &e);
}

/* --- notifications ------------------------------------------------------------------------------
 */
struct dsn_job {
    struct message_ready *ready;
    struct outbox_message row;
};

static int write_dsn(struct txn *t, void *arg, struct err *e)
{
    struct dsn_job *d = arg;
    uint64_t id;
    return outbox_add(t, d->ready, &d->row, &id, e);
}

/* The sender as recipients of a row: mailboxes here, or the address. */
static int dsn_recipients(struct run *r, struct dsn_job *d, struct err *e)
{
    struct delivery_target *targets;
    size_t n;
    if (mail_resolve(r->t->m.from, true, &r->t->arena, &targets, &n, e))
        return -1;
    struct outbox_recipient *list = arena_new(&r->t->arena, struct outbox_recipient, n);
    if (!list)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    for (size_t i = 0; i < n; i++)
        list[i] = (struct outbox_recipient){.address = targets[i].address,
                                            .notify = 1, /* never: RFC 3461 6.2 c */
                                            .account = targets[i].account,
                                            .detail = targets[i].detail};
    d->row.recipients = list;
    d->row.n = n;
    return 0;
}

static int read_original(struct run *r, bool whole, struct buf *out, struct err *e)
{
    uint64_t size = r->t->m.blob.size;
    if (!whole && size > HEADER_MAX)
        size = HEADER_MAX;
    buf_add(out, r->t->m.prefix);
    if (size && blob_read(r->blob, 0, size, out, e))
        return -1;
    if (!whole)
        out->n = r->t->m.prefix.n + header_end(slice_from(buf_slice(out), r->t->m.prefix.n));
    return 0;
}

static int send_dsn(struct run *r, const struct dsn_recipient *list, size_t n, struct err *e)
{
    struct outbox_message *m = &r->t->m;
    struct trace trace = trace_new();
    bool whole = m->ret_full && m->blob.size <= (uint64_t)setting_get(&set_mail_dsn_full_max);
    BUF_SCOPE original = {0}, report = {0};
    if (r->blob && read_original(r, whole, &original, e))
        return -1;
    dsn_write(m, list, n, buf_slice(&original), whole, &report);
    int64_t now = clock_now_ms();
    struct dsn_job d = {.row = {.trace = slice_str(trace.id),
                                .from = S(""),
                                .body_8bit = !ascii_only(buf_slice(&report)),
                                .smtputf8 = m->smtputf8,
                                .queued_at = now,
                                .expires_at = now + mail_queue_lifetime()}};
    if (report.failed)
        return err_set(e, ERR_LIMIT, "notification is too large");
    if (dsn_recipients(r, &d, e))
        return e->code == ERR_BUSY ? -1 : 0; /* a sender that does not exist hears nothing */
    if (message_ready_make(buf_slice(&report), &d.ready, e))
        return -1;
    int bad = store_write(d.row.recipients[0].account, write_dsn, &d, e);
    message_ready_unref(d.ready);
    metric_add(&metric_mail_notifications, list[0].action, bad ? 0 : 1);
    LOG(bad ? LOG_ERROR : LOG_INFO, "mail.notify", LF("trace", m->trace), LFZ("as", trace.id),
        LF("to", m->from), LFN("action", list[0].action), LFZ("why", bad ? e->text : ""));
    return bad;
}

/* --- outcomes -----------------------------------------------------------------------------------
 */
/* RFC 5321 4.5.4.1: when to try again. The attempt nearest to delay_notice happens exactly then, so
   that the row itself says whether the sender is to be told. */
static int64_t next_attempt(const struct outbox_message *m, const struct outbox_recipient *r,
                            int64_t now)
{
    int64_t wait = setting_get(&set_mail_retry_first), most = setting_get(&set_mail_retry_max);
    int64_t notice = m->queued_at + setting_get(&set_mail_delay_notice);
    for (uint32_t i = 0; i < r->attempts && wait < most; i++)
        wait *= 2;
    int64_t at = now + (wait < most ? wait : most);
    if (now < notice && at > notice)
        at = notice;
    return at < m->expires_at ? at : m->expires_at;
}

static bool is_notice(const struct outbox_message *m, const struct outbox_recipient *r)
{
    return r->next_at == m->queued_at + setting_get(&set_mail_delay_notice);
}

/* What the sender is told about this outcome: 1 and the action, or 0. */
static int action_of(const struct outbox_message *m, const struct outbox_recipient *r,
                     const struct outcome *o, enum dsn_action *ret)
{
    *ret = o->result == MAIL_FAILED ? DSN_FAILED
           : o->result == MAIL_SENT ? (r->account ? DSN_DELIVERED : DSN_RELAYED)
                                    : DSN_DELAYED;
    if (o->result == MAIL_PENDING || (o->result == MAIL_DEFERRED && !is_notice(m, r)))
        return 0;
    if (o->result == MAIL_SENT && o->dsn_passed)
        return 0;
    return dsn_wanted(m, r->notify, *ret);
}

static void expire(struct run *r)
{
    int64_t now = clock_now_ms();
    for (size_t i = 0; i < r->t->m.n; i++)
        if (r->out[i].result == MAIL_DEFERRED && now >= r->t->m.expires_at) {
            r->out[i].result = MAIL_FAILED;
            snprintf(r->out[i].status, sizeof(r->out[i].status), "4.4.7");
        }
}

/* One report for each action. -1: it could not be written; the rows stay as they are. */
static int notify(struct run *r)
{
    struct outbox_message *m = &r->t->m;
    struct dsn_recipient *list = arena_new(&r->t->arena, struct dsn_recipient, m->n);
    struct err e = {0};
    for (enum dsn_action a = DSN_FAILED; list && a <= DSN_RELAYED; a++) {
        size_t n = 0;
        for (size_t i = 0; i < m->n; i++) {
            enum dsn_action wanted;
            if (action_of(m, &m->recipients[i], &r->out[i], &wanted) && wanted == a)
                list[n++] = (struct dsn_recipient){.recipient = &m->recipients[i],
                                                   .action = a,
                                                   .status = slice_str(r->out[i].status),
                                                   .diagnostic = r->out[i].reply,
                                                   .remote = r->out[i].remote};
        }
        if (n && send_dsn(r, list, n, &e))
            return -1;
    }
    return list ? 0 : -1;
}

static int write_outcome(struct run *r, size_t i, int64_t now)
{
    static const char *const names[] = {"pending", "sent", "deferred", "failed"};
    const struct outbox_message *m = &r->t->m;
    const struct outbox_recipient *to = &m->recipients[i];
    const struct outcome *o = &r->out[i];
    BUF_SCOPE reply = {.max = 4096};
    struct err e = {0};
    utf8_add_repaired(&reply, slice_sub(o->reply, 0, 1000));
    metric_add(&metric_mail_queue_results, (unsigned)o->result - MAIL_SENT, 1);
    LOG(LOG_INFO, "mail.attempt", LF("trace", m->trace), LF("from", m->from), LF("to", to->address),
        LFZ("result", names[o->result]), LFZ("status", o->status), LF("host", o->remote),
        LF("reply", o->reply), LFN("attempt", to->attempts + 1));
    int bad = o->result == MAIL_DEFERRED ? outbox_later(m->shard, m->id, to->address,
                                                        next_attempt(m, to, now), o->reply, &e)
                                         : outbox_done(m->shard, m->id, to->address, &e);
    if (bad)
        LOG(LOG_ERROR, "mail.outcome", LF("trace", m->trace), LF("to", to->address),
            LFZ("why", e.text));
    return bad;
}

static void finish(struct run *r)
{
    /* what a stop interrupted is not an attempt: it is made again at the next start */
    enum mail_result interrupted = queue_stopping() ? MAIL_PENDING : MAIL_DEFERRED;
    int64_t now = clock_now_ms();
    expire(r);
    for (size_t i = 0; i < r->t->m.n; i++)
        if (r->out[i].result == MAIL_DEFERRED)
            r->out[i].result = interrupted;
    bool told = notify(r) == 0;
    for (size_t i = 0; i < r->t->m.n; i++) {
        if (!told && r->out[i].result == MAIL_FAILED) /* the sender must hear of it first */
            r->out[i].result = MAIL_DEFERRED;
        if (r->out[i].result != MAIL_PENDING && write_outcome(r, i, now))
            r->t->stuck = true;
    }
}

void queue_task_run(struct queue_task *t)
{
    struct run r = {.t = t};
    struct err e = {0};
    r.out = arena_new(&t->arena, struct outcome, t->m.n);
    if (!r.out)
        return;
    if (blob_open(&t->m.blob, &r.blob, &e))
        set_all(&r, MAIL_DEFERRED, "4.3.0", &e);
    else if (t->domain.n)
        send_onward(&r);
    else
        deliver_here(&r);
    finish(&r);
    blob_close(r.blob);
}
