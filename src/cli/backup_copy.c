/* backup_copy.c - bytes in and out of a backup, hashed as they go by. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <zstd.h>

#include "base/fd.h"
#include "cli/ask.h"
#include "cli/backup.h"

enum { PIECE = 1 << 20, LEVEL = 3 };

struct hasher {
    EVP_MD_CTX *ctx;
};

static void hash_begin(struct hasher *h)
{
    h->ctx = EVP_MD_CTX_new();
    BUG_IF(!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1);
}

static void hash_add(struct hasher *h, const void *p, size_t n)
{
    BUG_IF(EVP_DigestUpdate(h->ctx, p, n) != 1);
}

static int tick(const struct backup_tick *t, uint64_t bytes, struct err *e)
{
    return t && t->fn ? t->fn(t->arg, bytes, e) : 0;
}

/* A piece of the source: its length, 0 at the end, -1. */
static ssize_t piece(int fd, char *p, size_t n, const char *name, struct err *e)
{
    ssize_t got;
    do
        got = read(fd, p, n);
    while (got < 0 && errno == EINTR);
    return got < 0 ? err_errno(e, ERR_IO, "%s", name) : got;
}

struct zstd_file {
    int in, out;
    const char *from, *to;
    char *plain, *packed;
    struct hasher hash;
    uint64_t stored;
    const struct backup_tick *tick;
};

static int put_packed(struct zstd_file *z, const ZSTD_outBuffer *o, struct err *e)
{
    hash_add(&z->hash, o->dst, o->pos);
    z->stored += o->pos;
    return fd_write_all(z->out, o->dst, o->pos) ? err_errno(e, ERR_IO, "%s", z->to) : 0;
}

static int compress_all(struct zstd_file *z, ZSTD_CCtx *c, struct err *e)
{
    ssize_t n;
    do {
        if ((n = piece(z->in, z->plain, PIECE, z->from, e)) < 0 || tick(z->tick, (uint64_t)n, e))
            return -1;
        ZSTD_inBuffer in = {z->plain, (size_t)n, 0};
        size_t left;
        do {
            ZSTD_outBuffer out = {z->packed, PIECE, 0};
            left = ZSTD_compressStream2(c, &out, &in, n ? ZSTD_e_continue : ZSTD_e_end);
            if (ZSTD_isError(left))
                return err_set(e, ERR_IO, "%s: %s", z->to, ZSTD_getErrorName(left));
            if (put_packed(z, &out, e))
                return -1;
        } while (n ? in.pos < in.size : left > 0);
    } while (n);
    return fsync(z->out) ? err_errno(e, ERR_IO, "%s", z->to) : 0;
}

static int zstd_open(struct zstd_file *z, const char *from, const char *to,
                     const struct backup_tick *t, struct err *e)
{
    *z = (struct zstd_file){.in = -1, .out = -1, .from = from, .to = to, .tick = t};
    z->plain = malloc(PIECE);
    z->packed = malloc(PIECE);
    BUG_IF(!z->plain || !z->packed);
    hash_begin(&z->hash);
    z->in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (z->in < 0)
        return err_errno(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s", from);
    if (to)
        z->out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    return to && z->out < 0 ? err_errno(e, ERR_IO, "%s", to) : 0;
}

static void zstd_close(struct zstd_file *z, char hash[BACKUP_HASH + 1])
{
    backup_hash_end(z->hash.ctx, hash);
    fd_closep(&z->in);
    fd_closep(&z->out);
    free(z->plain);
    free(z->packed);
}

int backup_pack_file(const char *from, const char *to, char ret_hash[BACKUP_HASH + 1],
                     uint64_t *ret_stored, const struct backup_tick *t, struct err *e)
{
    struct zstd_file z;
    ZSTD_CCtx *c = ZSTD_createCCtx();
    BUG_IF(!c);
    ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL);
    int r = zstd_open(&z, from, to, t, e) || compress_all(&z, c, e) ? -1 : 0;
    *ret_stored = z.stored;
    ZSTD_freeCCtx(c);
    zstd_close(&z, ret_hash);
    return r;
}

