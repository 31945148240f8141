/* seen.h - \Seen of people who share somebody's mailbox: one set of uids for each. The owner's is
   in the flags of the entries. Inside store/ only. */
#pragma once

#include "base/uidset.h"
#include "store/store.h"

int seen_read(struct txn *t, uint64_t collection, uint64_t person, struct uidset *ret,
              struct err *e);
int seen_write(struct txn *t, uint64_t collection, uint64_t person, const struct uidset *uids,
               struct err *e);
/* With the collection. */
int seen_forget(struct txn *t, uint64_t collection, struct err *e);
