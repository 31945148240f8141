/* keyword.h - names of keywords to bits and ids. Inside store/ only. */
#pragma once

#include "store/flags.h"

/* What a flagset means in this account. */
struct flag_bits {
    uint64_t word;      /* system flags and keywords that have a bit */
    uint32_t *overflow; /* ids of those that have none; of the arena */
    size_t n;
};

/* create: keywords not yet known are made (ERR_LIMIT over store.keywords_max); else they are left
   out. */
int keyword_resolve(struct txn *t, const struct flagset *flags, bool create, struct arena *a,
                    struct flag_bits *ret, struct err *e);
