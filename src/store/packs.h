/* packs.h - the pack files of a shard as readers see them: opened when asked for, pinned while they
   are read, kept open for a while, unlinked when compaction retired them and the last pin went.
   Thread-safe. */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

enum { PACKS_BUCKETS = 64, PACKS_OPEN_MAX = 64 };

struct pack_file {
    struct link link;
    uint64_t id;
    int fd;
    unsigned pins;
    uint64_t used; /* tick of the last use */
    bool retired;
};

struct packs {
    pthread_mutex_t lock;
    struct link bucket[PACKS_BUCKETS];
    unsigned shard, open;
    uint64_t tick;
    char dir[512];
};

void packs_init(struct packs *p, unsigned shard, const char *dir);
void packs_done(struct packs *p); /* nothing may be pinned */

/* ERR_NOTFOUND: compaction took it away, look the blob up again. */
int packs_pin(struct packs *p, uint64_t id, struct pack_file **ret, struct err *e);
void packs_unpin(struct packs *p, struct pack_file *f);

/* Unlinks the file when nobody reads it. True when it is gone, also after a power cut (its row is
   forgotten then, and nobody would look for it again); else it goes later: ask again. */
bool packs_retire(struct packs *p, uint64_t id);

/* The same, and its bytes are overwritten before. */
bool packs_shred(struct packs *p, uint64_t id);
/* At start: files that a crash left between the two. */
void packs_shred_rest(const struct packs *p);
/* No file goes before then (wall clock, ms), of any shard: a backup copies them. */
void packs_hold_until(int64_t ms);
