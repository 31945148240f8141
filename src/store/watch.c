/* watch.c - the writer writes down what it does in a few atomics; here they are read. */
#include "store/watch.h"

#include "base/clock.h"
#include "base/setting.h"
#include "io/job.h"
#include "store/shard.h"

SETTING(log, slow_write, TIME, 1 * SEC, 0, 1 * HOUR,
        "A commit of the store that takes longer is logged with what it waited for. 0: none is.");

static _Atomic(void (*)(const struct slow_write *)) on_slow;

void store_on_slow_write(void (*fn)(const struct slow_write *))
{
    on_slow = fn;
}

void writer_told(const struct slow_write *w, int64_t total_us)
{
    int64_t slow = setting_get(&set_log_slow_write);
    void (*fn)(const struct slow_write *) = on_slow;
    if (fn && slow && total_us >= slow * 1000)
        fn(w);
}

static _Atomic(void (*)(const struct disk_told *)) on_disk;

void store_on_disk(void (*fn)(const struct disk_told *))
{
    on_disk = fn;
}

void disk_told(const struct disk_told *d)
{
    void (*fn)(const struct disk_told *) = on_disk;
    if (fn)
        fn(d);
}

static const char *const doing[] = {
    [SHARD_IDLE] = "idle",
    [SHARD_RUNNING] = "running jobs",
    [SHARD_WRITING] = "writing",
    [SHARD_SYNCING] = "syncing the pack",
    [SHARD_COMMITTING] = "committing",
};

void store_look(unsigned shard, struct shard_now *ret)
{
    struct shard *s = shard_at(shard);
    *ret = (struct shard_now){0};
    pthread_mutex_lock(&s->lock);
    int64_t now = clock_mono_us();
    for (const struct job *job = s->head; job; job = job->queued_next)
        ret->waiting++;
    if (s->head)
        ret->oldest_us = now - s->head->queued_us;
    ret->tails = s->tails.last - s->tails.settled;
    pthread_mutex_unlock(&s->lock);
    ret->doing = doing[s->now.doing];
    ret->batch = s->now.jobs;
    if (s->now.doing != SHARD_IDLE)
        ret->batch_us = now - s->now.began_us;
    ret->what = s->now.what;
    ret->commits = s->commits;
    ret->pack = s->now.pack;
    ret->pack_bytes = s->now.pack_bytes;
}
