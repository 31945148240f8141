/* op_page.h - lists that come in pieces. Arguments `after` (the key of the last row seen) and
   `limit`; the answer is {NAME: [rows], "more": bool}, sorted by key. */
#pragma once

#include "node/op.h"

struct op_page {
    struct slice after;
    int64_t limit;
    json_t *rows;
    bool more;
};

/* Whether this row is wanted: 1 yes, 0 it stands before the page, -1 the page is full (stop). */
int op_page_wants(struct op_page *p, struct slice key);

struct op_page_of {
    const char *name;  /* of the rows in the answer */
    const char *scope; /* the argument that says whose rows: a domain, a list; NULL: none */
    bool required;     /* without it: all there are */
    /* Hands the rows, sorted by key, to a function that asks op_page_wants; -1 and e. */
    int (*walk)(struct slice scope, struct op_page *p, struct err *e);
};
int op_page_list(json_t *args, const struct op_page_of *of, json_t **ret, struct err *e);
