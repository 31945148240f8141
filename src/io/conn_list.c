/* conn_list.c - what is connected now: each loop is asked in turn, on its own thread. */
#include <stdio.h>

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
        .listener = c->listener ? c->listener->name : "",
        .peer_port = conn_peer_port(c),
        .compressed = conn_is_compressed(c),
        .open_ms = now - c->opened,
        .silent_ms = now - c->last_in,
        .bytes_in = c->bytes_in,
        .bytes_out = c->bytes_out,
        .unsent = conn_unsent(c),
    };
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
