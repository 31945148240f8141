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

int op_page_begin(json_t *args, struct op_page *p, struct err *e);
/* Whether this row is wanted: 1 yes, 0 it stands before the page, -1 the page is full (stop). */
int op_page_wants(struct op_page *p, struct slice key);
/* r: what the walk returned; passed on. */
int op_page_end(struct op_page *p, int r, const char *name, json_t **ret);
