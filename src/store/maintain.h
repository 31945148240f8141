/* maintain.h - what a store does by itself: the change log pruned at retention, items and blobs
   that nothing needs removed, packs compacted, the disk watched. Inside store/ only; tests call the
   steps directly. */
#pragma once

#include "store/shard.h"

int maintain_start(struct err *e);
void maintain_stop(void);

/* Log rows older than `cutoff` (ms) go, and the items that only they named. */
int prune_shard(struct shard *s, int64_t cutoff, struct err *e);
/* Blobs dead since before `cutoff` go; their packs know how much of them is dead. */
int sweep_shard(struct shard *s, int64_t cutoff, struct err *e);
/* Rewrites the sealed packs of which at least `share` per cent are dead, and unlinks what earlier
   runs could not. ret_packs: how many. */
int compact_shard(struct shard *s, unsigned share, unsigned *ret_packs, struct err *e);
