/* buf.c - the growable buffer: every growth passes buf_reserve, which knows the limit. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fault.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_reset(struct buf *b)
{
    b->n = 0;
    b->failed = false;
}

/* Memory for `want` bytes and one over, so that a terminating NUL never counts against the limit.
 */
static int grow(struct buf *b, size_t want)
{
    size_t cap = b->cap ? b->cap : 64;
    if (b->p && want < b->cap)
        return 0;
    while (cap <= want && cap <= SIZE_MAX / 2)
        cap *= 2;
    char *p = cap > want && !fault_memory(cap) ? realloc(b->p, cap) : NULL;
    if (!p) {
        err_no_memory();
        b->failed = true;
        return -1;
    }
    b->p = p;
    b->cap = cap;
    return 0;
}

int buf_reserve(struct buf *b, size_t more)
{
    size_t max = b->max ? b->max : BUF_MAX_DEFAULT;
    size_t want;
    if (b->failed)
        return -1;
    if (__builtin_add_overflow(b->n, more, &want) || want > max) {
        b->failed = true;
        return -1;
    }
    return grow(b, want);
}

char *buf_space(struct buf *b, size_t more)
{
    return buf_reserve(b, more) ? NULL : b->p + b->n;
}

int buf_adds(struct buf *b, const char *z)
{
    return buf_add(b, slice_str(z));
}

int buf_addu(struct buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    while (v > UINT32_MAX) {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    }
    uint32_t low = (uint32_t)v; /* most are: these divisions take a third of the time */
    do
        digits[--at] = (char)('0' + low % 10);
    while (low /= 10);
    return buf_add(b, slice_of(digits + at, sizeof(digits) - at));
}

int buf_addv(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    char small[256];
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    int r = -1;
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < sizeof(small)) {
        r = buf_add(b, slice_of(small, (size_t)n));
    } else if (buf_reserve(b, (size_t)n) == 0) {
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
        b->n += (size_t)n;
        r = 0;
    }
    va_end(again);
    return r;
}

int buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int r = buf_addv(b, fmt, ap);
    va_end(ap);
    return r;
}

void buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

const char *buf_cstr(struct buf *b)
{
    if (buf_reserve(b, 0))
        return NULL;
    b->p[b->n] = '\0';
    return b->p;
}
