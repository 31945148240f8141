/* literal_fuzz.c - framing is the same for the whole input and byte by byte. */
#include "base/buf.h"
#include "proto/imap/literal.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

static void run(struct slice in, size_t step, struct buf *out)
{
    struct lit_scan l = {0};
    for (size_t at = 0; at < in.n;) {
        size_t taken;
        enum lit_event ev = lit_feed(&l, slice_sub(in, at, at + step), &taken);
        if (taken == 0)
            __builtin_trap();
        at += taken;
        if (ev == LIT_DONE || ev == LIT_BEGIN || (ev == LIT_BODY && l.left == 0))
            buf_addf(out, "%d@%zu %llu %d;", (int)ev, at, (unsigned long long)l.len, l.bare_lf);
        if (ev == LIT_BEGIN && l.len > in.n)
            lit_reset(&l); /* a server refuses it */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    BUF_SCOPE whole = {0};
    BUF_SCOPE bytes = {0};
    run(slice_of(d, n), n, &whole);
    run(slice_of(d, n), 1, &bytes);
    if (!slice_eq(buf_slice(&whole), buf_slice(&bytes)))
        __builtin_trap();
    return 0;
}
