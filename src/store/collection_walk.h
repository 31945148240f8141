/* collection_walk.h - all mailboxes of an account in order of paths (INBOX first), and all
   subscriptions, some at a time: a walk holds one path and a page of siblings, however large the
   tree is, and may go on in a later snapshot. What is made or moved meanwhile may be seen or not.
 */
#pragma once

#include "base/buf.h"
#include "store/collection.h"

struct walk_level {
    uint64_t parent;
    size_t path_n; /* length of the parent's path */
};

struct collection_walk {
    struct buf path; /* of the one last given */
    struct walk_level *levels;
    size_t n, cap;     /* of levels */
    uint64_t below;    /* children of it come next; 0: it has none */
    bool begun, inbox; /* inbox: its tree is being walked, which comes first */
    bool ended;        /* the page is the last of its level */
    struct arena page; /* siblings read ahead */
    struct collection *rows;
    size_t row, n_rows;
};

/* Zeroed: at the start. 1: *ret is the next (slices until the next call; `subscribed` is not
   filled), 0 end, -1. */
int collection_walk_next(struct collection_walk *w, struct txn *t, struct collection *ret,
                         struct err *e);
void collection_walk_done(struct collection_walk *w);

/* --- subscriptions ---------------------------------------------------------------------------- */
struct subscription_walk {
    struct buf last;
    bool ended;
    struct arena page;
    struct slice *rows;
    size_t row, n_rows;
};
/* In order of bytes; as above. */
int subscription_walk_next(struct subscription_walk *w, struct txn *t, struct slice *ret,
                           struct err *e);
void subscription_walk_done(struct subscription_walk *w);

/* 1 yes, 0 no, -1 */
int subscription_is(struct txn *t, struct slice path, struct err *e);
int subscription_below(struct txn *t, struct slice path, struct err *e);
int collection_exists(struct txn *t, struct slice path, struct err *e);
