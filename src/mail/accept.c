/* accept.c - the steps of accept.h. A unit is one mailbox that gets the message, or one address
   that it goes on to; recipients share units when aliases and lists lead to the same mailbox, which
   gets one copy. The common case of one mailbox goes from CPU straight to its writer. */
#include "mail/accept.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/setting.h"
#include "mail/deliver.h"
#include "mail/expansion.h"
#include "mail/inspect.h"
#include "mail/prefix.h"
#include "mail/queue.h"
#include "mail/spool_ready.h"
#include "mail/submit.h"

SETTING(smtp, max_received, INT, 100, 10, 1000,
        "A message with so many Received lines is in a loop and refused (5.4.6). RFC 5321 6.3 asks "
        "for 100 or more.");
METRIC_COUNTER_BY(mail_accepted, "way", "mailbox spool refused",
                  "Messages taken: put into mailboxes at once, through the spool, or refused.");

METRIC_HISTOGRAM(mail_accept_seconds,
                 "Time from the end of a message to its being in mailboxes or in the spool.");

enum { WAY_MAILBOX, WAY_SPOOL, WAY_REFUSED };

struct accept_unit {
    struct job job;
    struct mail_accept *m;
    const struct delivery_target *target;
    struct mail_recipient *recipient; /* the one that names it, or the first that leads here */
    struct mail_envelope envelope;
    struct mail_filter *filter; /* of a direct one, where there are scripts */
    bool direct;                /* a write job of its own */
    bool queue;                 /* goes into the outbox */
    struct err err;
};

/* --- planning ------------------------------------------------------------------------------- */
/* RFC 5321 2.4: case tells local parts of other domains apart. */
static bool same_address(struct slice a, struct slice b)
{
    ptrdiff_t at = slice_rfind(a, '@');
    return a.n == b.n && at >= 0 &&
           slice_eq(slice_sub(a, 0, (size_t)at), slice_sub(b, 0, (size_t)at)) &&
           slice_eqi(slice_from(a, (size_t)at), slice_from(b, (size_t)at));
}

static bool same_target(const struct delivery_target *a, const struct delivery_target *b)
{
    if (a->account != b->account)
        return false;
    return a->account ? slice_eqi(a->detail, b->detail) : same_address(a->address, b->address);
}

static struct accept_unit *find_unit(struct mail_accept *m, const struct delivery_target *t)
{
    for (size_t i = 0; i < m->n_units; i++)
        if (same_target(m->units[i].target, t))
            return &m->units[i];
    return NULL;
}

/* RFC 5321 6.3: an address here that forwards is in a loop when the message was delivered to it
   before. Refused now when that is all there is to do; else the queue tells the sender. */
static bool unit_loops(const struct accept_unit *u, const struct mail_header *header)
{
    return u->target->account == 0 && mail_header_delivered_to(header, u->recipient->address);
}

/* user+detail@domain: what tells deliveries of one mailbox apart in the outbox and its guard. */
static const struct delivery_target *named(struct mail_accept *m, const struct delivery_target *t)
{
    ptrdiff_t at = slice_rfind(t->address, '@');
    if (!t->account || !t->detail.n || at < 0)
        return t;
    struct delivery_target *own = arena_new(m->arena, struct delivery_target, 1);
    if (!own)
        return NULL;
    *own = *t;
    own->address = arena_printf(m->arena, "%.*s+%.*s%.*s", (int)at, t->address.p, SARG(t->detail),
                                SARG(slice_from(t->address, (size_t)at)));
    return own->address.p ? own : NULL;
}

/* A recipient that leads to a target which others lead to as well: it counts when it names it. */
static void share_unit(struct accept_unit *u, struct mail_recipient *r,
                       const struct delivery_target *t)
{
    if (r->n_targets > 1 || t->list.p || u->recipient->n_targets == 1)
        return;
    u->recipient = r;
    u->envelope = mail_envelope_of(u->m, r, t);
}

static int plan_units(struct mail_accept *m, const struct mail_header *header, struct err *e)
{
    size_t most = 0, loops = 0;
    for (size_t i = 0; i < m->n; i++)
        most += m->recipients[i].n_targets;
    m->units = arena_new(m->arena, struct accept_unit, most);
    if (!m->units)
        return err_set(e, ERR_BUSY, "4.5.3 Too many recipients at once");
    for (size_t i = 0; i < m->n; i++) {
        struct mail_recipient *r = &m->recipients[i];
        for (size_t k = 0; k < r->n_targets; k++) {
            const struct delivery_target *t = &r->targets[k];
            struct accept_unit *u = find_unit(m, t);
            if (u) {
                share_unit(u, r, t);
                continue;
            }
            u = &m->units[m->n_units++];
            *u = (struct accept_unit){.m = m,
                                      .target = named(m, t),
                                      .recipient = r,
                                      .envelope = mail_envelope_of(m, r, t)};
            if (!u->target)
                return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
            loops += unit_loops(u, header);
        }
    }
    if (loops && loops == m->n_units)
        return err_set(e, ERR_LIMIT, "5.4.6 Mail forwarding loop");
    return 0;
}

