/* past.h - mailboxes as they were, read out of the change log: undo, restoring one moment. A moment
   is a number of the log (modseq): everything up to it had happened, nothing after. Works for as
   long as the log is kept (store.retention). */
#pragma once

#include "store/collection.h"
#include "store/entry.h"

/* The moment that was at this time (ms). ERR_NOTFOUND: the log does not reach back so far. */
int past_moment(struct txn *t, int64_t at, uint64_t *ret, struct err *e);

/* The tree at the moment, sorted by path, INBOX first. Counters, modseq and subscriptions are not
   of then: they are 0. */
int past_collections(struct txn *t, uint64_t moment, struct arena *a, struct collection **ret,
                     size_t *ret_n, struct err *e);

/* The entries of a mailbox at the moment, lowest uid first, with the person's \Seen and overflow
   keywords; `want` as for entry_walk_open. The mailbox may be gone by now. modseq is 0, and
   saved_at is the time of delivery where the entry is gone. fn returns non-zero to stop. */
int past_entries(struct txn *t, uint64_t collection, uint64_t person, uint64_t moment,
                 unsigned want, int (*fn)(const struct entry *, void *), void *arg, struct err *e);
