/* hash.h - a keyed hash (SipHash-1-3, key drawn at start) and a map from slices to pointers, for
   tables that strangers fill: nobody outside can choose keys that collide. */
#pragma once

#include "base/slice.h"

uint64_t hash_bytes(struct slice s);
uint64_t hash_u64(uint64_t v);

/* Open addressing. Keys are borrowed: they must live as long as their entry. Zeroed = empty. */
struct hmap {
    struct hmap_slot {
        uint64_t hash; /* 0: never used */
        struct slice key;
        void *value; /* NULL: free or removed */
    } * slots;
    size_t n, used, cap; /* entries; slots ever used; power of two */
};

void *hmap_get(const struct hmap *m, struct slice key); /* NULL when absent */
/* Replaces and returns the old value, or NULL. value must not be NULL. */
void *hmap_set(struct hmap *m, struct slice key, void *value);
void *hmap_del(struct hmap *m, struct slice key);
void hmap_done(struct hmap *m); /* the table, not the values */
/* Walk: `size_t at = 0; struct hmap_slot *s; while ((s = hmap_next(m, &at)))`. */
struct hmap_slot *hmap_next(const struct hmap *m, size_t *at);