static bool wants_success(const struct accept_unit *u)
{
    return u->envelope.notify & 2;
}

static struct slice sender_of(const struct accept_unit *u)
{
    return u->envelope.owner.n ? u->envelope.owner : u->m->from;
}

/* Which units get a write job of their own: see accept.h. */
static void plan_direct(struct mail_accept *m)
{
    for (size_t i = 0; i < m->n_units; i++) {
        struct accept_unit *u = &m->units[i];
        bool alone = m->kind == MAIL_ACCEPT_LMTP ? u->recipient->n_targets == 1 : m->n_units == 1;
        u->direct = u->target->account && !wants_success(u) && alone && m->n_reports == 0;
        u->queue = !u->direct;
    }
}

/* --- delivery at once ----------------------------------------------------------------------- */
static void finish(struct mail_accept *m);
static void queue_rest(struct mail_accept *m);

static enum job_next deliver_unit(const struct accept_unit *u, struct job *job, struct txn *txn)
{
    struct mail_delivery d = {.ready = u->m->ready,
                              .target = u->target,
                              .from = sender_of(u),
                              .received = u->m->received,
                              .filter = u->filter};
    return mail_deliver_job(job, txn, &d);
}

static enum job_next run_deliver(struct job *job, struct txn *txn)
{
    return deliver_unit(list_entry(job, struct accept_unit, job), job, txn);
}

/* The outcome of the write job, or what a script answers. */
static void set_outcome(struct accept_unit *u, const struct err *e)
{
    u->err = e->code ? *e : *mail_filter_refusal(u->filter);
}

static void log_unit(const struct accept_unit *u)
{
    LOG(LOG_INFO, "mail.deliver", LFZ("trace", u->m->trace.id), LF("from", u->m->from),
        LF("to", u->target->address), LFN("account", u->target->account),
        LFN("size", message_ready_size(u->m->ready)),
        LFZ("result", u->err.code ? err_code_name(u->err.code) : "ok"), LFZ("why", u->err.text));
}

static void direct_over(struct mail_accept *m)
{
    spent_join(&m->spent, &m->longest);
    for (size_t i = 0; i < m->n_units; i++)
        if (m->units[i].direct)
            log_unit(&m->units[i]);
    queue_rest(m);
}

static void delivered(struct job *job)
{
    struct accept_unit *u = list_entry(job, struct accept_unit, job);
    set_outcome(u, &job->err);
    if (spent_total(&job->spent) > spent_total(&u->m->longest))
        u->m->longest = job->spent;
    if (--u->m->running == 0)
        direct_over(u->m);
}

static void start_direct(struct mail_accept *m)
{
    for (size_t i = 0; i < m->n_units; i++)
        m->running += m->units[i].direct;
    if (m->running == 0) {
        queue_rest(m);
        return;
    }
    for (size_t i = 0; i < m->n_units; i++) {
        struct accept_unit *u = &m->units[i];
        if (!u->direct)
            continue;
        u->job = (struct job){.loop = m->loop,
                              .place = PLACE_WRITE,
                              .account = u->target->account,
                              .run = run_deliver,
                              .again = true,
                              .what = "delivery",
                              .done = delivered};
        job_submit(&u->job);
    }
}

/* --- the spool ------------------------------------------------------------------------------- */
static void fill(struct outbox_recipient *out, const struct accept_unit *u)
{
    *out = (struct outbox_recipient){.address = u->target->address,
                                     .orcpt = u->envelope.orcpt,
                                     .notify = u->envelope.notify,
                                     .account = u->target->account,
                                     .detail = u->target->detail,
                                     .named = u->target->account ? u->recipient->address : SNONE};
}

/* An address of ours that forwards: its mail leaves with Delivered-To, so that a loop is seen. */
static bool forwards(const struct accept_unit *u)
{
    return u->target->account == 0 && !slice_eqi(u->target->address, u->recipient->address);
}

/* The row that u goes with: all that shares its sender, its trace lines and its way. */
static bool same_row(const struct accept_unit *a, const struct accept_unit *b)
{
    return a->queue && b->queue && slice_eq(a->envelope.owner, b->envelope.owner) &&
           forwards(a) == forwards(b) && (!forwards(a) || a->recipient == b->recipient);
}

