/* resolver_ask.c - questions to servers through one libunbound context that all threads share (its
   cache with it). libunbound looks for the answer on a thread of its own; whoever asks waits for it
   under the lock, for io.dns_timeout at most, and one of those who wait takes the answers in. So
   servers that never answer hold nobody up who wants to leave: dns_interrupt ends every wait. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <unbound.h>

#include "base/clock.h"
#include "base/setting.h"
#include "io/resolver.h"
#include "io/resolver_internal.h"

SETTING_STR(io, dns_servers, "", NULL,
            "DNS servers to ask, addresses separated by blanks (\"192.0.2.1 192.0.2.2@5353\"). "
            "Empty: those of /etc/resolv.conf.");
SETTING_AT_START(io, dns_servers);
SETTING(io, dns_timeout, TIME, 30 * SEC, 100 * MSEC, 10 * MIN,
        "How long an answer of DNS is waited for.");

enum { STEP_MS = 50 };

struct question {
    bool answered;
    int code; /* of libunbound */
    struct ub_result *result;
};

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct ub_ctx *context;
    bool ready, taking, interrupted; /* taking: somebody takes answers in */
    unsigned asking;                 /* threads in dns_ask_servers */
} resolver = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int use_servers(struct ub_ctx *ctx)
{
    struct slice rest = slice_str(setting_text(&set_io_dns_servers));
    bool any = false;
    while (rest.p) {
        struct slice one = slice_cut(&rest, ' ');
        char text[80];
        if (one.n == 0)
            continue;
        snprintf(text, sizeof(text), "%.*s", SARG(one));
        if (ub_ctx_set_fwd(ctx, text))
            return -1;
        any = true;
    }
    return any ? 0 : ub_ctx_resolvconf(ctx, NULL);
}

/* The lock is held. */
static struct ub_ctx *shared_context(struct err *e)
{
    if (!resolver.ready) {
        clock_cond_init(&resolver.changed);
        resolver.ready = true;
    }
    if (!resolver.context) {
        struct ub_ctx *ctx = ub_ctx_create();
        if (ctx && ub_ctx_async(ctx, 1) == 0 && use_servers(ctx) == 0)
            resolver.context = ctx;
        else if (ctx)
            ub_ctx_delete(ctx);
    }
    if (!resolver.context)
        err_set(e, ERR_BUSY, "DNS: no servers (io.dns_servers, /etc/resolv.conf)");
    return resolver.context;
}

void resolver_prepare(void)
{
    pthread_mutex_lock(&resolver.lock);
    shared_context(NULL); /* without servers the first question says so */
    pthread_mutex_unlock(&resolver.lock);
}

/* From ub_process: the lock is held by who called that. */
static void on_answer(void *arg, int code, struct ub_result *result)
{
    struct question *q = arg;
    q->answered = true;
    q->code = code;
    q->result = result;
}

/* Lets answers come in for a while. The lock is held before and after, not between. */
static void take_in(struct ub_ctx *ctx)
{
    struct pollfd p = {.fd = ub_fd(ctx), .events = POLLIN};
    resolver.taking = true;
    pthread_mutex_unlock(&resolver.lock);
    poll(&p, 1, STEP_MS);
    pthread_mutex_lock(&resolver.lock);
    if (ub_poll(ctx))
        ub_process(ctx);
    resolver.taking = false;
    pthread_cond_broadcast(&resolver.changed);
}

static void wait_a_step(void)
{
    struct timespec until;
    clock_deadline(STEP_MS, &until);
    pthread_cond_timedwait(&resolver.changed, &resolver.lock, &until);
}

/* The lock is held. 0 with the answer in q. */
static int await(struct ub_ctx *ctx, struct question *q, int id, struct slice name, struct err *e)
{
    int64_t until = clock_mono_ms() + setting_get(&set_io_dns_timeout);
    while (!q->answered && !resolver.interrupted && clock_mono_ms() < until) {
        if (resolver.taking)
            wait_a_step();
        else
            take_in(ctx);
    }
    if (q->answered)
        return q->code ? err_set(e, ERR_BUSY, "DNS: %.*s: %s", SARG(name), ub_strerror(q->code))
                       : 0;
    ub_cancel(ctx, id); /* under the lock: no answer is on its way to q */
    return err_set(e, ERR_BUSY, "DNS: %.*s: %s", SARG(name),
                   resolver.interrupted ? "the server stops" : "no answer in time");
}

static int take(const struct ub_result *r, struct slice name, struct arena *a,
                struct dns_records *ret, struct err *e)
{
    ret->n = 0;
    if (r->bogus || (r->rcode != 0 && r->rcode != 3))
        return err_set(e, ERR_BUSY, "DNS: %.*s fails (code %d%s)", SARG(name), r->rcode,
                       r->bogus ? ", bogus" : "");
    for (size_t i = 0; r->havedata && r->data[i] && ret->n < DNS_RECORDS_MAX; i++) {
        ret->data[ret->n] = arena_dup(a, slice_of(r->data[i], (size_t)r->len[i]));
        if (!ret->data[ret->n++].p)
            return err_set(e, ERR_LIMIT, "DNS: answers of %.*s are too large", SARG(name));
    }
    if (ret->n == 0)
        return err_set(e, ERR_NOTFOUND, "DNS: no such record of %.*s", SARG(name));
    return 0;
}

int dns_ask_servers(struct slice name, enum dns_type type, struct arena *a, struct dns_records *ret,
                    struct err *e)
{
    struct question q = {0};
    const char *text = arena_cstr(a, name);
    int id = 0;
    if (!text)
        return err_set(e, ERR_LIMIT, "DNS: out of memory");
    pthread_mutex_lock(&resolver.lock);
    struct ub_ctx *ctx = shared_context(e);
    int bad = ctx ? 0 : -1;
    if (!bad && (bad = ub_resolve_async(ctx, text, (int)type, 1, &q, on_answer, &id)))
        bad = err_set(e, ERR_BUSY, "DNS: %s: %s", text, ub_strerror(bad));
    if (!bad) {
        resolver.asking++;
        bad = await(ctx, &q, id, name, e);
        resolver.asking--;
    }
    pthread_mutex_unlock(&resolver.lock);
    if (!bad)
        bad = take(q.result, name, a, ret, e);
    ub_resolve_free(q.result);
    return bad;
}

void dns_interrupt(bool on)
{
    pthread_mutex_lock(&resolver.lock);
    resolver.interrupted = on;
    if (resolver.ready)
        pthread_cond_broadcast(&resolver.changed);
    pthread_mutex_unlock(&resolver.lock);
}

void resolver_done(void)
{
    pthread_mutex_lock(&resolver.lock);
    BUG_IF(resolver.asking);
    struct ub_ctx *ctx = resolver.context;
    resolver.context = NULL;
    pthread_mutex_unlock(&resolver.lock);
    if (ctx)
        ub_ctx_delete(ctx);
}