static int expand_all(struct zstd_file *z, ZSTD_DCtx *d, struct err *e)
{
    ssize_t n;
    size_t left = 1;
    while ((n = piece(z->in, z->packed, PIECE, z->from, e)) > 0) {
        ZSTD_inBuffer in = {z->packed, (size_t)n, 0};
        hash_add(&z->hash, z->packed, (size_t)n);
        while (in.pos < in.size) {
            ZSTD_outBuffer out = {z->plain, PIECE, 0};
            left = ZSTD_decompressStream(d, &out, &in);
            if (ZSTD_isError(left))
                return err_set(e, ERR_CORRUPT, "%s is damaged: %s", z->from,
                               ZSTD_getErrorName(left));
            if (z->to && fd_write_all(z->out, out.dst, out.pos))
                return err_errno(e, ERR_IO, "%s", z->to);
            if (tick(z->tick, out.pos, e))
                return -1;
        }
    }
    if (n == 0 && left)
        return err_set(e, ERR_CORRUPT, "%s is damaged: its end is missing", z->from);
    return n < 0 ? -1 : z->to && fsync(z->out) ? err_errno(e, ERR_IO, "%s", z->to) : 0;
}

int backup_unpack_file(const char *from, const char *to, const char *hash,
                       const struct backup_tick *t, struct err *e)
{
    struct zstd_file z;
    char found[BACKUP_HASH + 1];
    ZSTD_DCtx *d = ZSTD_createDCtx();
    BUG_IF(!d);
    int r = zstd_open(&z, from, to, t, e) || expand_all(&z, d, e) ? -1 : 0;
    ZSTD_freeDCtx(d);
    zstd_close(&z, found);
    if (r == 0 && strcmp(hash, found) != 0)
        return err_set(e, ERR_CORRUPT, "%s is damaged: not the bytes of the manifest", from);
    return r;
}

int backup_copy_range(int from_fd, int to_fd, uint64_t from, uint64_t to,
                      char ret_hash[BACKUP_HASH + 1], const struct backup_tick *t, struct err *e)
{
    struct hasher h;
    char *p = malloc(PIECE);
    int r = 0;
    BUG_IF(!p);
    hash_begin(&h);
    while (from < to && r == 0) {
        size_t n = to - from < PIECE ? (size_t)(to - from) : PIECE;
        ptrdiff_t got = fd_pread_full(from_fd, p, n, (int64_t)from);
        if (got < 0)
            r = err_errno(e, ERR_IO, "reading");
        else if ((size_t)got < n)
            r = err_set(e, ERR_CORRUPT, "the file ends at %llu",
                        (unsigned long long)from + (unsigned long long)got);
        else if (to_fd >= 0 && fd_pwrite_all(to_fd, p, n, (int64_t)from))
            r = err_errno(e, ERR_IO, "writing");
        else
            r = tick(t, n, e);
        hash_add(&h, p, n);
        from += n;
    }
    free(p);
    backup_hash_end(h.ctx, ret_hash);
    return r;
}

static int take_segments(int in, int out, const json_t *row, const char *path,
                         const struct backup_tick *t, struct err *e)
{
    size_t k;
    const json_t *segment;
    char hash[BACKUP_HASH + 1];
    int64_t at = 0;
    json_array_foreach(json_object_get(row, "segments"), k, segment)
    {
        int64_t from = json_integer_value(json_array_get(segment, 0));
        int64_t to = json_integer_value(json_array_get(segment, 1));
        const char *want = json_string_value(json_array_get(segment, 2));
        struct err why = {0};
        if (from != at || to < from || !want)
            return err_set(e, ERR_CORRUPT, "%s: the manifest has a gap at %lld", path,
                           (long long)at);
        if (backup_copy_range(in, out, (uint64_t)from, (uint64_t)to, hash, t, &why))
            return err_set(e, why.code, "%s: %s", path, why.text);
        if (strcmp(hash, want) != 0)
            return err_set(e, ERR_CORRUPT, "%s is damaged between %lld and %lld", path,
                           (long long)from, (long long)to);
        at = to;
    }
    return at == json_number(row, "length")
               ? 0
               : err_set(e, ERR_CORRUPT, "%s: it ends at %lld", path, (long long)at);
}

int backup_take_pack(const struct backup_set *s, const json_t *row, const char *to,
                     const struct backup_tick *t, struct err *e)
{
    char path[8192];
    backup_pack_path(s, json_number(row, "shard"), json_number(row, "pack"), path, sizeof(path));
    AUTO_FD in = open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return err_errno(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s", path);
    AUTO_FD out = to ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (to && out < 0)
        return err_errno(e, ERR_IO, "%s", to);
    if (take_segments(in, out, row, path, t, e))
        return -1;
    return to && fsync(out) ? err_errno(e, ERR_IO, "%s", to) : 0;
}
