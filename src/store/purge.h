/* purge.h - the way out, by law or for secrets that got in: what people deleted leaves the log, the
   tables and the packs at once instead of after store.retention, and the bytes are overwritten. */
#pragma once

#include "base/uidset.h"
#include "store/store.h"

struct purge_request {
    uint64_t account;    /* 0: all accounts */
    int64_t keep;        /* ms: what was deleted later than this long ago stays; 0: nothing */
    uint64_t collection; /* not 0: these uids of the account are expunged first */
    const struct uidset *uids;
};

struct purge_report {
    uint64_t messages; /* expunged by the request itself */
    uint64_t packs;    /* rewritten */
    int64_t bytes;     /* by which the pack files are smaller */
};

/* With the store open, by a thread that may wait; others go on meanwhile. Whatever stops it, what
   is left is whole, and running it again does the rest. */
int store_purge(const struct purge_request *how, struct purge_report *ret, struct err *e);
