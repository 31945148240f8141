/* conn_list.c - what is connected now: each loop is asked in turn, on its own thread. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "io/conn_internal.h"

struct walk {
    struct loop *loop;
    int (*fn)(const struct conn_info *, void *arg);
    void *arg;
    bool stop;
};

static void describe(struct conn *c, int64_t now, struct conn_info *ret)
{
    struct slice tls = conn_tls_summary(c);
    struct slice login = c->ops->login && c->state == CONN_OPEN ? c->ops->login(c) : SNONE;
    *ret = (struct conn_info){
        .id = c->id,
        .peer_port = conn_peer_port(c),
        .compressed = conn_is_compressed(c),
        .open_ms = now - c->opened,
        .silent_ms = now - c->last_in,
        .bytes_in = c->bytes_in,
        .bytes_out = c->bytes_out,
        .unsent = conn_unsent(c),
    };
    snprintf(ret->listener, sizeof ret->listener, "%s", c->listener ? c->listener->name : "");
    snprintf(ret->peer, sizeof ret->peer, "%.*s", SARG(conn_peer(c)));
    snprintf(ret->login, sizeof ret->login, "%.*s", SARG(login));
    snprintf(ret->tls, sizeof ret->tls, "%.*s", SARG(tls));
}

static void walk_loop(void *arg)
{
    struct walk *w = arg;
    int64_t now = clock_mono_ms();
    list_each(at, &w->loop->conns)
    {
        struct conn *c = list_entry(at, struct conn, all);
        struct conn_info info;
        if (c->state == CONN_LINGER || c->ending)
            continue;
        describe(c, now, &info);
        w->stop = w->fn(&info, w->arg) != 0;
        if (w->stop)
            return;
    }
}

void conns_each(int (*fn)(const struct conn_info *, void *arg), void *arg)
{
    struct walk w = {.fn = fn, .arg = arg};
    for (unsigned i = 0; i < loops_count() && !w.stop; i++) {
        w.loop = loop_at(i);
        loop_call(w.loop, walk_loop, &w);
    }
}

void conns_each_here(int (*fn)(const struct conn_info *, void *arg), void *arg)
{
    walk_loop(&(struct walk){.fn = fn, .arg = arg, .loop = loop_current()});
}

/* --- a look that does not wait for ever ---------------------------------------------------- */

/* Shared by the loop and who asks; the second of them frees it. */
struct look {
    struct loop_msg msg;
    struct loop *loop;
    pthread_mutex_t lock;
    pthread_cond_t answered;
    unsigned users;
    int64_t began_us;
    struct loop_now now;
};

static void look_leave(struct look *k)
{
    pthread_mutex_lock(&k->lock);
    bool last = --k->users == 0;
    pthread_mutex_unlock(&k->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&k->lock);
    pthread_cond_destroy(&k->answered);
    free(k);
}

static size_t length(struct link *list)
{
    size_t n = 0;
    list_each(at, list) n++;
    return n;
}

static void look_run(struct loop_msg *msg)
{
    struct look *k = list_entry(msg, struct look, msg);
    struct loop *l = k->loop;
    struct loop_now *now = &k->now;
    int64_t ms = clock_mono_ms();
    pthread_mutex_lock(&k->lock);
    now->answered = true;
    now->answer_us = clock_mono_us() - k->began_us;
    now->ready = length(&l->ready);
    now->dirty = length(&l->dirty);
    now->timers = l->timers;
    list_each(at, &l->conns)
    {
        struct conn *c = list_entry(at, struct conn, all);
        now->conns++;
        now->unsent += conn_unsent(c);
        if (now->rows_n < LOOP_LOOK_ROWS && c->state != CONN_LINGER && !c->ending)
            describe(c, ms, &now->rows[now->rows_n++]);
    }
    pthread_cond_signal(&k->answered);
    pthread_mutex_unlock(&k->lock);
    look_leave(k);
}

void loop_look(unsigned index, int64_t wait_ms, struct loop_now *ret)
{
    struct look *k = calloc(1, sizeof(*k));
    BUG_IF(!k || loop_current());
    k->loop = loop_at(index);
    k->users = 2;
    k->msg.fn = look_run;
    pthread_mutex_init(&k->lock, NULL);
    clock_cond_init(&k->answered);
    struct timespec until;
    clock_deadline(wait_ms, &until);
    k->began_us = clock_mono_us();
    loop_post(k->loop, &k->msg);
    pthread_mutex_lock(&k->lock);
    while (!k->now.answered && pthread_cond_timedwait(&k->answered, &k->lock, &until) == 0)
        ;
    *ret = k->now;
    pthread_mutex_unlock(&k->lock);
    look_leave(k);
}
