/* varint.h - unsigned numbers in 7-bit groups, low group first (LEB128), 1 to 10 bytes; signed ones
   folded so that small ones stay short. The compact forms in the database are made of them. */
#pragma once

#include "base/buf.h"

enum { VARINT_MOST = 10 };

/* Where there is room for VARINT_MOST; bytes that it takes. */
static inline size_t varint_put(char *out, uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        out[n++] = (char)(v | 0x80);
    out[n++] = (char)v;
    return n;
}

static inline void varint_add(struct buf *out, uint64_t v)
{
    char b[VARINT_MOST];
    buf_add(out, slice_of(b, varint_put(b, v)));
}

/* Cuts a number off *s; -1 when it is cut short or over 64 bits. */
static inline int varint_next(struct slice *s, uint64_t *ret)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s->n && i < 10; i++) {
        unsigned char c = (unsigned char)s->p[i];
        if (i == 9 && c > 1)
            return -1;
        v |= (uint64_t)(c & 0x7f) << (7 * i);
        if (!(c & 0x80)) {
            *s = slice_from(*s, i + 1);
            *ret = v;
            return 0;
        }
    }
    return -1;
}

static inline uint64_t varint_fold(int64_t v) /* 0, -1, 1, -2 ... become 0, 1, 2, 3 ... */
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t varint_unfold(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}
