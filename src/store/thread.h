/* thread.h - which thread a new item belongs to. RFC 8621 3: messages are of one thread when they
   have a message id in common (Message-ID, In-Reply-To, References) and the same base subject. The
   thread's number is that of the item that began it; it never changes, and a message that would
   join two goes to the older. Inside store/ only. */
#pragma once

#include "store/shard.h"

enum { THREAD_REFS = 32 };

struct thread_key {
    int64_t subject; /* hash of the base subject */
    int64_t refs[THREAD_REFS];
    size_t n;
};

int thread_join(struct txn *t, const struct thread_key *k, uint64_t item, uint64_t *ret_thread,
                struct err *e);
/* The item is gone for good: refs as stored with it. */
int thread_leave(struct txn *t, uint64_t account, struct slice refs, uint64_t item, struct err *e);
void thread_refs_pack(const struct thread_key *k, struct buf *out);
