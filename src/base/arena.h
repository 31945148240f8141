/* arena.h - memory that lives as long as one command, request or message. Zeroed, never freed one
   by one. The limit counts what the client made us take: an allocation over it returns NULL and
   marks the arena failed, and the caller ends the request with ERR_LIMIT. Not for two threads at
   once. */
#pragma once

#include "base/slice.h"

struct arena_block;

struct arena {
    struct arena_block *head;
    size_t used;  /* bytes handed out, with padding */
    size_t limit; /* 0 in a zeroed struct means ARENA_LIMIT_DEFAULT */
    bool failed;
};

#define ARENA_LIMIT_DEFAULT ((size_t)16 << 20)
#define ARENA_SCOPE __attribute__((cleanup(arena_reset))) struct arena

/* NULL over the limit, or when count x size overflows. A count of 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t size, size_t count, size_t align);
#define arena_new(a, type, count) ((type *)arena_alloc((a), sizeof(type), (count), _Alignof(type)))

/* A copy of the bytes, terminated by a NUL that is not counted. p == NULL over the limit. */
struct slice arena_dup(struct arena *a, struct slice s);
char *arena_cstr(struct arena *a, struct slice s);
struct slice arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Everything goes; limit stays; the arena can be used again. */
void arena_reset(struct arena *a);
