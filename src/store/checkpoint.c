/* checkpoint.c - moves a shard's write-ahead log into its database, on a thread of its own, so that
   no commit ever waits for it. A log that grows faster than that is cut once, which holds the
   writer for as long as the rest takes. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/metric.h"
#include "base/setting.h"
#include "store/shard.h"
#include "store/tail.h"

SETTING(store, checkpoint_interval, TIME, 1 * SEC, 10 * MSEC, 1 * HOUR,
        "Pause between two checkpoints of a shard that is written to.");
SETTING(store, wal_max, SIZE, 64 * MiB, 1 * MiB, 16 * GiB,
        "A write-ahead log that is larger is cut, and writers wait for that.");

METRIC_COUNTER(store_checkpoints_total, "Checkpoints of the shards");

enum { WAL_FRAME = 4096 };

/* Waits for the interval, or until a commit came when there was none. False: stop. */
static bool pause_until(struct shard *s, uint64_t seen)
{
    struct timespec until;
    int64_t ms = setting_get(&set_store_checkpoint_interval);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&s->lock);
    while (!s->stop_checkpointer && atomic_load(&s->commits) == seen)
        pthread_cond_wait(&s->wake_checkpointer, &s->lock);
    while (!s->stop_checkpointer &&
           pthread_cond_timedwait(&s->wake_checkpointer, &s->lock, &until) != ETIMEDOUT)
        ;
    bool go = !s->stop_checkpointer;
    pthread_mutex_unlock(&s->lock);
    return go;
}

static void *checkpointer_main(void *arg)
{
    struct shard *s = arg;
    struct db *db = NULL;
    uint64_t seen = 0;
    while (pause_until(s, seen)) {
        int64_t left = 0;
        seen = atomic_load(&s->commits);
        if (!db && db_open_sqlite(s->db_path, DB_NO_CHECKPOINT, &db, NULL))
            continue;
        int rc = tail_settle(s, db, NULL) || db_checkpoint(db, false, &left, NULL) ? -1 : 0;
        if (rc == 0 && left > setting_get(&set_store_wal_max) / WAL_FRAME)
            rc = db_checkpoint(db, true, NULL, NULL);
        metric_inc(&metric_store_checkpoints_total);
        if (rc) { /* an error may stay with the descriptor: a new one next time */
            db_close(db);
            db = NULL;
        }
    }
    db_close(db);
    return NULL;
}

int checkpointer_start(struct shard *s, struct err *e)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->checkpointer, NULL, checkpointer_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return err_set(e, ERR_IO, "a thread for shard %u", s->id);
    s->checkpointing = true;
    return 0;
}

void checkpointer_stop(struct shard *s)
{
    if (!s->checkpointing)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop_checkpointer = true;
    pthread_cond_signal(&s->wake_checkpointer);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->checkpointer, NULL);
    s->checkpointing = false;
}
