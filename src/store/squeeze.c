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
static struct shelf {
    void *context[KEPT];
    size_t n;
} packing, unpacking; /* ZSTD_CCtx, ZSTD_DCtx */
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

/* NULL: there is none. */
static void *take(struct shelf *s)
{
    pthread_mutex_lock(&lock);
    void *context = s->n ? s->context[--s->n] : NULL;
    pthread_mutex_unlock(&lock);
    return context;
}

/* What is left to be freed: NULL, or the context when there is no room. */
static void *put_back(struct shelf *s, void *context)
{
    pthread_mutex_lock(&lock);
    if (s->n < KEPT) {
        s->context[s->n++] = context;
        context = NULL;
    }
    pthread_mutex_unlock(&lock);
    return context;
}

__attribute__((destructor)) static void kept_free(void)
{
    while (packing.n)
        ZSTD_freeCCtx(packing.context[--packing.n]);
    while (unpacking.n)
        ZSTD_freeDCtx(unpacking.context[--unpacking.n]);
    for (size_t d = 0; d < SQUEEZE_KNOWN; d++) {
        for (size_t i = 0; i < sizeof packers[d] / sizeof *packers[d]; i++)
            ZSTD_freeCDict(packers[d][i]);
        ZSTD_freeDDict(unpackers[d]);
    }
}

size_t squeeze(enum squeeze_dictionary d, int level, struct slice content, char *room, size_t most)
{
    ZSTD_CCtx *c = take(&packing);
    if (!c)
        c = ZSTD_createCCtx();
    BUG_IF(!c);
    size_t n = d == SQUEEZE_BARE ? ZSTD_compressCCtx(c, room, most, content.p, content.n, level)
                                 : ZSTD_compress_usingCDict(c, room, most, content.p, content.n,
                                                            packer(d, level));
    ZSTD_freeCCtx(put_back(&packing, c));
    return ZSTD_isError(n) ? 0 : n;
}

/* Sixteenths of a bit that a letter of these bytes takes when each is coded by itself: Shannon's
   entropy, with logarithms that are straight between the powers of two. */
static unsigned letter_bits(struct slice bytes)
{
    enum { UNIT = 64 };
    unsigned counts[256] = {0};
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes.n; i++)
        counts[(unsigned char)bytes.p[i]]++;
    for (size_t i = 0; i <= 256; i++) {
        unsigned n = i < 256 ? counts[i] : (unsigned)bytes.n;
        if (n == 0)
            continue;
        unsigned log = 31 - (unsigned)__builtin_clz(n);
        uint64_t bits = log * UNIT + (((uint64_t)n * UNIT) >> log) - UNIT;
        sum = i < 256 ? sum + n * bits : n * bits - sum;
    }
    return (unsigned)(sum / bytes.n / (UNIT / 16));
}

bool squeeze_pays(struct slice content, char *room)
{
    enum { LETTERS = 1024, SAMPLE = 4096, SURELY = 5 * 16 + 8, HARDLY = 7 * 16 };
    size_t n = content.n < LETTERS ? content.n : LETTERS;
    unsigned bits = letter_bits(slice_of(content.p + (content.n - n) / 2, n));
    if (bits <= SURELY || bits >= HARDLY)
        return bits <= SURELY;
    n = content.n < SAMPLE ? content.n : SAMPLE;
    return squeeze(SQUEEZE_BARE, 1, slice_of(content.p + (content.n - n) / 2, n), room,
                   n - n * 3 / 10) > 0;
}

int unsqueeze(enum squeeze_dictionary d, struct slice packed, char *out, size_t want)
{
    ZSTD_DCtx *c = take(&unpacking);
    if (!c)
        c = ZSTD_createDCtx();
    BUG_IF(!c);
    size_t n = d == SQUEEZE_BARE
                   ? ZSTD_decompressDCtx(c, out, want, packed.p, packed.n)
                   : ZSTD_decompress_usingDDict(c, out, want, packed.p, packed.n, unpacker(d));
    ZSTD_freeDCtx(put_back(&unpacking, c));
    return ZSTD_isError(n) || n != want ? -1 : 0;
}
