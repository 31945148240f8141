/* frame.c - compressing and checking the frames of a blob. */
#include "store/frame.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/evp.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/budget.h"
#include "base/fd.h"
#include "base/setting.h"
#include "store/recode.h"
#include "store/squeeze.h"

SETTING(
    store, zstd_level, INT, 1, -5, 19,
    "Compression level of stored messages. Higher is smaller and slower to store. Below 0 text is "
    "a third larger, and read with half the processor time. 0 is 3.");

SETTING(store, compress, BOOL, 1, 0, 1,
        "Whether messages are compressed before they are stored. Those that are there can be read "
        "either way.");

SETTING(store, staging_memory, SIZE, 64 * MiB, 0, 16 * GiB,
        "So much memory may messages over 256 KB have together while they wait for their commit. "
        "Where it does not do they wait in temporary files.");

enum { LARGE = 16384 }; /* a frame that is not packed to see whether it pays */

static struct budget staging;

/* Asking for the algorithm by its name at each message would look it up each time. */
static pthread_once_t hash_once = PTHREAD_ONCE_INIT;
static EVP_MD *hash_kind;

static void hash_find(void)
{
    hash_kind = EVP_MD_fetch(NULL, "SHA256", NULL);
}

__attribute__((destructor)) static void hash_free(void)
{
    EVP_MD_free(hash_kind);
    hash_kind = NULL;
}

/* Bytes that it takes packed, at `room`; 0: it is stored plain. */
static size_t pack(struct slice content, char *room)
{
    int level = (int)setting_get(&set_store_zstd_level);
    if (content.n >= LARGE && !squeeze_pays(content, room))
        return 0;
    return squeeze(SQUEEZE_MAIL, level, content, room, content.n - content.n * 3 / 10);
}

/* The frame to be stored at `room`, which has content.n bytes. *text: NULL, or FRAME_SIZE bytes. */
static struct frame store(struct slice content, char *room, char **text)
{
    struct frame fr = {.stored = (uint32_t)content.n};
    struct recode r;
    bool compress = setting_get(&set_store_compress);
    size_t first = compress ? recode_first(content) : content.n;
    if (first < content.n) {
        if (!*text)
            *text = malloc(FRAME_SIZE);
        BUG_IF(!*text);
        r.bytes = room;
        r.text = *text;
        fr.recoded = recode_apart(content, first, &r);
    }
    size_t at = 0;
    if (fr.recoded) {
        at = r.bytes_n;
        content = slice_of(r.text, r.text_n);
    }
    size_t n = compress ? pack(content, room + at) : 0;
    if (n) {
        fr.packed = true;
        fr.dictionary = SQUEEZE_MAIL;
    } else {
        memcpy(room + at, content.p, content.n);
        n = content.n;
    }
    at += n;
    if (fr.recoded) {
        memcpy(room + at, r.plan, r.plan_n);
        at += r.plan_n;
    }
    fr.stored = (uint32_t)at;
    fr.sum = XXH3_64bits(room, at);
    return fr;
}

static void memory_done(struct frames *f)
{
    buf_done(&f->bytes);
    budget_give(&staging, (int64_t)f->granted);
    f->granted = 0;
}

/* What is in memory goes to the file. */
static int spill(struct frames *f, struct err *e)
{
    if (!f->in_file && fd_unnamed(f->dir, &f->file, e))
        return -1;
    f->in_file = true;
    if (fd_write_all(f->file, f->bytes.p, f->bytes.n))
        return err_errno(e, ERR_IO, "temporary file of the store");
    if (f->granted)
        memory_done(f);
    buf_reset(&f->bytes);
    return 0;
}

/* Room for n bytes more in memory. */
static bool fits(struct frames *f, size_t n)
{
    size_t want = f->bytes.n + n;
    if (!f->dir || want <= FRAMES_MEMORY || (!f->in_file && want <= f->granted))
        return true;
    if (f->in_file || want > FRAMES_MOST)
        return false;
    size_t grant = f->granted ? f->granted : FRAMES_MEMORY;
    while (grant < want)
        grant *= 2;
    if (!budget_take(&staging, (int64_t)(grant - f->granted),
                     setting_get(&set_store_staging_memory)))
        return false;
    f->granted = grant;
    return true;
}

