/* sort.h - SORT in its parts: cmd_sort.c collects and answers, sort_key.c makes of a message's
   fields one string of bytes that memcmp puts in order. */
#pragma once

#include "imap/search.h"
#include "proto/imap/sort_args.h"

/* Appends the key of the message: all criteria one behind the other, each ending by itself. */
void sort_key(const struct imap_sort_args *a, const struct entry *en, struct buf *out);
unsigned sort_want(const struct imap_sort_args *a); /* enum entry_want */

/* The casemapped base subject (RFC 5256 2.1, RFC 5051); true: of a reply or forward. */
bool sort_subject(struct slice decoded, struct buf *out);

struct sort_row {
    uint64_t head; /* the key's first bytes, to compare without looking further */
    uint32_t uid, at, n;
};

struct sort_rows {
    struct buf rows; /* of struct sort_row */
    struct buf keys;
};

/* The key stands in s->keys, from `at` to the end. ERR_LIMIT over imap.sort_memory. */
int sort_rows_add(struct sort_rows *s, uint32_t uid, size_t at, struct err *e);
void sort_rows_sort(struct sort_rows *s);
static inline size_t sort_rows_n(const struct sort_rows *s)
{
    return s->rows.n / sizeof(struct sort_row);
}
static inline const struct sort_row *sort_rows(const struct sort_rows *s)
{
    return (const struct sort_row *)(const void *)s->rows.p;
}
void sort_rows_done(struct sort_rows *s);
