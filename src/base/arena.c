/* arena.c - blocks of 4 KB, larger ones for larger requests, freed all at once. */
#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/fault.h"

struct arena_block {
    struct arena_block *next;
    size_t used, cap;
    _Alignas(16) char data[];
};

enum { BLOCK_SIZE = 4096 };

static void *block_take(struct arena_block *b, size_t bytes, size_t align)
{
    size_t at = (b->used + align - 1) & ~(align - 1);
    if (at > b->cap || b->cap - at < bytes)
        return NULL;
    b->used = at + bytes;
    return b->data + at;
}

void *arena_alloc(struct arena *a, size_t size, size_t count, size_t align)
{
    size_t limit = a->limit ? a->limit : ARENA_LIMIT_DEFAULT;
    size_t bytes;
    if (a->failed || __builtin_mul_overflow(size, count, &bytes) || bytes > limit ||
        a->used > limit - bytes) {
        a->failed = true;
        return NULL;
    }
    BUG_IF(align > _Alignof(struct arena_block));
    size_t before = a->head ? a->head->used : 0;
    void *p = a->head ? block_take(a->head, bytes, align) : NULL;
    if (p) {
        bytes = a->head->used - before; /* with the padding */
    } else {
        size_t cap = BLOCK_SIZE - sizeof(struct arena_block);
        if (bytes > cap / 2)
            cap = bytes;
        struct arena_block *b = fault_memory(cap) ? NULL : calloc(1, sizeof(*b) + cap);
        if (!b) {
            err_no_memory();
            a->failed = true;
            return NULL;
        }
        b->cap = cap;
        /* A block made for one large request is full: keep filling the one we had. */
        if (a->head && cap == bytes) {
            b->next = a->head->next;
            a->head->next = b;
        } else {
            b->next = a->head;
            a->head = b;
        }
        p = block_take(b, bytes, align);
    }
    a->used += bytes;
    return p;
}

struct slice arena_dup(struct arena *a, struct slice s)
{
    char *p = s.n == SIZE_MAX ? NULL : arena_alloc(a, 1, s.n + 1, 1);
    if (!p)
        return SNONE;
    if (s.n)
        memcpy(p, s.p, s.n);
    return slice_of(p, s.n);
}

char *arena_cstr(struct arena *a, struct slice s)
{
    char *p = s.n == SIZE_MAX ? NULL : arena_alloc(a, 1, s.n + 1, 1);
    if (p && s.n)
        memcpy(p, s.p, s.n);
    return p;
}

struct slice arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *p = n < 0 ? NULL : arena_alloc(a, 1, (size_t)n + 1, 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return p ? slice_of(p, (size_t)n) : SNONE;
}

void arena_reset(struct arena *a)
{
    struct arena_block *b = a->head;
    while (b) {
        struct arena_block *next = b->next;
        free(b);
        b = next;
    }
    *a = (struct arena){.limit = a->limit};
}