static int frame_add(struct frames *f, struct slice content, char **text, struct err *e)
{
    if (!fits(f, content.n) && spill(f, e))
        return -1;
    char *room = content.n <= f->max - f->stored ? buf_space(&f->bytes, content.n) : NULL;
    if (!room)
        return err_set(e, ERR_LIMIT, "content is too large to store");
    struct frame fr = store(content, room, text);
    f->bytes.n += fr.stored;
    f->stored += fr.stored;
    if (f->n == f->cap) {
        f->cap = f->cap ? f->cap * 2 : 1;
        f->table = reallocarray(f->table, f->cap, sizeof *f->table);
        BUG_IF(!f->table);
    }
    f->table[f->n++] = fr;
    return 0;
}

/* The last ones go to the file, and what doubling took too much goes back. */
static int settle(struct frames *f, struct err *e)
{
    if (f->in_file) {
        if (spill(f, e))
            return -1;
        buf_done(&f->bytes);
    }
    if (f->bytes.n) {
        char *p = realloc(f->bytes.p, f->bytes.n);
        if (p) {
            f->bytes.p = p;
            f->bytes.cap = f->bytes.n;
        }
    }
    return 0;
}

int frames_make(struct frames *f, struct slice content, uint64_t max, const char *dir,
                struct err *e)
{
    char *text = NULL;
    int rc = 0;
    *f = (struct frames){.size = content.n, .max = max, .dir = dir};
    buf_init(&f->bytes, dir && max > 2 * FRAMES_MOST ? 2 * FRAMES_MOST : (size_t)max);
    pthread_once(&hash_once, hash_find);
    if (!hash_kind || EVP_Digest(content.p, content.n, f->hash, NULL, hash_kind, NULL) != 1)
        rc = err_set(e, ERR_BUG, "SHA-256 failed");
    for (size_t at = 0; rc == 0 && at < content.n; at += FRAME_SIZE)
        rc = frame_add(f, slice_sub(content, at, at + FRAME_SIZE), &text, e);
    free(text);
    if (rc == 0)
        rc = settle(f, e);
    if (rc)
        frames_done(f);
    return rc;
}

void frames_done(struct frames *f)
{
    memory_done(f);
    free(f->table);
    if (f->in_file)
        close(f->file);
    *f = (struct frames){0};
}

int frames_copy(const struct frames *f, int to, uint64_t at)
{
    char piece[FRAME_SIZE];
    for (uint64_t from = 0; from < f->stored;) {
        size_t n = f->stored - from < sizeof piece ? (size_t)(f->stored - from) : sizeof piece;
        ptrdiff_t got = fd_pread_full(f->file, piece, n, (int64_t)from);
        if (got >= 0 && got != (ptrdiff_t)n)
            errno = EIO;
        if (got != (ptrdiff_t)n || fd_pwrite_all(to, piece, n, (int64_t)(at + from)))
            return -1;
        from += n;
    }
    return 0;
}

/* The text of a recoded frame is unpacked to the end of out, where nothing is written before it has
   been read: what is left to write is never shorter than the text that is left. */
static int together(const struct frame *f, struct slice stored, char *out, size_t want,
                    struct err *e)
{
    struct recode_plan p;
    if (recode_plan(stored, want, &p, e))
        return -1;
    const char *text = stored.p + p.bytes_n;
    size_t n = (size_t)(p.runs.p - text);
    if (f->packed) {
        char *end = out + want - p.text_n;
        if (unsqueeze(f->dictionary, slice_of(text, n), end, p.text_n))
            return err_set(e, ERR_CORRUPT, "a frame does not decompress");
        text = end;
    } else if (n != p.text_n) {
        return err_set(e, ERR_CORRUPT, "a frame has the wrong length");
    }
    recode_together(&p, stored.p, text, out, want);
    return 0;
}

int frame_unpack(const struct frame *f, const char *stored, char *out, size_t want, struct err *e)
{
    if (XXH3_64bits(stored, f->stored) != f->sum)
        return err_set(e, ERR_CORRUPT, "checksum of a frame is wrong");
    if (f->recoded)
        return together(f, slice_of(stored, f->stored), out, want, e);
    if (!f->packed) {
        if (f->stored != want)
            return err_set(e, ERR_CORRUPT, "a frame has the wrong length");
        if (out != stored)
            memcpy(out, stored, want);
        return 0;
    }
    if (unsqueeze(f->dictionary, slice_of(stored, f->stored), out, want))
        return err_set(e, ERR_CORRUPT, "a frame does not decompress");
    return 0;
}

void frame_hash(struct slice content, unsigned char out[FRAME_HASH])
{
    BUG_IF(EVP_Digest(content.p, content.n, out, NULL, EVP_sha256(), NULL) != 1);
}
