/* flowed_fuzz.c - paragraphs are the same for any split of the input, and hold its words. */
#include "base/fuzz.h"
#include "format/flowed.h"

struct reading {
    struct flowed flowed;
    struct buf out;
};

static bool feed(void *ctx, struct slice piece)
{
    struct reading *r = ctx;
    flowed_feed(&r->flowed, piece, &r->out);
    return true;
}

/* Bytes that are never taken away or put in. */
static size_t words(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] != ' ' && s.p[i] != '\n' && s.p[i] != '>';
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    BUF_SCOPE first = {0};
    for (int i = 0; i < 2 * FUZZ_SPLITS; i++) {
        struct reading r = {.flowed = {.delsp = i >= FUZZ_SPLITS}};
        fuzz_feed(in, (enum fuzz_split)(i % FUZZ_SPLITS), feed, &r);
        flowed_finish(&r.flowed, &r.out);
        BUG_IF(r.out.n > 2 * in.n + 1 || words(buf_slice(&r.out)) != words(in));
        if (i % FUZZ_SPLITS == FUZZ_WHOLE) {
            buf_reset(&first);
            buf_add(&first, buf_slice(&r.out));
        }
        BUG_IF(!slice_eq(buf_slice(&first), buf_slice(&r.out)));
        buf_done(&r.out);
    }
    return 0;
}
