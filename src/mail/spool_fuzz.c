/* spool_fuzz.c - what goes into a spool comes out, whatever pieces it came in and whatever part is
   asked for. The first bytes say how often the rest is repeated, so that files are reached. */
#include "base/fuzz.h"
#include "mail/spool.h"

static bool feed(void *ctx, struct slice piece)
{
    BUG_IF(spool_add(ctx, piece, NULL));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    if (n < 4)
        return 0;
    struct slice in = slice_of(d + 3, n - 3);
    unsigned times = 1u + d[0];
    for (int split = FUZZ_WHOLE; split < FUZZ_SPLITS; split += 2) {
        struct spool s;
        BUF_SCOPE out = {0};
        spool_init(&s);
        for (unsigned i = 0; i < times; i++)
            fuzz_feed(in, (enum fuzz_split)split, feed, &s);
        BUG_IF(spool_flush(&s, NULL) || s.size != (uint64_t)in.n * times);
        uint64_t from = s.size * d[1] / 256, some = s.size * d[2] / 256;
        BUG_IF(spool_read(&s, from, some, &out, NULL));
        uint64_t left = s.size - from;
        BUG_IF(out.n != (some < left ? some : left));
        for (size_t i = 0; i < out.n; i++)
            BUG_IF(out.p[i] != in.p[(from + i) % in.n]);
        spool_done(&s);
    }
    return 0;
}
