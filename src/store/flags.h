/* flags.h - the 64-bit flag word of an entry: 5 system flags, 48 keywords of the account by bit,
   and a mark that the overflow table holds more. */
#pragma once

#include "store/store.h"

enum {
    FLAG_SEEN = 1,
    FLAG_ANSWERED = 2,
    FLAG_FLAGGED = 4,
    FLAG_DELETED = 8,
    FLAG_DRAFT = 16,
    FLAG_SYSTEM = 31,
    FLAG_KEYWORD_FIRST = 5, /* bits 5 to 52 are keywords */
    FLAG_KEYWORD_COUNT = 48,
};
#define FLAG_OVERFLOW ((uint64_t)1 << 53) /* has rows in entry_keyword */

/* Flags as a command names them. Keywords keep their case, compare without it. */
struct flagset {
    uint64_t system; /* FLAG_SEEN ... */
    const struct slice *keywords;
    size_t n;
};

/* The account's keywords. bit < FLAG_KEYWORD_COUNT: in the word; else an overflow keyword id. */
struct keyword {
    uint32_t id;
    struct slice name;
};
int keyword_list(struct txn *t, struct arena *a, struct keyword **ret, size_t *ret_n,
                 struct err *e);
