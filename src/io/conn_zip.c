/* conn_zip.c - DEFLATE in both directions (RFC 4978): raw deflate without zlib header, a sync flush
   after every flush of output. Inflating goes 16 KB at a time and stops when the server pauses, so
   that a bomb costs the sender as many turns as it costs us; nothing inflated is stored. */
#include <stdlib.h>

#include <zlib.h>

#include "base/metric.h"
#include "io/conn_internal.h"

METRIC_COUNTER(deflate_connections, "Connections that turned compression on.");

enum { WINDOW_BITS = -15, MEMORY_LEVEL = 8 };

struct conn_zip {
    z_stream in, out;
    struct slice input; /* not yet inflated: borrowed, or in keep */
    struct buf keep;
    bool ended;
};

void conn_compress(struct conn *c)
{
    BUG_IF(c->zip);
    if (c->state != CONN_OPEN || c->ending)
        return;
    struct conn_zip *z = calloc(1, sizeof(*z));
    BUG_IF(!z);
    if (inflateInit2(&z->in, WINDOW_BITS) != Z_OK) {
        free(z);
        conn_end(c, CONN_END_LOCAL, "no memory for compression");
        return;
    }
    if (deflateInit2(&z->out, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        inflateEnd(&z->in);
        free(z);
        conn_end(c, CONN_END_LOCAL, "no memory for compression");
        return;
    }
    c->zip = z;
    c->out_plain = c->out_n;
    metric_inc(&metric_deflate_connections);
    if (!c->in_input && c->pending.n) {
        conn_zip_keep(c, buf_slice(&c->pending));
        buf_done(&c->pending);
        conn_ready(c);
    }
}

bool conn_is_compressed(struct conn *c)
{
    return c->zip != NULL;
}

void conn_zip_free(struct conn *c)
{
    struct conn_zip *z = c->zip;
    if (!z)
        return;
    inflateEnd(&z->in);
    deflateEnd(&z->out);
    buf_done(&z->keep);
    free(z);
    c->zip = NULL;
}

void conn_zip_keep(struct conn *c, struct slice s)
{
    BUG_IF(c->zip->input.n);
    BUG_IF(buf_add(&c->zip->keep, s));
    c->zip->input = buf_slice(&c->zip->keep);
}

void conn_zip_settle(struct conn *c)
{
    struct conn_zip *z = c->zip;
    struct slice rest = z->input;
    if (rest.n == 0) {
        buf_done(&z->keep);
        return;
    }
    if (z->keep.n && rest.p >= z->keep.p && rest.p < z->keep.p + z->keep.n) {
        buf_drop(&z->keep, z->keep.n - rest.n);
    } else {
        buf_reset(&z->keep);
        BUG_IF(buf_add(&z->keep, rest));
    }
    z->input = buf_slice(&z->keep);
}

int conn_zip_pull(struct conn *c, struct slice *ret)
{
    struct conn_zip *z = c->zip;
    struct loop *l = c->loop;
    for (;;) {
        if (z->ended) {
            conn_peer_done(c);
            return -1;
        }
        z->in.next_in = (Bytef *)(uintptr_t)z->input.p;
        z->in.avail_in = (uInt)z->input.n;
        z->in.next_out = (Bytef *)l->zip_buf;
        z->in.avail_out = sizeof(l->zip_buf);
        int rc = inflate(&z->in, Z_SYNC_FLUSH);
        z->input = slice_from(z->input, z->input.n - z->in.avail_in);
        size_t made = sizeof(l->zip_buf) - z->in.avail_out;
        if (rc == Z_STREAM_END)
            z->ended = true;
        else if (rc != Z_OK && rc != Z_BUF_ERROR) {
            conn_end(c, CONN_END_PEER, "deflate: %s", z->in.msg ? z->in.msg : "damaged");
            return -1;
        }
        if (made) {
            *ret = slice_of(l->zip_buf, made);
            return 1;
        }
        if (z->ended || z->input.n)
            continue;
        int got = conn_plain_pull(c, &z->input);
        if (got <= 0)
            return got;
    }
}

void conn_zip_put(struct conn *c, struct slice s, bool flush)
{
    struct conn_zip *z = c->zip;
    struct loop *l = c->loop;
    z->out.next_in = (Bytef *)(uintptr_t)s.p;
    z->out.avail_in = (uInt)s.n;
    do {
        z->out.next_out = (Bytef *)l->zip_buf;
        z->out.avail_out = sizeof(l->zip_buf);
        int rc = deflate(&z->out, flush ? Z_SYNC_FLUSH : Z_NO_FLUSH);
        BUG_IF(rc == Z_STREAM_ERROR);
        conn_plain_put(c, slice_of(l->zip_buf, sizeof(l->zip_buf) - z->out.avail_out));
    } while (z->out.avail_out == 0 && !c->ending);
}
