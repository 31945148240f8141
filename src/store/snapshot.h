/* snapshot.h - what a backup takes of the store: a copy of each shard's database, and of the packs
   as much as that copy knows of. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* In the process that has the store open: for so long no pack file is removed. Said again before
   the time is over, a backup of any length finds every pack that its snapshots name. */
enum { STORE_HOLD_MAX = 600 }; /* s */
void store_hold(int64_t seconds);

struct pack_extent {
    uint64_t pack;
    uint64_t length; /* committed: what lies behind is of no message */
    bool sealed;     /* it does not grow any more */
};

/* The packs of a shard's database, which nobody has open for writing: a snapshot. */
int store_snapshot_packs(const char *db_path, struct arena *a, struct pack_extent **ret,
                         size_t *ret_n, struct err *e);
