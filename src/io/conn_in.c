/* conn_in.c - input: one recv into the loop's buffer, through the layers, to the server. What is
   not taken is kept: raw bytes that no layer has seen yet in `keep`, what the server left in
   `pending`. Both are freed as soon as they are empty. */
#include <errno.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/conn_internal.h"

SETTING(io, pending_max, SIZE, 256 * KiB, 16 * KiB, 64 * MiB,
        "Input that a server leaves untaken is kept up to this size; more ends the connection.");
METRIC_COUNTER(net_in_bytes, "Bytes received from the network, as on the wire.");

enum {
    TURN_MAX =
        256 * 1024, /* decoded bytes offered in one turn, so that DEFLATE cannot hold a loop */
    LINGER_MAX = 1024 * 1024,
    INPUT_PIECE = 4 * 1024,
};

/* The layer below DEFLATE: TLS, or the wire itself. */
int conn_plain_pull(struct conn *c, struct slice *ret)
{
    if (c->tls_on)
        return conn_tls_pull(c, ret);
    if (c->loop->wire.n == 0)
        return 0;
    *ret = c->loop->wire;
    c->loop->wire = SNONE;
    return 1;
}

/* What stands behind a STARTTLS is thrown away; behind the go-ahead that a server gave us it must
   be an attack (RFC 3207 6). */
static void drop_behind_starttls(struct conn *c, size_t n)
{
    if (n && c->tls)
        conn_end(c, CONN_END_TLS, "plain text behind the answer to STARTTLS");
}

static bool wants_no_more(const struct conn *c)
{
    return c->tls_wanted || c->ending || c->state != CONN_OPEN;
}

/* In pieces: many short commands with long answers stop where io.output_high says, not behind the
   last of them. What gives no output comes in larger and larger pieces. */
static size_t input_pieces(struct conn *c, struct slice in)
{
    bool zipped = c->zip != NULL;
    size_t at = 0, piece = INPUT_PIECE;
    while (at < in.n) {
        size_t unsent = c->out_n, took;
        struct slice s = slice_sub(in, at, at + piece);
        took = c->ops->input(c, s);
        BUG_IF(took > s.n);
        at += took;
        if (wants_no_more(c) || c->paused || (c->zip && !zipped))
            break;
        if (conn_blocked(c)) {
            c->offer = at < in.n;
            break;
        }
        if (took == 0 && at + s.n == in.n)
            break;
        if (took < s.n || c->out_n == unsent)
            piece = took < s.n ? in.n : 2 * piece;
    }
    return at;
}

static size_t call_input(struct conn *c, struct slice in)
{
    c->in_input = true;
    size_t took = input_pieces(c, in);
    c->in_input = false;
    if (c->tls_wanted)
        drop_behind_starttls(c, in.n - took);
    return took;
}

static void offer_pending(struct conn *c)
{
    c->offer = false;
    bool zipped = c->zip != NULL;
    size_t took = call_input(c, buf_slice(&c->pending));
    if (wants_no_more(c)) {
        buf_done(&c->pending);
        return;
    }
    buf_drop(&c->pending, took);
    if (c->zip && !zipped) /* COMPRESS was in it: what follows is not plain */
        conn_zip_keep(c, buf_slice(&c->pending));
    if (c->pending.n == 0 || (c->zip && !zipped))
        buf_done(&c->pending);
    else if (!c->paused && took == 0 && (int64_t)c->pending.n >= setting_get(&set_io_pending_max))
        conn_end(c, CONN_END_LOCAL, "input over io.pending_max");
}

static void keep_rest(struct conn *c, struct slice rest, bool zipped)
{
    if (rest.n == 0 || wants_no_more(c))
        return;
    c->pending.max = (size_t)setting_get(&set_io_pending_max) + LOOP_READ_SIZE;
    if (c->zip && !zipped)
        conn_zip_keep(c, rest);
    else if (buf_add(&c->pending, rest))
        conn_end(c, CONN_END_LOCAL, "input over io.pending_max");
}