static int add_row(const struct accept_unit *u, struct txn *txn, struct outbox_recipient *list,
                   size_t n, struct err *e)
{
    const struct mail_accept *m = u->m;
    BUF_SCOPE prefix = {.max = 16 * 1024};
    uint64_t id;
    int64_t now = clock_now_ms();
    bool owned = u->envelope.owner.n != 0; /* RFC 3461 5.2.7.1 b */
    if (forwards(u))
        mail_delivered_to_write(u->recipient->address, &prefix);
    buf_add(&prefix, m->received);
    struct outbox_message row = {.from = sender_of(u),
                                 .envid = owned ? S("") : m->envid,
                                 .trace = slice_str(m->trace.id),
                                 .ret_full = m->ret_full && !owned,
                                 .ret_hdrs = m->ret_hdrs && !owned,
                                 .body_8bit = m->eight_bit,
                                 .body_binary = m->binary,
                                 .smtputf8 = m->smtputf8,
                                 .queued_at = now,
                                 .expires_at = now + mail_queue_lifetime(),
                                 .prefix = buf_slice(&prefix),
                                 .recipients = list,
                                 .n = n};
    return outbox_add(txn, m->ready, &row, &id, e);
}

static enum job_next run_queue(struct job *job, struct txn *txn)
{
    struct mail_accept *m = list_entry(job, struct mail_accept, job);
    ARENA_SCOPE scratch = {0};
    struct outbox_recipient *list = arena_new(&scratch, struct outbox_recipient, m->n_units);
    bool *listed = arena_new(&scratch, bool, m->n_units);
    int bad = list && listed ? 0 : err_set(&job->err, ERR_BUSY, "4.3.1 Out of memory");
    for (size_t i = 0; i < m->n_units && !bad; i++) {
        size_t n = 0;
        if (!m->units[i].queue || listed[i])
            continue;
        for (size_t k = i; k < m->n_units; k++)
            if (!listed[k] && same_row(&m->units[i], &m->units[k])) {
                listed[k] = true;
                fill(&list[n++], &m->units[k]);
            }
        bad = add_row(&m->units[i], txn, list, n, &job->err);
    }
    if (!bad)
        mail_expansion_write(m, txn, &job->err);
    return JOB_DONE;
}

static void queued(struct job *job)
{
    struct mail_accept *m = list_entry(job, struct mail_accept, job);
    spent_join(&m->spent, &job->spent);
    for (size_t i = 0; i < m->n_units; i++)
        if (m->units[i].queue)
            m->units[i].err = job->err;
    m->queued = job->err.code == ERR_OK;
    if (m->queued)
        LOG(LOG_INFO, "mail.queue", LFZ("trace", m->trace.id), LF("from", m->from),
            LFN("size", message_ready_size(m->ready)));
    if (m->queued)
        mail_expansion_log(m);
    finish(m);
}

/* The row's shard: that of a mailbox concerned, where there is one, or of the sender. */
static uint64_t queue_account(const struct mail_accept *m)
{
    for (size_t i = 0; i < m->n_units; i++)
        if (m->units[i].target->account)
            return m->units[i].target->account;
    return m->sender;
}

static void queue_rest(struct mail_accept *m)
{
    bool any = false;
    for (size_t i = 0; i < m->n_units; i++)
        any = any || m->units[i].queue;
    if (!any) {
        finish(m);
        return;
    }
    m->job = (struct job){.loop = m->loop,
                          .place = PLACE_WRITE,
                          .account = queue_account(m),
                          .run = run_queue,
                          .what = "spooling",
                          .done = queued};
    job_submit(&m->job);
}

/* --- the end --------------------------------------------------------------------------------- */
static void outcome_of(struct mail_accept *m, struct mail_recipient *r)
{
    for (size_t k = 0; k < r->n_targets && r->err.code == ERR_OK; k++) {
        const struct accept_unit *u = find_unit(m, &r->targets[k]);
        if (u->err.code)
            r->err = u->err;
    }
}

static void finish(struct mail_accept *m)
{
    for (size_t i = 0; i < m->n && m->err.code == ERR_OK; i++)
        outcome_of(m, &m->recipients[i]);
    metric_add(&metric_mail_accepted,
               m->err.code ? WAY_REFUSED
               : m->queued ? WAY_SPOOL
                           : WAY_MAILBOX,
               1);
    metric_observe_us(&metric_mail_accept_seconds, clock_mono_us() - m->began_us);
    m->done(m);
}

/* One mailbox: its writer may wait for this message. */
static void coming(struct mail_accept *m)
{
    if (m->n != 1 || m->recipients[0].n_targets != 1 || !m->recipients[0].targets[0].account)
        return;
    m->coming = m->recipients[0].targets[0].account;
    store_write_coming(m->coming, 1);
}

static void not_coming(struct mail_accept *m)
{
    if (m->coming)
        store_write_coming(m->coming, -1);
    m->coming = 0;
}

