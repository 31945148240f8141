/* conn_out.c - output: the server's writes gather in chunks and leave at the end of the loop's
   turn. In plain text the chunks go to the socket as they are (one sendmsg for up to 16). Through
   DEFLATE and TLS they are encoded into the loop's wire_buf and sent with one call; only what the
   socket does not take is copied to the connection (wire_out). */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/conn_internal.h"

SETTING(io, output_max, SIZE, 64 * MiB, 1 * MiB, 4 * GiB,
        "Unsent output of one connection; more ends it.");
METRIC_COUNTER(net_out_bytes, "Bytes sent to the network, as on the wire.");

enum {
    CHUNK_MIN = 2048,
    COPY_MAX = 2048,         /* buffers that small are copied into the last chunk */
    ENCODE_STEP = 16 * 1024, /* one TLS record */
    IOV_MAX_OURS = 16,
};

/* --- chunks ------------------------------------------------------------------------------- */
void conn_out_free(struct conn *c)
{
    while (c->out) {
        struct out_chunk *next = c->out->next;
        free(c->out->p);
        free(c->out);
        c->out = next;
    }
    c->out_last = NULL;
    c->out_n = 0;
}

static void chunk_push(struct conn *c, char *p, size_t n, size_t cap)
{
    struct out_chunk *k = malloc(sizeof(*k));
    BUG_IF(!k);
    *k = (struct out_chunk){.p = p, .n = n, .cap = cap};
    if (c->out_last)
        c->out_last->next = k;
    else
        c->out = k;
    c->out_last = k;
}

static void out_took(struct conn *c, size_t n)
{
    c->out_n -= n;
    c->out_plain -= c->out_plain < n ? c->out_plain : n;
    while (n) {
        struct out_chunk *k = c->out;
        size_t here = k->n - k->at < n ? k->n - k->at : n;
        k->at += here;
        n -= here;
        if (k->at < k->n)
            break;
        c->out = k->next;
        if (!c->out)
            c->out_last = NULL;
        free(k->p);
        free(k);
    }
}

static bool may_write(struct conn *c, size_t n)
{
    if (c->ending || c->state != CONN_OPEN)
        return false;
    if ((int64_t)(conn_unsent(c) + n) > setting_get(&set_io_output_max)) {
        conn_end(c, CONN_END_LOCAL, "output over io.output_max");
        return false;
    }
    return true;
}

static void added(struct conn *c, size_t n)
{
    bool first = conn_unsent(c) == 0;
    c->out_n += n;
    if (first) {
        c->last_out = clock_mono_ms();
        conn_arm(c);
    }
    conn_dirty(c);
}

size_t conn_unsent(struct conn *c)
{
    return c->out_n + c->wire_out.n;
}

void conn_write(struct conn *c, struct slice s)
{
    if (s.n == 0 || !may_write(c, s.n))
        return;
    added(c, s.n);
    struct out_chunk *k = c->out_last;
    if (k && k->cap - k->n) {
        size_t room = k->cap - k->n, here = s.n < room ? s.n : room;
        memcpy(k->p + k->n, s.p, here);
        k->n += here;
        s = slice_from(s, here);
    }
    if (s.n == 0)
        return;
    size_t cap = s.n < CHUNK_MIN ? CHUNK_MIN : s.n;
    if (c->out && cap < ENCODE_STEP) /* the second chunk of a turn: more will come */
        cap = ENCODE_STEP;
    char *p = malloc(cap);
    BUG_IF(!p);
    memcpy(p, s.p, s.n);
    chunk_push(c, p, s.n, cap);
}

void conn_printf(struct conn *c, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    BUG_IF(n < 0);
    if ((size_t)n < sizeof(text)) {
        conn_write(c, slice_of(text, (size_t)n));
        return;
    }
    struct buf b = {0};
    va_start(ap, fmt);
    int rc = buf_addv(&b, fmt, ap);
    va_end(ap);
    if (rc)
        conn_end(c, CONN_END_LOCAL, "output over io.output_max");
    else
        conn_write_buf(c, &b);
    buf_done(&b);
}

void conn_write_buf(struct conn *c, struct buf *b)
{
    if (b->failed) { /* a hole in an answer would be taken for another answer */
        buf_done(b);
        conn_close(c);
        return;
    }
    if (b->n <= COPY_MAX) {
        conn_write(c, buf_slice(b));
        buf_done(b);
        return;
    }
    if (!may_write(c, b->n)) {
        buf_done(b);
        return;
    }
    added(c, b->n);
    chunk_push(c, b->p, b->n, b->cap);
    *b = (struct buf){.max = b->max};
}

/* --- the wire ----------------------------------------------------------------------------- */
/* Sends what it can; returns the bytes taken. */
static size_t send_some(struct conn *c, const struct iovec *iov, size_t n_iov)
{
    struct msghdr m = {.msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = n_iov};
    ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN && errno != EINTR)
        conn_end(c, CONN_END_PEER, "%s", strerror(errno));
    if (n <= 0)
        return 0;
    metric_add(&metric_net_out_bytes, 0, n);
    c->bytes_out += (uint64_t)n;
    c->last_out = clock_mono_ms();
    return (size_t)n;
}