static void deliver(struct conn *c, struct slice s)
{
    bool zipped = c->zip != NULL;
    if (c->pending.n == 0)
        keep_rest(c, slice_from(s, call_input(c, s)), zipped);
    else if (buf_add(&c->pending, s))
        conn_end(c, CONN_END_LOCAL, "input over io.pending_max");
    else
        offer_pending(c);
}

/* One step of taking input: 1 when something was done, 0 when more bytes are needed. */
static int step(struct conn *c, size_t *ret_n)
{
    struct slice s;
    if (c->state == CONN_PROXY)
        return proxy_step(c) == 0;
    if (c->state == CONN_HANDSHAKE)
        return conn_tls_handshake(c) == 0;
    int got = c->zip ? conn_zip_pull(c, &s) : conn_plain_pull(c, &s);
    if (got <= 0)
        return 0;
    *ret_n += s.n;
    deliver(c, s);
    return 1;
}

void conn_take_input(struct conn *c)
{
    size_t total = 0;
    size_t kept = c->keep.n;
    if (c->offer && c->state == CONN_OPEN && !conn_blocked(c))
        offer_pending(c);
    if (kept)
        c->loop->wire = buf_slice(&c->keep);
    while (!conn_blocked(c) && total < TURN_MAX) {
        if (!step(c, &total))
            break;
    }
    if (total >= TURN_MAX)
        conn_ready(c);
    if (c->tls_wanted || c->ending || c->state == CONN_FLUSHING) {
        if (c->tls_wanted)
            drop_behind_starttls(c, c->loop->wire.n);
        c->loop->wire = SNONE;
        buf_done(&c->pending);
    }
    if (c->zip)
        conn_zip_settle(c);
    if (kept)
        buf_drop(&c->keep, kept - c->loop->wire.n);
    else if (c->loop->wire.n)
        BUG_IF(buf_add(&c->keep, c->loop->wire));
    c->loop->wire = SNONE;
    if (c->keep.n == 0)
        buf_done(&c->keep);
    wire_end(c);
}

void conn_peer_done(struct conn *c)
{
    c->state = CONN_FLUSHING;
    c->why = CONN_END_PEER;
    conn_dirty(c);
}

static void peer_closed(struct conn *c)
{
    c->eof = true;
    conn_want_read(c, false);
    if (c->state == CONN_OPEN) {
        conn_peer_done(c);
    } else if (c->state != CONN_FLUSHING) {
        conn_end(c, CONN_END_PEER, "the peer closed");
    }
}

void conn_readable(struct conn *c)
{
    /* First what we have: it is decoded in turns, and an end of input must not overtake what is
       about to be offered again. */
    if (c->keep.n || c->offer) {
        conn_take_input(c);
        return;
    }
    ssize_t n = recv(c->fd, c->loop->read_buf, sizeof(c->loop->read_buf), 0);
    if (n > 0) {
        metric_add(&metric_net_in_bytes, 0, n);
        c->bytes_in += (uint64_t)n;
        c->last_in = clock_mono_ms();
        if (c->tls_on && c->tls_freed) {
            c->tls_freed = false;
            conn_arm(c);
        }
        c->loop->wire = slice_of(c->loop->read_buf, (size_t)n);
        conn_take_input(c);
    } else if (n == 0) {
        peer_closed(c);
    } else if (errno != EAGAIN && errno != EINTR) {
        conn_end(c, CONN_END_PEER, "%s", strerror(errno));
    }
}

void conn_lingering(struct conn *c)
{
    ssize_t n = recv(c->fd, c->loop->read_buf, sizeof(c->loop->read_buf), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->lingered += n > 0 ? (uint32_t)n : 0;
    if (n <= 0 || c->lingered > LINGER_MAX)
        conn_end(c, CONN_END_LOCAL, "lingered");
}
