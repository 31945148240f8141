/* report.c - whom a notification goes to, and the row it goes with. RFC 3461 6.1: from <>, to the
   sender of the message, without RET, and never notified about itself. */
#include "mail/report.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/utf8.h"
#include "mail/queue.h"
#include "mail/resolve.h"

METRIC_COUNTER_BY(mail_notifications, "action", "failed delayed delivered relayed expanded",
                  "Delivery status notifications made.");

/* Mailboxes here, or the address. */
static int find_recipients(const struct outbox_message *m, struct arena *a,
                           struct outbox_report *ret, struct err *e)
{
    struct delivery_target *targets;
    size_t n;
    if (mail_resolve(m->from, true, a, &targets, &n, e))
        return -1;
    struct outbox_recipient *list = arena_new(a, struct outbox_recipient, n);
    if (!list)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    for (size_t i = 0; i < n; i++)
        list[i] = (struct outbox_recipient){.address = targets[i].address,
                                            .notify = 1, /* never */
                                            .account = targets[i].account,
                                            .detail = targets[i].detail};
    ret->row.recipients = list;
    ret->row.n = n;
    return 0;
}

int report_make(const struct outbox_message *m, const struct dsn_recipient *list, size_t n,
                struct slice original, bool whole, struct arena *a, struct outbox_report *ret,
                struct err *e)
{
    struct trace trace = trace_new();
    BUF_SCOPE report = {0};
    dsn_write(m, list, n, original, whole, &report);
    int64_t now = clock_now_ms();
    *ret = (struct outbox_report){
        .row = {.trace = arena_dup(a, slice_str(trace.id)),
                .from = S(""),
                .body_8bit = !ascii_only(buf_slice(&report)),
                .smtputf8 = m->smtputf8 || !ascii_only(m->from), /* RFC 6533 4.5 */
                .queued_at = now,
                .expires_at = now + mail_queue_lifetime()}};
    if (report.failed)
        return err_set(e, ERR_LIMIT, "notification is too large");
    if (find_recipients(m, a, ret, e))
        return e->code == ERR_BUSY ? -1 : 0; /* a sender that does not exist hears nothing */
    return message_ready_make(buf_slice(&report), &ret->ready, e) ? -1 : 1;
}

void report_log(const struct outbox_message *m, enum dsn_action action,
                const struct outbox_report *report)
{
    metric_add(&metric_mail_notifications, action, 1);
    LOG(LOG_INFO, "mail.notify", LF("trace", m->trace), LF("as", report->row.trace),
        LF("to", m->from), LFN("action", action));
}
