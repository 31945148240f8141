/* buf.h - a growable byte buffer with a hard limit. It owns its memory. An append that would pass
   `max` appends nothing, marks the buffer failed, and returns -1; every later append fails too, so
   that a caller may append many pieces and look once at the end. Memory comes in powers of two and
   an allocation that fails counts as the limit. Invariant: n <= max, and n < cap once p is set, so
   that a terminator always fits. */
#pragma once

#include <stdarg.h>

#include "base/slice.h"

struct buf {
    char *p;
    size_t n;   /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* limit on n; 0 in a zeroed struct means BUF_MAX_DEFAULT */
    bool failed;
};

#define BUF_MAX_DEFAULT ((size_t)64 << 20)
#define BUF_SCOPE __attribute__((cleanup(buf_done))) struct buf

void buf_init(struct buf *b, size_t max); /* a zeroed struct is a valid empty buffer too */
void buf_done(struct buf *b);             /* frees; the struct can be used again */
void buf_reset(struct buf *b);            /* n = 0, failed = false, memory kept */

int buf_reserve(struct buf *b, size_t more); /* room for `more` bytes at p + n */
char *buf_space(struct buf *b, size_t more); /* the same, the room or NULL; then n += used */
int buf_adds(struct buf *b, const char *z);
int buf_addu(struct buf *b, uint64_t v); /* decimal */
int buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int buf_addv(struct buf *b, const char *fmt, va_list ap) __attribute__((format(printf, 2, 0)));
void buf_drop(struct buf *b, size_t n); /* the first n bytes go, the rest moves down */

/* The usual case, without a call: nothing failed, and it fits the memory and the limit. */
static inline bool buf_has_room(const struct buf *b, size_t more)
{
    size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
    return !b->failed && more < b->cap - b->n && b->n <= max && more <= max - b->n;
}

static inline int buf_add(struct buf *b, struct slice s)
{
    if (!buf_has_room(b, s.n) && buf_reserve(b, s.n))
        return -1;
    if (s.n)
        memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
    return 0;
}

static inline int buf_addc(struct buf *b, char c)
{
    if (!buf_has_room(b, 1) && buf_reserve(b, 1))
        return -1;
    b->p[b->n++] = c;
    return 0;
}

static inline struct slice buf_slice(const struct buf *b)
{
    return (struct slice){b->p, b->n};
}

/* The bytes as a C string; valid until the next change. NULL only when memory or limit fail. */
const char *buf_cstr(struct buf *b);
