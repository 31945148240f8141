/* watch.h - what the shards' writers do, for people: a state dump asks, a slow commit is told. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum shard_doing { SHARD_IDLE, SHARD_RUNNING, SHARD_WRITING, SHARD_SYNCING, SHARD_COMMITTING };

struct shard_now {
    unsigned waiting;  /* write jobs */
    int64_t oldest_us; /* how long the first has waited */
    const char *doing; /* "idle", "running", ... */
    unsigned batch;    /* jobs of the running batch */
    int64_t batch_us;  /* since it began */
    const char *what;  /* the job that runs; NULL: none does */
    uint64_t commits;
    uint64_t pack, pack_bytes; /* the open pack; 0: none */
    int64_t tails;             /* commits whose pack is not synced yet */
};
/* Takes the queue's lock for a moment; never waits for a commit. */
void store_look(unsigned shard, struct shard_now *ret);

/* A batch that took longer than log.slow_write, in microseconds. */
struct slow_write {
    unsigned shard;
    size_t jobs;
    uint64_t bytes; /* appended to the pack */
    bool failed;
    int64_t run_us, write_us, sync_us, commit_us;
    const char *slowest; /* job; NULL: it has no name */
    int64_t slowest_us;
};
/* fn runs on the writer's thread, after the jobs were told. */
void store_on_slow_write(void (*fn)(const struct slow_write *));

/* The disk under the store came near its end, or away from it, or deleted mail is kept for another
   time because of it. */
struct disk_told {
    const char *state; /* "ok", "low", "full" */
    int64_t free_bytes;
    int64_t retention_ms, wanted_ms; /* how long deleted mail is kept now; store.retention */
};
/* fn runs on the thread that keeps house. */
void store_on_disk(void (*fn)(const struct disk_told *));
