/* checkpoint.c - moves a shard's write-ahead log into its database, on a thread of its own, so that
   hardly a commit waits for it: what is committed meanwhile is a little, and the writer moves it
   between two batches. A log that grows faster than that is cut once, which holds the writer for as
   long as the rest takes. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/setting.h"
#include "store/shard.h"
#include "store/tail.h"

SETTING(store, checkpoint_interval, TIME, 1 * SEC, 10 * MSEC, 1 * HOUR,
        "Pause between two checkpoints of a shard that is written to.");
SETTING(store, wal_max, SIZE, 64 * MiB, 1 * MiB, 16 * GiB,
        "A write-ahead log that is larger is cut, and writers wait for that.");

METRIC_COUNTER(store_checkpoints_total, "Checkpoints of the shards");

enum { WAL_FRAME = 4096, REST_MS = 1000 };

enum pause { PAUSE_STOP, PAUSE_WORK, PAUSE_REST };

/* Waits until a commit came; rest: no longer than REST_MS. Under the lock. */
static bool commit_comes(struct shard *s, uint64_t seen, bool rest)
{
    struct timespec until;
    int rc = 0;
    clock_deadline(REST_MS, &until);
    while (!s->stop_checkpointer && atomic_load(&s->commits) == seen && rc != ETIMEDOUT) {
        s->checkpointer_waits = true;
        rc = rest ? pthread_cond_timedwait(&s->wake_checkpointer, &s->lock, &until)
                  : pthread_cond_wait(&s->wake_checkpointer, &s->lock);
    }
    s->checkpointer_waits = false;
    return atomic_load(&s->commits) != seen;
}

/* Waits for the interval, at least until a commit came when there was none; rest: tells when none
   comes for a while. */
static enum pause pause_until(struct shard *s, uint64_t seen, bool rest)
{
    struct timespec until;
    clock_deadline(setting_get(&set_store_checkpoint_interval), &until);
    pthread_mutex_lock(&s->lock);
    bool work = commit_comes(s, seen, rest);
    while (work && !s->stop_checkpointer &&
           pthread_cond_timedwait(&s->wake_checkpointer, &s->lock, &until) != ETIMEDOUT)
        ;
    enum pause p = s->stop_checkpointer ? PAUSE_STOP : work ? PAUSE_WORK : PAUSE_REST;
    pthread_mutex_unlock(&s->lock);
    return p;
}

/* What has been committed is moved; a log that has grown too large is cut, whoever waits. */
static int checkpoint(struct shard *s, struct db *db)
{
    int64_t left = 0;
    int rc =
        tail_settle(s, db, NULL) || db_checkpoint(db, DB_CHECKPOINT_MOVE, &left, NULL) ? -1 : 0;
    if (rc == 0 && left > 0) /* once more: now there is less that comes meanwhile */
        rc = db_checkpoint(db, DB_CHECKPOINT_MOVE, &left, NULL);
    atomic_store(&s->move_rest, rc == 0 && left > 0);
    if (rc == 0 && left > setting_get(&set_store_wal_max) / WAL_FRAME)
        rc = db_checkpoint(db, DB_CHECKPOINT_CUT, NULL, NULL);
    metric_inc(&metric_store_checkpoints_total);
    return rc;
}

/* Nothing is written: the log's place on the disk is given back. *ret_whole: it is held. */
static int rest(struct shard *s, struct db *db, bool *ret_whole)
{
    int64_t left = 0;
    atomic_store(&s->move_rest, false);
    int rc = db_checkpoint(db, DB_CHECKPOINT_CUT_FREE, &left, NULL);
    *ret_whole = left > 0;
    return rc;
}

static void *checkpointer_main(void *arg)
{
    struct shard *s = arg;
    struct db *db = NULL;
    uint64_t seen = 0;
    bool whole = false; /* the log is not cut since the last commit */
    enum pause p;
    while ((p = pause_until(s, seen, whole)) != PAUSE_STOP) {
        seen = atomic_load(&s->commits);
        whole = true;
        if (!db && db_open_sqlite(s->db_path, DB_NO_CHECKPOINT, &db, NULL))
            continue;
        if (p == PAUSE_REST ? rest(s, db, &whole) : checkpoint(s, db)) {
            db_close(db); /* an error may stay with the descriptor: a new one next time */
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
