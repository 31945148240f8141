/* squeeze.c - contexts of zstd are large, so the few that run at once are kept and used again. A
   dictionary is worked up once for each level that is used, and once for reading. */
#include "store/squeeze.h"

#include <pthread.h>
#include <stdatomic.h>

#include <zstd.h>

#include "base/err.h"

enum { KEPT = 16, LEVEL_LEAST = -5, LEVEL_MOST = 19 };

static const unsigned char mail[] = {
#include "store/squeeze/mail.inc"
};
static const unsigned char row[] = {
#include "store/squeeze/row.inc"
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    ZSTD_CCtx *c[KEPT];
    ZSTD_DCtx *d[KEPT];
    size_t nc, nd;
} kept;
static _Atomic(ZSTD_CDict *) packers[SQUEEZE_KNOWN][LEVEL_MOST - LEVEL_LEAST + 1];
static _Atomic(ZSTD_DDict *) unpackers[SQUEEZE_KNOWN];

struct slice squeeze_dictionary(enum squeeze_dictionary d)
{
    switch (d) {
    case SQUEEZE_MAIL:
        return slice_of(mail, sizeof mail);
    case SQUEEZE_ROW:
        return slice_of(row, sizeof row);
    default:
        return S("");
    }
}

static const ZSTD_CDict *packer(enum squeeze_dictionary d, int level)
{
    BUG_IF(level < LEVEL_LEAST || level > LEVEL_MOST);
    _Atomic(ZSTD_CDict *) *at = &packers[d][level - LEVEL_LEAST];
    ZSTD_CDict *have = atomic_load_explicit(at, memory_order_acquire);
    if (have)
        return have;
    struct slice s = squeeze_dictionary(d);
    ZSTD_CDict *made = ZSTD_createCDict(s.p, s.n, level);
    BUG_IF(!made);
    if (atomic_compare_exchange_strong(at, &have, made))
        return made;
    ZSTD_freeCDict(made); /* somebody else was faster */
    return have;
}

static const ZSTD_DDict *unpacker(enum squeeze_dictionary d)
{
    ZSTD_DDict *have = atomic_load_explicit(&unpackers[d], memory_order_acquire);
    if (have)
        return have;
    struct slice s = squeeze_dictionary(d);
    ZSTD_DDict *made = ZSTD_createDDict(s.p, s.n);
    BUG_IF(!made);
    if (atomic_compare_exchange_strong(&unpackers[d], &have, made))
        return made;
    ZSTD_freeDDict(made);
    return have;
}

static ZSTD_CCtx *packing_take(void)
{
    pthread_mutex_lock(&lock);
    ZSTD_CCtx *c = kept.nc ? kept.c[--kept.nc] : NULL;
    pthread_mutex_unlock(&lock);
    if (!c)
        c = ZSTD_createCCtx();
    BUG_IF(!c);
    return c;
}

static void packing_give(ZSTD_CCtx *c)
{
    pthread_mutex_lock(&lock);
    if (kept.nc < KEPT) {
        kept.c[kept.nc++] = c;
        c = NULL;
    }
    pthread_mutex_unlock(&lock);
    ZSTD_freeCCtx(c);
}

static ZSTD_DCtx *unpacking_take(void)
{
    pthread_mutex_lock(&lock);
    ZSTD_DCtx *d = kept.nd ? kept.d[--kept.nd] : NULL;
    pthread_mutex_unlock(&lock);
    if (!d)
        d = ZSTD_createDCtx();
    BUG_IF(!d);
    return d;
}

static void unpacking_give(ZSTD_DCtx *d)
{
    pthread_mutex_lock(&lock);
    if (kept.nd < KEPT) {
        kept.d[kept.nd++] = d;
        d = NULL;
    }
    pthread_mutex_unlock(&lock);
    ZSTD_freeDCtx(d);
}

__attribute__((destructor)) static void kept_free(void)
{
    while (kept.nc)
        ZSTD_freeCCtx(kept.c[--kept.nc]);
    while (kept.nd)
        ZSTD_freeDCtx(kept.d[--kept.nd]);
    for (size_t d = 0; d < SQUEEZE_KNOWN; d++) {
        for (size_t i = 0; i < sizeof packers[d] / sizeof *packers[d]; i++)
            ZSTD_freeCDict(packers[d][i]);
        ZSTD_freeDDict(unpackers[d]);
    }
}

size_t squeeze(enum squeeze_dictionary d, int level, struct slice content, char *room, size_t most)
{
    ZSTD_CCtx *c = packing_take();
    size_t n = d == SQUEEZE_BARE ? ZSTD_compressCCtx(c, room, most, content.p, content.n, level)
                                 : ZSTD_compress_usingCDict(c, room, most, content.p, content.n,
                                                            packer(d, level));
    packing_give(c);
    return ZSTD_isError(n) ? 0 : n;
}

int unsqueeze(enum squeeze_dictionary d, struct slice packed, char *out, size_t want)
{
    ZSTD_DCtx *c = unpacking_take();
    size_t n = d == SQUEEZE_BARE
                   ? ZSTD_decompressDCtx(c, out, want, packed.p, packed.n)
                   : ZSTD_decompress_usingDDict(c, out, want, packed.p, packed.n, unpacker(d));
    unpacking_give(c);
    return ZSTD_isError(n) || n != want ? -1 : 0;
}
