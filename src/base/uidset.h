/* uidset.h - a set of 32-bit numbers as sorted, disjoint, non-adjacent ranges: IMAP sequence and
   uid sets, change-log rows, search results. Owns its memory; a zeroed struct is the empty set. */
#pragma once

#include "base/buf.h"

struct uidrange {
    uint32_t first, last; /* both included, first <= last, first >= 1 */
};

struct uidset {
    struct uidrange *r;
    size_t n, cap;
};

#define UIDSET_SCOPE __attribute__((cleanup(uidset_done))) struct uidset

void uidset_done(struct uidset *s);
void uidset_clear(struct uidset *s);
/* Either order of the two; merges. 0 is no member and is left out. At the end of the set it costs
   nothing; elsewhere it moves what is behind. */
void uidset_add(struct uidset *s, uint32_t first, uint32_t last);
void uidset_add_set(struct uidset *s, const struct uidset *other);
void uidset_remove(struct uidset *s, uint32_t first, uint32_t last);
void uidset_copy(struct uidset *to, const struct uidset *from);
bool uidset_has(const struct uidset *s, uint32_t uid); /* binary search */
uint64_t uidset_count(const struct uidset *s);
uint32_t uidset_nth(const struct uidset *s, uint64_t i); /* i-th smallest from 0; 0 past the end */
void uidset_intersect(struct uidset *s, const struct uidset *other);
void uidset_subtract(struct uidset *s, const struct uidset *other);
bool uidset_equal(const struct uidset *a, const struct uidset *b);
static inline bool uidset_empty(const struct uidset *s)
{
    return s->n == 0;
}

/* "1:4,7" as IMAP writes it. Parsing takes numbers and ranges only (no "*"), any order, at most
   max_ranges pieces, in n log n time; -1 when it is not a set, and *s is as it was. What *s held
   before is replaced. */
void uidset_print(const struct uidset *s, struct buf *out);
int uidset_parse(struct uidset *s, struct slice text, size_t max_ranges);

/* Compact binary form for the database: varint gaps and lengths. -1 when damaged, and *s is empty.
   What *s held before is replaced. */
void uidset_pack(const struct uidset *s, struct buf *out);
int uidset_unpack(struct uidset *s, struct slice bytes);
