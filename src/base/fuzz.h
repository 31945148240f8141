/* fuzz.h - what every fuzzer includes: the entry point, and an input handed to a push parser whole,
   byte by byte, or in pieces whose lengths the input itself decides. Each piece is a copy of its
   own, so that reading one byte too far is found. */
#pragma once

#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

enum fuzz_split { FUZZ_WHOLE, FUZZ_BYTES, FUZZ_PIECES, FUZZ_SPLITS };

/* Length of the piece at `at`: for FUZZ_PIECES 1 to 16 bytes, now and then up to 4096. */
static inline size_t fuzz_piece(struct slice in, size_t at, enum fuzz_split split)
{
    size_t left = in.n - at;
    if (split == FUZZ_WHOLE || left == 0)
        return left;
    if (split == FUZZ_BYTES)
        return 1;
    uint32_t mixed = ((uint32_t)(unsigned char)in.p[at] + (uint32_t)at * 2654435761u) >> 7;
    size_t n = mixed % 23 == 0 ? mixed % 4096 + 1 : mixed % 16 + 1;
    return n < left ? n : left;
}

/* False: enough, no more pieces. */
typedef bool fuzz_feed_fn(void *ctx, struct slice piece);

static inline void fuzz_feed(struct slice in, enum fuzz_split split, fuzz_feed_fn *feed, void *ctx)
{
    bool more = true;
    for (size_t at = 0; at < in.n && more;) {
        size_t n = fuzz_piece(in, at, split);
        char *copy = malloc(n);
        BUG_IF(!copy);
        memcpy(copy, in.p + at, n);
        more = feed(ctx, slice_of(copy, n));
        free(copy);
        at += n;
    }
}
