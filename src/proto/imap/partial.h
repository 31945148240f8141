/* partial.h - partial-range of RFC 9394 4: a page of results, counted from the first or from the
   last. */
#pragma once

#include "proto/imap/token.h"

struct imap_partial {
    bool given, from_end;
    uint32_t from, to; /* from <= to */
    struct slice text; /* as it came, for the answer */
};

/* "1:100", or "-1:-100" from the last one. */
int imap_partial(struct imap_parser *p, struct imap_partial *ret);
/* Of n results those at [*first, *end) are meant, counted from 0. False: none. */
bool imap_partial_of(const struct imap_partial *a, uint64_t n, uint64_t *first, uint64_t *end);