static size_t send_slice(struct conn *c, struct slice s)
{
    struct iovec iov = {.iov_base = (void *)(uintptr_t)s.p, .iov_len = s.n};
    return s.n ? send_some(c, &iov, 1) : 0;
}

static void wire_spill(struct conn *c, struct slice s)
{
    bool first = conn_unsent(c) == 0;
    c->wire_out.max = SIZE_MAX / 2;
    BUG_IF(buf_add(&c->wire_out, s));
    if (first) {
        c->last_out = clock_mono_ms();
        conn_arm(c);
    }
}

/* wire_buf goes out; what the socket does not take goes behind wire_out. */
static void wire_push(struct conn *c)
{
    struct loop *l = c->loop;
    struct slice s = slice_of(l->wire_buf, l->wire_n);
    l->wire_n = 0;
    if (c->wire_out.n == 0)
        s = slice_from(s, send_slice(c, s));
    if (s.n && !c->ending)
        wire_spill(c, s);
}

void wire_put(struct conn *c, struct slice s)
{
    struct loop *l = c->loop;
    BUG_IF(l->wire_owner && l->wire_owner != c);
    l->wire_owner = c;
    while (s.n) {
        size_t room = LOOP_WIRE_SIZE - l->wire_n, here = s.n < room ? s.n : room;
        memcpy(l->wire_buf + l->wire_n, s.p, here);
        l->wire_n += here;
        s = slice_from(s, here);
        if (l->wire_n == LOOP_WIRE_SIZE)
            wire_push(c);
    }
}

void wire_end(struct conn *c)
{
    struct loop *l = c->loop;
    if (l->wire_owner == c) {
        wire_push(c);
        l->wire_owner = NULL;
    }
    if (c->wire_out.n)
        conn_want_write(c, true);
}

/* --- flushing ----------------------------------------------------------------------------- */
static void flush_wire_out(struct conn *c)
{
    buf_drop(&c->wire_out, send_slice(c, buf_slice(&c->wire_out)));
    if (c->wire_out.n == 0)
        buf_done(&c->wire_out);
}

static void flush_plain(struct conn *c)
{
    while (c->out) {
        struct iovec iov[IOV_MAX_OURS];
        size_t n = 0, bytes = 0;
        for (struct out_chunk *k = c->out; k && n < IOV_MAX_OURS; k = k->next, n++) {
            iov[n] = (struct iovec){.iov_base = k->p + k->at, .iov_len = k->n - k->at};
            bytes += iov[n].iov_len;
        }
        size_t took = send_some(c, iov, n);
        out_took(c, took);
        if (took < bytes)
            return;
    }
}

void conn_plain_put(struct conn *c, struct slice s)
{
    if (c->tls_on)
        conn_tls_put(c, s);
    else
        wire_put(c, s);
}

static void flush_encoded(struct conn *c)
{
    bool zipped = false;
    while (c->out && c->wire_out.n == 0 && !c->ending) {
        struct out_chunk *k = c->out;
        struct slice s = slice_sub(slice_of(k->p, k->n), k->at, k->at + ENCODE_STEP);
        bool zip = c->zip && c->out_plain == 0;
        if (c->zip && !zip)
            s = slice_sub(s, 0, c->out_plain);
        if (zip)
            conn_zip_put(c, s, false);
        else
            conn_plain_put(c, s);
        zipped |= zip;
        out_took(c, s.n);
    }
    if (zipped && !c->out && !c->ending)
        conn_zip_put(c, SNONE, true);
}

static void all_sent(struct conn *c)
{
    if (c->state == CONN_FLUSHING) {
        if (c->tls_on) {
            conn_tls_shutdown(c);
            wire_end(c);
        }
        if (!c->ending && conn_unsent(c) == 0)
            conn_end(c, (enum conn_end)c->why, "%s",
                     c->why == CONN_END_PEER ? "the peer closed" : "closed");
        return;
    }
    if (c->tls_wanted) {
        c->tls_wanted = false;
        conn_tls_begin(c);
        conn_ready(c);
        return;
    }
    if (!c->poll_read || c->keep.n || c->offer || (c->tls_on && conn_tls_pending(c)) || c->zip)
        conn_ready(c); /* input may have waited for this */
    if (c->state == CONN_OPEN && c->ops->drained)
        c->ops->drained(c);
}

void conn_flush(struct conn *c)
{
    bool had = conn_unsent(c) > 0;
    if (c->wire_out.n)
        flush_wire_out(c);
    if (c->wire_out.n == 0 && c->out) {
        if (c->tls_on || c->zip)
            flush_encoded(c);
        else
            flush_plain(c);
    }
    wire_end(c);
    if (c->ending)
        return;
    conn_want_write(c, conn_unsent(c) > 0);
    if (conn_unsent(c) > 0)
        return;
    if (had || c->state == CONN_FLUSHING || c->tls_wanted)
        all_sent(c);
}
