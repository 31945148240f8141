/* queue.c - one thread looks into the outbox of each shard when something was added or is due, and
   makes tasks; a few threads run them. A row stays in the outbox until its outcome is written, so a
   crash at any point means only that it is tried again; the key of a task keeps two threads from
   doing the same at once. What one domain may hold is limited, so that a dead one does not take all
   threads. */
#include "mail/queue.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/resolver.h"
#include "mail/channel.h"
#include "mail/task.h"

extern struct setting set_mail_smarthost;
SETTING(mail, queue_lifetime, TIME, 5 * DAY, SEC, 30 * DAY,
        "How long delivery is tried before the message goes back. RFC 5321 4.5.4.1: 4 to 5 days.");
SETTING(mail, queue_active, INT, 1000, 10, 100000, "Deliveries held in memory at once.");
SETTING(mail, queue_per_domain, INT, 5, 1, 1000, "Deliveries to one domain at once.");
SETTING(mail, queue_threads, INT, 10, 1, 500, "Threads that deliver from the queue.");
SETTING_AT_START(mail, queue_threads);
METRIC_GAUGE(mail_queue_active, "Deliveries of the queue that wait or run.");

enum { SCAN_LIMIT = 200, RESCAN_MS = 60 * 1000 };

struct queue_shard {
    bool dirty;
    int64_t next; /* ms, wall: when something is due; 0: nothing is */
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t manager_wakes, worker_wakes;
    struct link ready;
    struct link ended;      /* tasks that ended while their shard was being scanned */
    struct hmap active;     /* key -> task, waiting or running */
    struct hmap per_domain; /* domain -> struct domain_load */
    struct queue_shard *shards;
    unsigned n_shards, n_threads;
    int scanning; /* the shard that is being scanned, or -1 */
    bool stopping;
    pthread_t manager, *threads;
} queue = {.lock = PTHREAD_MUTEX_INITIALIZER, .scanning = -1};

struct domain_load {
    unsigned n;
    size_t length;
    char name[256];
};

int64_t mail_queue_lifetime(void)
{
    return setting_get(&set_mail_queue_lifetime);
}

static bool is_smarthost(struct slice domain)
{
    return slice_eq(domain, S("*"));
}

/* --- load of a domain (under the lock) -------------------------------------------------------- */
static bool domain_take(struct slice domain)
{
    struct domain_load *d = hmap_get(&queue.per_domain, domain);
    if (domain.n == 0 || is_smarthost(domain))
        return true;
    if (!d) {
        d = calloc(1, sizeof(*d));
        BUG_IF(!d);
        d->length = domain.n < sizeof(d->name) ? domain.n : sizeof(d->name);
        memcpy(d->name, domain.p, d->length);
        hmap_set(&queue.per_domain, slice_of(d->name, d->length), d);
    }
    if (d->n >= (unsigned)setting_get(&set_mail_queue_per_domain))
        return false;
    d->n++;
    return true;
}

static void domain_give(struct slice domain)
{
    struct domain_load *d = hmap_get(&queue.per_domain, domain);
    if (!d || --d->n)
        return;
    hmap_del(&queue.per_domain, slice_of(d->name, d->length));
    free(d);
}

/* --- tasks ------------------------------------------------------------------------------------ */
static void task_free(struct queue_task *t)
{
    arena_reset(&t->arena);
    free(t);
}

/* Where its mail goes, "" for here. One smarthost takes all of a message in one copy (RFC 5321
   4.5.4.1). */
static struct slice domain_of(const struct outbox_recipient *r, struct arena *a)
{
    ptrdiff_t at = slice_rfind(r->address, '@');
    if (r->account)
        return S("");
    if (setting_text(&set_mail_smarthost)[0])
        return S("*");
    struct slice domain = arena_dup(a, slice_from(r->address, (size_t)(at + 1)));
    char *p = (char *)(uintptr_t)domain.p;
    for (size_t i = 0; p && i < domain.n; i++)
        p[i] = ascii_lower(p[i]);
    return slice_sub(domain, 0, 255);
}

static void copy_recipient(struct outbox_recipient *to, const struct outbox_recipient *from,
                           struct arena *a)
{
    *to = *from;
    to->address = arena_dup(a, from->address);
    to->orcpt = arena_dup(a, from->orcpt);
    to->detail = arena_dup(a, from->detail);
    to->named = arena_dup(a, from->named);
    to->last_reply = arena_dup(a, from->last_reply);
}

static bool is_due(const struct outbox_recipient *r, int64_t now)
{
    return r->next_at <= now;
}

