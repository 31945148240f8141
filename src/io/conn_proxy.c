/* conn_proxy.c - the PROXY header of a connection from a trusted proxy: afterwards the client's
   address is the peer, and counts against the limit per address. The header must be there: a
   trusted proxy that sends none is wrongly configured, and guessing would mix up addresses. */
#include "base/metric.h"
#include "io/conn_internal.h"
#include "io/peers.h"
#include "io/proxy_header.h"

METRIC_COUNTER_BY(proxy_headers, "result", "ok bad limit", "PROXY headers received.");

static int take_address(struct conn *c, const struct proxy_header *h)
{
    struct err e = {0};
    if (h->local)
        return 0;
    peers_leave(c->counted);
    c->counted = NULL;
    c->is_unix = false;
    conn_set_peer(c, &h->from.sa, &h->to.sa);
    if (peers_enter(&c->peer.sa, &c->counted, &e) == 0)
        return 0;
    metric_add(&metric_proxy_headers, 2, 1);
    conn_end(c, CONN_END_LOCAL, "%s", e.text);
    return -1;
}

int proxy_step(struct conn *c)
{
    struct proxy_header h;
    struct err e = {0};
    size_t before = c->pending.n;
    struct slice in = slice_sub(c->loop->wire, 0, PROXY_HEADER_MAX - before);
    c->pending.max = PROXY_HEADER_MAX;
    if (buf_add(&c->pending, in)) {
        conn_end(c, CONN_END_LOCAL, "PROXY header too long");
        return -1;
    }
    ptrdiff_t n = proxy_header_parse(buf_slice(&c->pending), &h, &e);
    if (n == 0) {
        c->loop->wire = slice_from(c->loop->wire, in.n);
        return -1;
    }
    buf_done(&c->pending);
    if (n < 0) {
        metric_add(&metric_proxy_headers, 1, 1);
        conn_end(c, CONN_END_LOCAL, "%s", e.text);
        return -1;
    }
    c->loop->wire = slice_from(c->loop->wire, (size_t)n - before);
    if (take_address(c, &h))
        return -1;
    metric_add(&metric_proxy_headers, 0, 1);
    conn_greeting(c);
    return 0;
}
