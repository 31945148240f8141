/* reply_fuzz.c - whole against byte by byte, and the list of extensions. */
#include "proto/smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    struct smtp_reply a = {0}, b = {0};
    smtp_reply_reset(&a);
    smtp_reply_reset(&b);
    ptrdiff_t taken = smtp_reply_feed(&a, in, NULL), at = 0, one = 0;
    while ((size_t)at < n && !b.done && one >= 0) {
        one = smtp_reply_feed(&b, slice_sub(in, (size_t)at, (size_t)at + 1), NULL);
        at += one;
    }
    if ((taken < 0) != (one < 0) || a.done != b.done || a.code != b.code ||
        !slice_eq(buf_slice(&a.text), buf_slice(&b.text)))
        __builtin_trap();
    struct smtp_caps caps;
    smtp_caps_parse(buf_slice(&a.text), &caps);
    smtp_reply_done(&a);
    smtp_reply_done(&b);
    return 0;
}
