/* task.c - a delivery of the queue from the row to its outcome (outcome.c). Mailboxes here are
   written side by side, so that they share commits, with the guard (spool, recipient), so that
   doing it again after a crash adds nothing. Onward mail goes to the hosts of the domain in turn
   until each recipient has an answer. */
#include "mail/task.h"

#include <pthread.h>
#include <stdio.h>

#include "base/log.h"
#include "base/setting.h"
#include "format/message.h"
#include "format/msgid.h"
#include "mail/client.h"
#include "mail/deliver.h"
#include "mail/inspect.h"
#include "mail/outcome.h"
#include "mail/queue.h"
#include "mail/route.h"
#include "mail/spool_ready.h"
#include "mail/unreachable.h"

enum { HEADER_MAX = 1024 * 1024 };

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
static uint64_t whole_size(const struct queue_run *r)
{
    return r->t->m.prefix.n + r->t->m.blob.size;
}

static int read_whole(void *arg, uint64_t from, uint64_t n, struct buf *out, struct err *e)
{
    struct queue_run *r = arg;
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

static void set_outcome(struct queue_run *r, size_t i, enum mail_result result, const char *status,
                        const char *text)
{
    struct queue_outcome *o = &r->out[i];
    o->result = result;
    snprintf(o->status, sizeof(o->status), "%s", status);
    o->reply = arena_printf(&r->t->arena, "%s", text);
}

/* "5.1.1 text" of an error into a status and a text; `status` when there is none. */
static void set_by_err(struct queue_run *r, size_t i, enum mail_result result, const char *status,
                       const struct err *e)
{
    struct slice text = slice_str(e->text), first = slice_cut(&text, ' ');
    bool coded = first.n >= 5 && first.n < 12 && first.p[1] == '.' && ascii_digit(first.p[0]);
    char own[12];
    snprintf(own, sizeof(own), "%.*s", SARG(first));
    set_outcome(r, i, result, coded ? own : status, e->text);
}

static void set_all(struct queue_run *r, enum mail_result result, const char *status,
                    const struct err *e)
{
    for (size_t i = 0; i < r->t->m.n; i++)
        if (r->out[i].result == MAIL_PENDING)
            set_by_err(r, i, result, status, e);
}

/* --- mailboxes here -----------------------------------------------------------------------------
 */
static int make_ready(struct queue_run *r, struct spool *s, struct message_ready **ret,
                      struct err *e)
{
    BUF_SCOPE piece = {.max = SPOOL_MEMORY + 1};
    uint64_t size = r->t->m.blob.size;
    int rc = 0;
    for (uint64_t at = 0; at < size && rc == 0; at += SPOOL_MEMORY) {
        buf_reset(&piece);
        rc = blob_read(r->blob, at, SPOOL_MEMORY, &piece, e) || spool_add(s, buf_slice(&piece), e);
    }
    if (rc == 0)
        rc = spool_flush(s, e);
    if (rc == 0)
        rc = spool_make_ready(s, ret, e);
    return rc ? -1 : 0;
}

/* The write jobs of one task; the thread of the queue waits for all of them. */
struct local_batch {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t running;
};

struct local_job {
    struct job job;
    struct local_batch *batch;
    struct delivery_target target;
    struct mail_delivery delivery;
};

static enum job_next run_delivery(struct job *job, struct txn *txn)
{
    return mail_deliver_job(job, txn, &list_entry(job, struct local_job, job)->delivery);
}

static void delivery_done(struct job *job)
{
    struct local_batch *b = list_entry(job, struct local_job, job)->batch;
    pthread_mutex_lock(&b->lock);
    if (--b->running == 0)
        pthread_cond_signal(&b->changed);
    pthread_mutex_unlock(&b->lock);
}

static void fill_delivery(struct queue_run *r, size_t i, struct message_ready *ready,
                          struct local_job *j)
{
    const struct outbox_message *m = &r->t->m;
    const struct outbox_recipient *to = &m->recipients[i];
    j->target = (struct delivery_target){
        .account = to->account, .address = to->address, .detail = to->detail};
    j->delivery = (struct mail_delivery){.ready = ready,
                                         .target = &j->target,
                                         .from = m->from,
                                         .received = m->prefix,
                                         .spool = queue_spool_id(m)};
}

/* The scripts of the mailbox. Where they cannot be run now, the delivery is put off. */
static int filter_delivery(struct queue_run *r, size_t i, const struct spool *body,
                           struct local_job *j)
{
    const struct outbox_message *m = &r->t->m;
    const struct outbox_recipient *to = &m->recipients[i];
    struct mail_filtering in = {.account = j->target.account,
                                .address = j->target.address,
                                .to = to->named.n ? to->named : to->address,
                                .from = m->from,
                                .received = m->prefix,
                                .body = body,
                                .ready = j->delivery.ready,
                                .orcpt = to->orcpt,
                                .envid = m->envid,
                                .trace = m->trace,
                                .notify = to->notify,
                                .ret_full = m->ret_full,
                                .ret_hdrs = m->ret_hdrs,
                                .eight_bit = m->body_8bit,
                                .binary = m->body_binary,
                                .smtputf8 = m->smtputf8};
    return mail_filter_run(&in, &j->delivery.filter, &j->job.err) < 0 ? -1 : 0;
}

static void run_deliveries(struct queue_run *r, struct message_ready *ready,
                           const struct spool *body, struct local_job *list)
{
    const struct outbox_message *m = &r->t->m;
    struct local_batch b = {.running = m->n};
    pthread_mutex_init(&b.lock, NULL);
    pthread_cond_init(&b.changed, NULL);
    for (size_t i = 0; i < m->n; i++) {
        struct local_job *j = &list[i];
        j->batch = &b;
        fill_delivery(r, i, ready, j);
        if (filter_delivery(r, i, body, j)) {
            delivery_done(&j->job);
            continue;
        }
        j->job = (struct job){.place = PLACE_WRITE,
                              .account = j->target.account,
                              .run = run_delivery,
                              .again = true,
                              .what = "queue",
                              .done = delivery_done};
        job_submit(&j->job);
    }
    pthread_mutex_lock(&b.lock);
    while (b.running)
        pthread_cond_wait(&b.changed, &b.lock);
    pthread_mutex_unlock(&b.lock);
    pthread_mutex_destroy(&b.lock);
    pthread_cond_destroy(&b.changed);
}

static void take_delivery(struct queue_run *r, size_t i, const struct local_job *j)
{
    const struct err *why = &j->job.err, *refusal = mail_filter_refusal(j->delivery.filter);
    if (why->code == ERR_OK && refusal->code)
        set_by_err(r, i, MAIL_FAILED, "5.7.1", refusal);
    else if (why->code == ERR_OK)
        set_outcome(r, i, MAIL_SENT, "2.0.0", "delivered");
    else if (why->code == ERR_QUOTA)
        set_outcome(r, i, MAIL_FAILED, "5.2.2", "5.2.2 Mailbox is full");
    else if (why->code == ERR_NOTFOUND)
        set_outcome(r, i, MAIL_FAILED, "5.1.1", "5.1.1 No such recipient here");
    else
        set_by_err(r, i, MAIL_DEFERRED, "4.3.0", why);
}

static void deliver_here(struct queue_run *r)
{
    struct message_ready *ready;
    struct err e = {0};
    struct spool body;
    struct local_job *list = arena_new(&r->t->arena, struct local_job, r->t->m.n);
    spool_init(&body);
    if (!list)
        err_set(&e, ERR_BUSY, "4.3.1 Out of memory");
    if (!list || make_ready(r, &body, &ready, &e)) {
        set_all(r, MAIL_DEFERRED, "4.3.0", &e);
        spool_done(&body);
        return;
    }
    run_deliveries(r, ready, &body, list);
    for (size_t i = 0; i < r->t->m.n; i++) {
        take_delivery(r, i, &list[i]);
        mail_filter_free(list[i].delivery.filter);
    }
    message_ready_free(ready);
    spool_done(&body);
}

/* --- onwards ------------------------------------------------------------------------------------
 */
/* Has the message been at the address that forwards it here before? Its row begins with the
   Delivered-To line that this hop adds. */
static bool in_loop(struct queue_run *r)
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

static void fill_client(struct queue_run *r, struct mail_client_message *c,
                        struct mail_client_rcpt *list)
{
    struct outbox_message *m = &r->t->m;
    *c = (struct mail_client_message){.arena = &r->t->arena,
                                      .from = m->from,
                                      .envid = m->envid,
                                      .trace = m->trace,
                                      .ret_full = m->ret_full,
                                      .ret_hdrs = m->ret_hdrs,
                                      .eight_bit = m->body_8bit,
                                      .binary = m->body_binary,
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

static bool is_settled(const struct queue_outcome *o)
{
    return o->result == MAIL_SENT || o->result == MAIL_FAILED;
}

/* RFC 5321 5.1: the hosts are tried in order "until a delivery attempt succeeds", so that what one
   puts off (4yz) another is asked. False: there is something to ask it for. */
static bool take_results(struct queue_run *r, struct mail_client_rcpt *list,
                         const struct mail_hop *hop)
{
    bool all = true;
    for (size_t i = 0; i < r->t->m.n; i++) {
        struct queue_outcome *o = &r->out[i];
        if (list[i].result != MAIL_PENDING && !is_settled(o)) {
            *o = (struct queue_outcome){.result = list[i].result,
                                        .reply = list[i].reply,
                                        .remote = hop->host,
                                        .dsn_passed = list[i].dsn_passed};
            memcpy(o->status, list[i].status, sizeof(o->status));
        }
        if (list[i].result == MAIL_DEFERRED && list[i].answered)
            list[i].result = MAIL_PENDING;
        all = all && list[i].result != MAIL_PENDING;
    }
    return all;
}

/* The hosts in turn. True: each of them refuses all mail. */
static bool try_hosts(struct queue_run *r, struct mail_client_rcpt *list,
                      const struct mail_hop *hops, size_t n, struct err *e)
{
    struct mail_client_message c;
    bool refused = n != 0;
    fill_client(r, &c, list);
    for (size_t i = 0; i < n && !queue_stopping(); i++) {
        *e = (struct err){0};
        if (unreachable_is(hops[i].text))
            err_set(e, ERR_BUSY, "4.4.1 %s: did not answer a moment ago", hops[i].text);
        else
            mail_client_send(&c, &hops[i], e);
        refused = refused && e->code == ERR_NOPERM;
        if (take_results(r, list, &hops[i]))
            break;
    }
    return refused;
}

static void send_onward(struct queue_run *r)
{
    struct mail_hop *hops;
    size_t n = 0;
    struct err e = {0};
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
    bool refused = try_hosts(r, list, hops, n, &e);
    set_all(r, refused ? MAIL_FAILED : MAIL_DEFERRED, refused ? "5.3.2" : "4.4.1", &e);
}

void queue_task_run(struct queue_task *t)
{
    struct queue_run r = {.t = t};
    struct err e = {0};
    r.out = arena_new(&t->arena, struct queue_outcome, t->m.n);
    if (!r.out)
        return;
    if (blob_open(&t->m.blob, &r.blob, &e))
        set_all(&r, MAIL_DEFERRED, "4.3.0", &e);
    else if (t->domain.n)
        send_onward(&r);
    else
        deliver_here(&r);
    queue_outcome_write(&r);
    blob_close(r.blob);
}
