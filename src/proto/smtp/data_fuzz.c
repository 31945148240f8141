/* data_fuzz.c - whole against byte by byte, in every mode; and the output never holds the end. */
#include "proto/smtp/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    if (n == 0)
        return 0;
    enum smtp_data_mode mode = d[0] % 3;
    bool dots = d[0] & 4;
    struct slice in = slice_of(d + 1, n - 1);
    BUF_SCOPE whole = {0}, bytes = {0};
    struct smtp_data a, b;
    smtp_data_init(&a, mode, dots);
    smtp_data_init(&b, mode, dots);
    size_t taken = smtp_data_feed(&a, in, &whole), at = 0;
    while (at < in.n && !b.done)
        at += smtp_data_feed(&b, slice_sub(in, at, at + 1), &bytes);
    smtp_data_finish(&a, &whole);
    smtp_data_finish(&b, &bytes);
    if (taken != at || a.done != b.done || a.bare != b.bare || a.size != b.size ||
        a.header_size != b.header_size || a.longest != b.longest ||
        !slice_eq(buf_slice(&whole), buf_slice(&bytes)))
        __builtin_trap();
    return 0;
}
