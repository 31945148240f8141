/* outcome.c - the end of an attempt. What became of the recipients and the notifications that tell
   of it are one transaction of the row's shard, so that a crash neither tells the sender twice nor
   never. */
#include "mail/outcome.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/setting.h"
#include "base/utf8.h"
#include "format/message.h"
#include "mail/queue.h"
#include "mail/report.h"

SETTING_DECLARE(mail, retry_first);
SETTING(mail, retry_max, TIME, 4 * HOUR, SEC, 7 * DAY, "Longest time between two attempts.");
SETTING(mail, delay_notice, TIME, 4 * HOUR, SEC, 30 * DAY,
        "After so long without success the sender is told that delivery is delayed.");
SETTING(mail, dsn_full_max, SIZE, MiB, 0, 64 * MiB,
        "A notification returns the whole message only up to this size (and only when asked to).");
METRIC_HISTOGRAM_BY(mail_queue_age_seconds, "result", "delivered deferred failed",
                    "Age of a message in the queue when an attempt was made.");
METRIC_COUNTER_BY(mail_queue_results, "result", "delivered deferred failed",
                  "Recipients of the queue by outcome of an attempt.");

enum { HEADER_MAX = 1024 * 1024 };

/* --- notifications ------------------------------------------------------------------------------
 */
static int read_original(struct queue_run *r, bool whole, struct buf *out, struct err *e)
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

/* One report. 1: *ret is to be written, 0: there is nobody to tell, -1. */
static int make_dsn(struct queue_run *r, const struct dsn_recipient *list, size_t n,
                    struct outbox_report *ret, struct err *e)
{
    struct outbox_message *m = &r->t->m;
    bool whole = m->ret_full && list[0].action == DSN_FAILED && /* RFC 3461 4.3 */
                 !m->body_binary &&                             /* RFC 3030 3 */
                 m->blob.size <= (uint64_t)setting_get(&set_mail_dsn_full_max);
    BUF_SCOPE original = {0};
    if (r->blob && read_original(r, whole, &original, e))
        return -1;
    return report_make(m, list, n, buf_slice(&original), whole, &r->t->arena, ret, e);
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
                     const struct queue_outcome *o, enum dsn_action *ret)
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

static void expire(struct queue_run *r)
{
    int64_t now = clock_now_ms();
    for (size_t i = 0; i < r->t->m.n; i++)
        if (r->out[i].result == MAIL_DEFERRED && now >= r->t->m.expires_at) {
            r->out[i].result = MAIL_FAILED;
            snprintf(r->out[i].status, sizeof(r->out[i].status), "4.4.7");
        }
}

enum { ACTIONS = DSN_RELAYED + 1 };

struct reports {
    struct outbox_report list[ACTIONS];
    enum dsn_action action[ACTIONS];
    size_t n;
};

static void reports_done(struct reports *w)
{
    for (size_t i = 0; i < w->n; i++)
        message_ready_free(w->list[i].ready);
    w->n = 0;
}

/* One report for each action. */
static int make_reports(struct queue_run *r, struct reports *w, struct err *e)
{
    struct outbox_message *m = &r->t->m;
    struct dsn_recipient *list = arena_new(&r->t->arena, struct dsn_recipient, m->n);
    if (!list)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    for (enum dsn_action a = DSN_FAILED; a <= DSN_RELAYED; a++) {
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
        int made = n ? make_dsn(r, list, n, &w->list[w->n], e) : 0;
        if (made < 0)
            return -1;
        if (made)
            w->action[w->n++] = a;
    }
    return 0;
}

