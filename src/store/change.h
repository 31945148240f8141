/* change.h - the change log of an account: one row of ranges per thing a job did. */
#pragma once

#include "base/uidset.h"
#include "store/store.h"

enum change_kind {
    CHANGE_ADDED = 1, /* entries came */
    CHANGE_FLAGS,     /* flags of entries */
    CHANGE_EXPUNGED,  /* entries went */
    CHANGE_CREATED,   /* collection */
    CHANGE_RENAMED,   /* collection: name, parent or role; old has what was */
    CHANGE_DELETED,   /* collection */
    CHANGE_SUBSCRIBED,
};

/* Of one mailbox after modseq `since` up to the snapshot: which uids are new or have new flags, and
   which are gone. expunged may be NULL. ERR_NOTFOUND: the log does not reach back so far. */
int change_since(struct txn *t, uint64_t collection, uint64_t since, struct uidset *changed,
                 struct uidset *expunged, struct err *e);

/* Every row after `since`, oldest first; fn returns non-zero to stop. */
struct change {
    uint64_t modseq;
    int64_t at; /* ms */
    enum change_kind kind;
    uint64_t collection;
    struct slice uidset, itemset, old; /* packed */
};
int change_each(struct txn *t, uint64_t since, int (*fn)(const struct change *, void *), void *arg,
                struct err *e);