/* The task of message m for the domain (or for here), with all its due recipients. */
static struct queue_task *task_new(const struct outbox_message *m, struct slice domain, int64_t now)
{
    struct queue_task *t = calloc(1, sizeof(*t));
    BUG_IF(!t);
    struct arena *a = &t->arena, scratch = {0};
    t->m = *m;
    t->m.from = arena_dup(a, m->from);
    t->m.envid = arena_dup(a, m->envid);
    t->m.trace = arena_dup(a, m->trace);
    t->m.prefix = arena_dup(a, m->prefix);
    t->domain = arena_dup(a, domain);
    t->key = arena_printf(a, "%llu.%llu.%.*s", (unsigned long long)m->shard,
                          (unsigned long long)m->id, SARG(domain));
    t->m.recipients = arena_new(a, struct outbox_recipient, m->n);
    t->m.n = 0;
    for (size_t i = 0; i < m->n && t->m.recipients; i++)
        if (is_due(&m->recipients[i], now) &&
            slice_eq(domain_of(&m->recipients[i], &scratch), domain))
            copy_recipient(&t->m.recipients[t->m.n++], &m->recipients[i], a);
    arena_reset(&scratch);
    if (a->failed) {
        task_free(t);
        return NULL;
    }
    return t;
}

static bool queue_full(void)
{
    return queue.active.n >= (size_t)setting_get(&set_mail_queue_active);
}

uint64_t queue_active(void)
{
    pthread_mutex_lock(&queue.lock);
    uint64_t n = queue.active.n;
    pthread_mutex_unlock(&queue.lock);
    return n;
}

/* Under the lock. */
static void task_add(struct queue_task *t)
{
    if (!t)
        return;
    if (queue_full() || hmap_get(&queue.active, t->key)) { /* it is due still, and comes again */
        queue.shards[t->m.shard].dirty = queue.shards[t->m.shard].dirty || queue_full();
        task_free(t);
        return;
    }
    hmap_set(&queue.active, t->key, t);
    list_push(&queue.ready, &t->link);
    metric_set(&metric_mail_queue_active, 0, (int64_t)queue.active.n);
    pthread_cond_signal(&queue.worker_wakes);
}

static void add_message(const struct outbox_message *m, int64_t now)
{
    ARENA_SCOPE a = {0};
    for (size_t i = 0; i < m->n; i++) {
        bool first = is_due(&m->recipients[i], now);
        struct slice domain = domain_of(&m->recipients[i], &a);
        for (size_t k = 0; k < i && first; k++)
            first = !is_due(&m->recipients[k], now) ||
                    !slice_eq(domain_of(&m->recipients[k], &a), domain);
        if (!first)
            continue;
        struct queue_task *t = task_new(m, domain, now);
        pthread_mutex_lock(&queue.lock);
        task_add(t);
        pthread_mutex_unlock(&queue.lock);
    }
}

/* Under the lock: its rows are written, it may be made again. */
static void task_end(struct queue_task *t)
{
    hmap_del(&queue.active, t->key);
    queue.shards[t->m.shard].dirty = true; /* what became due, or a new time */
    metric_set(&metric_mail_queue_active, 0, (int64_t)queue.active.n);
    task_free(t);
}

/* --- the manager ------------------------------------------------------------------------------ */
static void scan(unsigned shard)
{
    ARENA_SCOPE a = {.limit = (size_t)64 << 20};
    struct outbox_message *list;
    size_t n = 0;
    int64_t next = 0, now = clock_now_ms();
    size_t most = SCAN_LIMIT + (size_t)queue_active(); /* those that run are due still */
    struct err e = {0};
    pthread_mutex_lock(&queue.lock);
    queue.scanning =
        (int)shard; /* from here on a task that ends keeps its key: the list may be older */
    pthread_mutex_unlock(&queue.lock);
    if (outbox_due(shard, now, most, &a, &list, &n, &next, &e)) {
        LOG(LOG_ERROR, "queue.scan", LFN("shard", shard), LFZ("why", e.text));
        next = now + RESCAN_MS;
    }
    for (size_t i = 0; i < n; i++)
        add_message(&list[i], now);
    pthread_mutex_lock(&queue.lock);
    if (queue.shards[shard].next == 0 || (next && next < queue.shards[shard].next))
        queue.shards[shard].next = next;
    queue.scanning = -1;
    struct link *l;
    while ((l = list_pop(&queue.ended)))
        task_end(list_entry(l, struct queue_task, link));
    pthread_mutex_unlock(&queue.lock);
}

/* Under the lock: a shard to look into, or -1 and how long to wait. */
static int pick_shard(int64_t *ret_wait)
{
    int64_t now = clock_now_ms(), wait = RESCAN_MS;
    for (unsigned i = 0; i < queue.n_shards; i++) {
        struct queue_shard *s = &queue.shards[i];
        if (s->dirty || (s->next && s->next <= now)) {
            s->dirty = false;
            s->next = 0;
            return (int)i;
        }
        if (s->next && s->next - now < wait)
            wait = s->next - now;
    }
    *ret_wait = wait;
    return -1;
}