/* The rows' changes; texts in the arena. Those without an outcome stay as they are. */
static size_t make_rows(struct queue_run *r, struct outbox_outcome *rows)
{
    const struct outbox_message *m = &r->t->m;
    int64_t now = clock_now_ms();
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        const struct queue_outcome *o = &r->out[i];
        BUF_SCOPE reply = {.max = 4096};
        if (o->result == MAIL_PENDING)
            continue;
        utf8_add_repaired(&reply, slice_sub(o->reply, 0, 1000));
        rows[n++] = (struct outbox_outcome){.address = m->recipients[i].address,
                                            .done = o->result != MAIL_DEFERRED,
                                            .next_at = next_attempt(m, &m->recipients[i], now),
                                            .reply = arena_dup(&r->t->arena, buf_slice(&reply))};
    }
    return n;
}

static void log_outcomes(const struct queue_run *r)
{
    static const char *const names[] = {"pending", "sent", "deferred", "failed"};
    const struct outbox_message *m = &r->t->m;
    for (size_t i = 0; i < m->n; i++) {
        const struct queue_outcome *o = &r->out[i];
        if (o->result == MAIL_PENDING)
            continue;
        unsigned result = (unsigned)o->result - MAIL_SENT;
        metric_add(&metric_mail_queue_results, result, 1);
        metric_observe(&metric_mail_queue_age_seconds, result,
                       (clock_now_ms() - m->queued_at) * 1000);
        LOG(LOG_INFO, "mail.attempt", LF("trace", m->trace), LF("from", m->from),
            LF("to", m->recipients[i].address), LFZ("result", names[o->result]),
            LFZ("status", o->status), LF("host", o->remote), LF("reply", o->reply),
            LFN("attempt", m->recipients[i].attempts + 1));
    }
}

static void log_reports(const struct queue_run *r, const struct reports *w)
{
    for (size_t i = 0; i < w->n; i++)
        report_log(&r->t->m, w->action[i], &w->list[i]);
}

/* 0, or -1 with nothing written. */
static int settle(struct queue_run *r, struct err *e)
{
    struct reports w = {0};
    struct outbox_outcome *rows = arena_new(&r->t->arena, struct outbox_outcome, r->t->m.n);
    int bad = rows ? make_reports(r, &w, e) : err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    size_t n = bad ? 0 : make_rows(r, rows);
    if (n)
        bad = outbox_settle((unsigned)r->t->m.shard, r->t->m.id, rows, n, w.list, w.n, e);
    if (n && !bad) {
        log_outcomes(r);
        log_reports(r, &w);
    }
    reports_done(&w);
    return bad;
}

/* What can be told without a report: sent stays sent, and what failed is tried again, because the
   sender must hear of a failure before its row goes. */
static void settle_without_reports(struct queue_run *r)
{
    struct outbox_outcome *rows = arena_new(&r->t->arena, struct outbox_outcome, r->t->m.n);
    struct err e = {0};
    for (size_t i = 0; i < r->t->m.n; i++)
        if (r->out[i].result == MAIL_FAILED)
            r->out[i].result = MAIL_DEFERRED;
    size_t n = rows ? make_rows(r, rows) : 0;
    r->t->stuck =
        !rows || (n && outbox_settle((unsigned)r->t->m.shard, r->t->m.id, rows, n, NULL, 0, &e));
    if (r->t->stuck)
        LOG(LOG_ERROR, "mail.outcome", LF("trace", r->t->m.trace), LFZ("why", e.text));
    else
        log_outcomes(r);
}

void queue_outcome_write(struct queue_run *r)
{
    /* what a stop interrupted is not an attempt: it is made again at the next start */
    enum mail_result interrupted = queue_stopping() ? MAIL_PENDING : MAIL_DEFERRED;
    struct err e = {0};
    expire(r);
    for (size_t i = 0; i < r->t->m.n; i++)
        if (r->out[i].result == MAIL_DEFERRED)
            r->out[i].result = interrupted;
    if (settle(r, &e) == 0)
        return;
    LOG(LOG_ERROR, "mail.notify_failed", LF("trace", r->t->m.trace), LF("to", r->t->m.from),
        LFZ("why", e.text));
    settle_without_reports(r);
}