static void prepared(struct job *job)
{
    struct mail_accept *m = list_entry(job, struct mail_accept, job);
    spent_join(&m->spent, &job->spent);
    if (m->single) {
        set_outcome(&m->units[0], &job->err);
        direct_over(m);
        return;
    }
    not_coming(m); /* it did not run when the server stops */
    m->err = job->err;
    if (m->err.code)
        finish(m);
    else
        start_direct(m);
}

/* To the first empty line, as proto/smtp/data.h counts it; without one, all is header. */
static int find_header(struct mail_accept *m, struct err *e)
{
    BUF_SCOPE piece = {0};
    bool bol = true;
    for (uint64_t at = 0; at < m->body.size; at += piece.n) {
        buf_reset(&piece);
        if (spool_read(&m->body, at, SPOOL_MEMORY, &piece, e))
            return -1;
        for (size_t i = 0; i < piece.n; i++) {
            if (piece.p[i] == '\n' && bol) {
                m->header_size = at + i + 1;
                return 0;
            }
            bol = piece.p[i] == '\n' || (bol && piece.p[i] == '\r');
        }
    }
    m->header_size = m->body.size;
    return 0;
}

static int check_header(struct mail_accept *m, struct mail_header *ret, struct err *e)
{
    BUF_SCOPE header = {0};
    if (m->header_size == MAIL_HEADER_SIZE_UNKNOWN && find_header(m, e))
        return -1;
    if (spool_read(&m->body, 0, m->header_size, &header, e) ||
        mail_header_inspect(buf_slice(&header), m->arena, ret, e) ||
        mail_expansion_report(m, buf_slice(&header), e))
        return -1;
    if (ret->received >= setting_get(&set_smtp_max_received))
        return err_set(e, ERR_LIMIT, "5.4.6 Too many hops: mail loop");
    if (m->kind == MAIL_ACCEPT_SUBMISSION)
        return mail_submit_check(m, ret, e) || mail_submit_complete(m, e) ? -1 : 0;
    return 0;
}

static int filter_unit(struct accept_unit *u, struct err *e)
{
    const struct mail_accept *m = u->m;
    struct mail_filtering in = {.account = u->target->account,
                                .address = u->target->address,
                                .to = u->recipient->address,
                                .from = sender_of(u),
                                .received = m->received,
                                .body = &m->body,
                                .ready = m->ready,
                                .orcpt = u->envelope.orcpt,
                                .envid = m->envid,
                                .trace = slice_str(m->trace.id),
                                .notify = u->envelope.notify,
                                .ret_full = m->ret_full,
                                .ret_hdrs = m->ret_hdrs,
                                .eight_bit = m->eight_bit,
                                .binary = m->binary,
                                .smtputf8 = m->smtputf8};
    return mail_filter_run(&in, &u->filter, e) < 0 ? -1 : 0;
}

static int filter_units(struct mail_accept *m, struct err *e)
{
    for (size_t i = 0; i < m->n_units; i++)
        if (m->units[i].direct && filter_unit(&m->units[i], e))
            return -1;
    return 0;
}

static int prepare(struct mail_accept *m, struct err *e)
{
    struct mail_header header;
    if (spool_flush(&m->body, e))
        return err_set(e, ERR_IO, "4.3.1 No room for the message now");
    if (check_header(m, &header, e) || plan_units(m, &header, e))
        return -1;
    plan_direct(m);
    return spool_make_ready(&m->body, &m->ready, e) || filter_units(m, e) ? -1 : 0;
}

static enum job_next run_single(struct job *job, struct txn *txn)
{
    struct mail_accept *m = list_entry(job, struct mail_accept, job);
    return deliver_unit(&m->units[0], job, txn);
}

static enum job_next run_prepare(struct job *job, struct txn *txn)
{
    struct mail_accept *m = list_entry(job, struct mail_accept, job);
    (void)txn;
    int rc = prepare(m, &job->err);
    not_coming(m);
    if (rc || m->n_units != 1 || !m->units[0].direct)
        return JOB_DONE;
    m->single = true;
    job->place = PLACE_WRITE;
    job->account = m->units[0].target->account;
    job->run = run_single;
    job->again = true;
    return JOB_MOVE;
}

void mail_accept_start(struct mail_accept *m)
{
    m->trace_at = clock_now_ms();
    m->began_us = clock_mono_us();
    m->job = (struct job){.loop = m->loop,
                          .place = PLACE_CPU,
                          .run = run_prepare,
                          .what = "message",
                          .done = prepared};
    coming(m);
    job_submit(&m->job);
}

void mail_accept_done(struct mail_accept *m)
{
    message_ready_free(m->ready);
    m->ready = NULL;
    for (size_t i = 0; i < m->n_units; i++)
        mail_filter_free(m->units[i].filter);
    m->n_units = 0;
    for (size_t i = 0; i < m->n_reports; i++)
        message_ready_free(m->reports[i].ready);
    m->n_reports = 0;
    spool_done(&m->body);
}