static void *manage(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&queue.lock);
    while (!queue.stopping) {
        int64_t wait = 0;
        int shard = queue_full() ? -1 : pick_shard(&wait);
        if (shard >= 0) {
            pthread_mutex_unlock(&queue.lock);
            scan((unsigned)shard);
            pthread_mutex_lock(&queue.lock);
            continue;
        }
        struct timespec when;
        clock_deadline(wait ? wait : SEC, &when);
        pthread_cond_timedwait(&queue.manager_wakes, &queue.lock, &when);
    }
    pthread_mutex_unlock(&queue.lock);
    return NULL;
}

static void on_added(unsigned shard)
{
    pthread_mutex_lock(&queue.lock);
    if (shard < queue.n_shards)
        queue.shards[shard].dirty = true;
    pthread_cond_signal(&queue.manager_wakes);
    pthread_mutex_unlock(&queue.lock);
}

/* --- the workers ------------------------------------------------------------------------------ */
/* Under the lock: the oldest task whose domain has room. */
static struct queue_task *take_task(void)
{
    list_each(l, &queue.ready)
    {
        struct queue_task *t = list_entry(l, struct queue_task, link);
        if (!domain_take(t->domain))
            continue;
        list_remove(&t->link);
        return t;
    }
    return NULL;
}

static void *work(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&queue.lock);
    while (!queue.stopping) {
        struct queue_task *t = take_task();
        if (!t) {
            pthread_cond_wait(&queue.worker_wakes, &queue.lock);
            continue;
        }
        pthread_mutex_unlock(&queue.lock);
        queue_task_run(t);
        pthread_mutex_lock(&queue.lock);
        if (t->stuck && !queue.stopping) { /* the store does not take it: not again at once */
            struct timespec when;
            clock_deadline(SEC, &when);
            pthread_cond_timedwait(&queue.worker_wakes, &queue.lock, &when);
        }
        domain_give(t->domain);
        if (queue.scanning == (int)t->m.shard)
            list_push(&queue.ended, &t->link);
        else
            task_end(t);
        pthread_cond_signal(&queue.worker_wakes);
        pthread_cond_signal(&queue.manager_wakes);
    }
    pthread_mutex_unlock(&queue.lock);
    return NULL;
}

int queue_start(struct err *e)
{
    clock_cond_init(&queue.manager_wakes);
    clock_cond_init(&queue.worker_wakes);
    list_init(&queue.ready);
    list_init(&queue.ended);
    queue.stopping = false;
    queue.n_shards = store_shards();
    queue.shards = calloc(queue.n_shards, sizeof(*queue.shards));
    queue.threads = calloc((size_t)setting_get(&set_mail_queue_threads), sizeof(pthread_t));
    BUG_IF(!queue.shards || !queue.threads);
    for (unsigned i = 0; i < queue.n_shards; i++)
        queue.shards[i].dirty = true;
    if (pthread_create(&queue.manager, NULL, manage, NULL))
        return err_set(e, ERR_IO, "queue: no thread");
    for (queue.n_threads = 0; queue.n_threads < (unsigned)setting_get(&set_mail_queue_threads);
         queue.n_threads++)
        if (pthread_create(&queue.threads[queue.n_threads], NULL, work, NULL))
            break;
    outbox_on_added(on_added);
    return queue.n_threads ? 0 : err_set(e, ERR_IO, "queue: no thread");
}

void queue_stop(void)
{
    if (!queue.shards)
        return;
    outbox_on_added(NULL);
    pthread_mutex_lock(&queue.lock);
    queue.stopping = true;
    pthread_cond_broadcast(&queue.manager_wakes);
    pthread_cond_broadcast(&queue.worker_wakes);
    pthread_mutex_unlock(&queue.lock);
    channels_interrupt(true);
    dns_interrupt(true);
    pthread_join(queue.manager, NULL);
    for (unsigned i = 0; i < queue.n_threads; i++)
        pthread_join(queue.threads[i], NULL);
    struct link *l;
    while ((l = list_pop(&queue.ready)))
        task_free(list_entry(l, struct queue_task, link));
    hmap_done(&queue.active);
    hmap_done(&queue.per_domain);
    free(queue.shards);
    free(queue.threads);
    queue.shards = NULL;
    channels_interrupt(false);
    dns_interrupt(false);
}

bool queue_stopping(void)
{
    pthread_mutex_lock(&queue.lock);
    bool stopping = queue.stopping;
    pthread_mutex_unlock(&queue.lock);
    return stopping;
}

void queue_wake(void)
{
    for (unsigned i = 0; i < queue.n_shards; i++)
        on_added(i);
}
