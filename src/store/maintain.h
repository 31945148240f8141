/* maintain.h - what a store does by itself: the change log pruned at retention, items and blobs
   that nothing needs removed, packs compacted, the disk watched. Inside store/ only; tests call the
   steps directly. */
#pragma once

#include "store/reserve.h"
#include "store/shard.h"

int maintain_start(struct err *e);
void maintain_stop(void);

/* Log rows older than `cutoff` (ms) go, and the items that only they named. */
int prune_account(struct shard *s, int64_t account, int64_t cutoff, struct err *e);
int prune_shard(struct shard *s, int64_t cutoff, struct err *e);
/* Blobs dead since before `cutoff` go; their packs know how much of them is dead. */
int sweep_shard(struct shard *s, int64_t cutoff, struct err *e);
/* Rewrites the sealed packs of which at least `share` per cent are dead, and unlinks what earlier
   runs could not. shred: they are overwritten first. ret_packs: how many. */
int compact_shard(struct shard *s, unsigned share, bool shred, unsigned *ret_packs, struct err *e);

/* How long deleted mail is kept at the round that begins: shortened while the disk is nearly full,
   and store_on_disk is told. */
int64_t maintain_retention(enum disk_state disk);

/* One round at a time, the thread's or a purge. */
void maintain_lock(void);
void maintain_unlock(void);
