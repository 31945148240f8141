/* cache.h - rows found lately, in memory. Every change of the directory begins a new generation,
   and rows of older ones are not found any more. Only what exists is kept, so that strangers cannot
   fill it with guesses; when full it starts anew. Private to directory/. */
#pragma once

#include "base/arena.h"

struct cache_row {
    int64_t n[4];
    struct slice s[2];
};

uint64_t cache_generation(void);
void cache_forget(void); /* a change: a new generation */
void cache_clear(void);  /* frees everything */

/* kind: a letter for the sort of key. The strings are copied to the arena. */
bool cache_get(char kind, struct slice key, struct arena *a, struct cache_row *ret);
/* generation: as it was before the row was read, so that an older row never stays. */
void cache_put(char kind, struct slice key, const struct cache_row *row, uint64_t generation);
