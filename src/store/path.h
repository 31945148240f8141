/* path.h - names of collections: the rules, and the tree that makes paths of them. Inside store/
   only. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* The path in NFC with "INBOX" in capitals: components separated by '/', none empty, no controls,
   none "." or "..", within store.name_max bytes each and store.depth_max of them. ERR_SYNTAX,
   ERR_LIMIT. */
int path_normalise(struct slice path, struct arena *a, struct slice *ret, struct err *e);
/* Cuts the first component off. */
static inline struct slice path_next(struct slice *path)
{
    return slice_cut(path, '/');
}
/* Before the last '/' (p == NULL: nothing), and behind it. */
struct slice path_parent(struct slice path);
struct slice path_last(struct slice path);
