/* loop.c - loops as threads with libuv inside. A turn is: timers, posted messages, ready
   connections, then everything that was written is sent (end_of_turn), then waiting for events.
   Messages come by a locked queue and one uv_async_t. */
#include "io/loop.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "io/loop_internal.h"

METRIC_COUNTER(loop_turns, "Turns of all event loops.");
METRIC_COUNTER(loop_messages, "Messages posted to event loops.");

static struct loop **loops;
static unsigned n_loops;
static __thread struct loop *current;

unsigned loops_count(void)
{
    return n_loops;
}

struct loop *loop_at(unsigned i)
{
    BUG_IF(i >= n_loops);
    return loops[i];
}

struct loop *loop_current(void)
{
    return current;
}

struct uv_loop_s *loop_uv(struct loop *l)
{
    return &l->uv;
}

/* --- messages ----------------------------------------------------------------------------- */
void loop_post(struct loop *l, struct loop_msg *msg)
{
    msg->next = NULL;
    pthread_mutex_lock(&l->lock);
    *l->posted_tail = msg;
    l->posted_tail = &msg->next;
    pthread_mutex_unlock(&l->lock);
    uv_async_send(&l->wake);
}

static bool run_posted(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct loop_msg *m = l->posted;
    l->posted = NULL;
    l->posted_tail = &l->posted;
    pthread_mutex_unlock(&l->lock);
    bool some = m != NULL;
    while (m) {
        struct loop_msg *next = m->next; /* fn may free or post it again */
        m->fn(m);
        conns_flush_many(l);
        metric_inc(&metric_loop_messages);
        m = next;
    }
    return some;
}

struct call {
    struct loop_msg msg;
    void (*fn)(void *arg);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t cond;
    bool done;
};

static void call_run(struct loop_msg *msg)
{
    struct call *c = list_entry(msg, struct call, msg);
    c->fn(c->arg);
    pthread_mutex_lock(&c->lock);
    c->done = true;
    pthread_cond_signal(&c->cond);
    pthread_mutex_unlock(&c->lock);
}

void loop_call(struct loop *l, void (*fn)(void *arg), void *arg)
{
    BUG_IF(current);
    struct call c = {.msg.fn = call_run,
                     .fn = fn,
                     .arg = arg,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .cond = PTHREAD_COND_INITIALIZER};
    loop_post(l, &c.msg);
    pthread_mutex_lock(&c.lock);
    while (!c.done)
        pthread_cond_wait(&c.cond, &c.lock);
    pthread_mutex_unlock(&c.lock);
    pthread_mutex_destroy(&c.lock);
    pthread_cond_destroy(&c.cond);
}

/* --- turns -------------------------------------------------------------------------------- */
static void on_wake(uv_async_t *h)
{
    run_posted(h->data);
}

static void on_again(uv_idle_t *h)
{
    struct loop *l = h->data;
    l->again_on = false;
    uv_idle_stop(&l->again);
    conns_run_ready(l);
}

static void on_end_of_turn(uv_prepare_t *h)
{
    struct loop *l = h->data;
    metric_inc(&metric_loop_turns);
    conns_flush(l);
    if (!list_empty(&l->ready) || !list_empty(&l->dirty))
        loop_again(l);
}

void loop_again(struct loop *l)
{
    if (l->again_on)
        return;
    l->again_on = true;
    uv_idle_start(&l->again, on_again);
}

static void *loop_thread(void *arg)
{
    struct loop *l = arg;
    current = l;
    uv_run(&l->uv, UV_RUN_DEFAULT);
    current = NULL;
    return NULL;
}

/* --- start and stop ----------------------------------------------------------------------- */
static struct loop *loop_new(unsigned index)
{
    struct loop *l = calloc(1, sizeof(*l));
    BUG_IF(!l);
    l->index = index;
    pthread_mutex_init(&l->lock, NULL);
    l->posted_tail = &l->posted;
    list_init(&l->conns);
    list_init(&l->ready);
    list_init(&l->dirty);
    wheel_init(l);
    return l;
}

static int loop_open(struct loop *l, struct err *e)
{
    int rc = uv_loop_init(&l->uv);
    if (rc)
        return err_set(e, ERR_IO, "event loop: %s", uv_strerror(rc));
    l->wake.data = l->end_of_turn.data = l->again.data = l->tick.data = l;
    rc = uv_async_init(&l->uv, &l->wake, on_wake);
    if (rc) {
        uv_loop_close(&l->uv);
        return err_set(e, ERR_IO, "event loop: %s", uv_strerror(rc));
    }
    uv_prepare_init(&l->uv, &l->end_of_turn);
    uv_prepare_start(&l->end_of_turn, on_end_of_turn);
    uv_unref((uv_handle_t *)&l->end_of_turn);
    uv_idle_init(&l->uv, &l->again);
    uv_timer_init(&l->uv, &l->tick);
    return 0;
}

static void loop_free(struct loop *l)
{
    pthread_mutex_destroy(&l->lock);
    free(l);
}

static void close_handles(void *arg)
{
    struct loop *l = arg;
    uv_close((uv_handle_t *)&l->wake, NULL);
    uv_close((uv_handle_t *)&l->end_of_turn, NULL);
    uv_close((uv_handle_t *)&l->again, NULL);
    uv_close((uv_handle_t *)&l->tick, NULL);
}

int loops_start(unsigned n, struct err *e)
{
    BUG_IF(n_loops || n == 0);
    loops = calloc(n, sizeof(*loops));
    BUG_IF(!loops);
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    for (unsigned i = 0; i < n; i++) {
        struct loop *l = loop_new(i);
        if (loop_open(l, e)) {
            loop_free(l);
            break;
        }
        int rc = pthread_create(&l->thread, NULL, loop_thread, l);
        if (rc) {
            err_set(e, ERR_IO, "thread: %s", strerror(rc));
            close_handles(l);
            uv_run(&l->uv, UV_RUN_DEFAULT);
            uv_loop_close(&l->uv);
            loop_free(l);
            break;
        }
        loops[n_loops++] = l;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (n_loops == n)
        return 0;
    loops_stop();
    return -1;
}

static void tell_stopping(void *arg)
{
    conns_tell_stopping(arg);
}

struct look {
    struct loop *loop;
    bool empty;
};

static void look_for_conns(void *arg)
{
    struct look *k = arg;
    k->empty = conns_none_busy(k->loop);
}

void loops_drain(int64_t ms)
{
    int64_t until = clock_mono_ms() + ms;
    for (unsigned i = 0; i < n_loops; i++)
        loop_call(loops[i], tell_stopping, loops[i]);
    for (unsigned i = 0; i < n_loops; i++) {
        struct look k = {.loop = loops[i]};
        for (;;) {
            loop_call(k.loop, look_for_conns, &k);
            if (k.empty || clock_mono_ms() >= until)
                break;
            usleep(5000);
        }
    }
}

static void end_conns(void *arg)
{
    struct loop *l = arg;
    conns_end_all(l);
    while (run_posted(l))
        conns_end_all(l);
}

void loops_stop(void)
{
    for (unsigned i = 0; i < n_loops; i++)
        loop_call(loops[i], end_conns, loops[i]);
    for (unsigned i = 0; i < n_loops; i++)
        loop_call(loops[i], close_handles, loops[i]);
    for (unsigned i = 0; i < n_loops; i++) {
        struct loop *l = loops[i];
        pthread_join(l->thread, NULL);
        BUG_IF(uv_loop_close(&l->uv));
        loop_free(l);
    }
    free(loops);
    loops = NULL;
    n_loops = 0;
    listeners_forget();
}
