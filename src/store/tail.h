/* tail.h - records of small batches go to the disk with the write-ahead log: their bytes stand in
   the pack file, not yet synced, and in a row of table pack_tail, which the COMMIT makes durable.
   So a small batch waits for one sync instead of two. Some time later the pack is synced, and the
   row goes with the next batch. After a crash the rows are written into their packs again before
   anybody looks. Inside store/ only. */
#pragma once

#include "store/shard.h"

/* In the writer's transaction. Ids grow for as long as the store is open, also over rows that went.
 */
int tail_put(struct db *db, int64_t id, uint64_t pack, uint64_t at, struct slice bytes,
             struct err *e);
int tail_drop(struct db *db, int64_t upto, struct err *e);

/* Every row into its pack, synced; packs that are gone are passed over. The rows stay. *ret_upto:
   the last, 0 when there is none. */
int tail_apply(struct db *db, const char *packs_dir, unsigned shard, int64_t *ret_upto,
               struct err *e);

/* After an unclean end: tail_apply, then the rows go. For whoever has the shard alone. */
int tail_recover(struct db *db, const char *packs_dir, unsigned shard, struct err *e);

/* The checkpointer's: syncs what waits for it. db: a connection of its own, for reading. */
int tail_settle(struct shard *s, struct db *db, struct err *e);
