/* zip_fuzz.c - a connection that has turned compression on is sent any bytes in any pieces: the
   server must see what zlib makes of them, or the beginning of it when they are damaged. */
#include <pthread.h>

#include <zlib.h>

#include "base/fd.h"
#include "io/fuzz_server.h"

enum { PLAIN_MAX = 8 << 20 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t ended;
    struct buf got;
    bool closed;
} server = {.lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER};

static void opened(struct conn *c)
{
    (void)c;
}

static size_t input(struct conn *c, struct slice in)
{
    if (!conn_is_compressed(c)) {
        conn_compress(c);
        return 1;
    }
    if (server.got.n < PLAIN_MAX)
        buf_add(&server.got, in);
    return in.n;
}

static void idle(struct conn *c)
{
    conn_close(c);
}

static void closed(struct conn *c, enum conn_end why, const char *text)
{
    (void)c;
    (void)why;
    (void)text;
    pthread_mutex_lock(&server.lock);
    server.closed = true;
    pthread_cond_signal(&server.ended);
    pthread_mutex_unlock(&server.lock);
}

static const struct conn_ops ops = {
    .opened = opened, .input = input, .idle = idle, .closed = closed};

static void through_server(struct slice in, enum fuzz_split split)
{
    buf_reset(&server.got);
    server.closed = false;
    AUTO_FD fd = fuzz_server_connect();
    if (fuzz_server_send(&fd, S("C")))
        fuzz_feed(in, split, fuzz_server_send, &fd);
    shutdown(fd, SHUT_WR);
    pthread_mutex_lock(&server.lock);
    while (!server.closed)
        pthread_cond_wait(&server.ended, &server.lock);
    pthread_mutex_unlock(&server.lock);
}

/* True when all of it is sound. */
static bool through_zlib(struct slice in, struct buf *out)
{
    z_stream z = {0};
    int rc = Z_OK;
    BUG_IF(inflateInit2(&z, -15) != Z_OK);
    z.next_in = (Bytef *)(uintptr_t)in.p;
    z.avail_in = (uInt)in.n;
    while (rc == Z_OK && out->n < PLAIN_MAX) {
        char *room = buf_space(out, 65536);
        z.next_out = (Bytef *)room;
        z.avail_out = 65536;
        rc = inflate(&z, Z_SYNC_FLUSH);
        out->n += 65536 - z.avail_out;
        if (z.avail_in == 0 && z.avail_out)
            break;
    }
    inflateEnd(&z);
    return rc == Z_OK || rc == Z_STREAM_END || rc == Z_BUF_ERROR;
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    BUF_SCOPE want = {0};
    fuzz_server_start("zip", &ops);
    bool sound = through_zlib(in, &want);
    for (int split = FUZZ_WHOLE; split < FUZZ_SPLITS; split += 2) {
        through_server(in, (enum fuzz_split)split);
        struct slice got = slice_sub(buf_slice(&server.got), 0, PLAIN_MAX);
        BUG_IF(!slice_starts(slice_sub(buf_slice(&want), 0, PLAIN_MAX), got));
        BUG_IF(sound && got.n != (want.n < PLAIN_MAX ? want.n : PLAIN_MAX));
    }
    return 0;
}
