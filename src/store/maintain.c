/* maintain.c - the thread that keeps house. Errors are not fatal here: what failed is tried again
   at the next round, and counted. */
#include "store/maintain.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/setting.h"

SETTING(store, retention, TIME, 30 * DAY, 0, 3650 * DAY,
        "How long deleted mail and old states can be brought back.");
SETTING(store, compact_share, INT, 30, 1, 100,
        "Per cent of a pack file that must be dead before it is rewritten.");
SETTING(store, maintenance_interval, TIME, 10 * MIN, 1 * SEC, 1 * DAY,
        "Pause between two rounds of pruning and compaction.");

METRIC_COUNTER(store_maintenance_failures_total, "Rounds of maintenance that failed");
METRIC_GAUGE(store_retention_seconds, "How long deleted mail is kept now");

enum { LOOK_MS = 5000, BLOB_GRACE_MS = 60000 };

static struct {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake; /* made by maintain_start */
    bool running, stop;
    int64_t retention; /* shortened while the disk is nearly full */
    enum disk_state told;
    int64_t told_retention;
} m = {.lock = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t round_lock = PTHREAD_MUTEX_INITIALIZER;

void maintain_lock(void)
{
    pthread_mutex_lock(&round_lock);
}

void maintain_unlock(void)
{
    pthread_mutex_unlock(&round_lock);
}

static void round_of(struct shard *s, int64_t retention, bool low)
{
    int64_t now = clock_now_ms();
    unsigned share = low ? 1 : (unsigned)setting_get(&set_store_compact_share);
    maintain_lock();
    if (prune_shard(s, now - retention, NULL) ||
        sweep_shard(s, now - (low ? 0 : BLOB_GRACE_MS), NULL) ||
        compact_shard(s, share, false, NULL, NULL))
        metric_inc(&metric_store_maintenance_failures_total);
    maintain_unlock();
}

/* Whoever kept mail for less than was promised says so: each time that it becomes less, and when it
   is as it should be again. */
static void tell(enum disk_state disk, int64_t wanted)
{
    static const char *const names[] = {[DISK_OK] = "ok", [DISK_LOW] = "low", [DISK_FULL] = "full"};
    if (disk == m.told && m.retention == m.told_retention)
        return;
    m.told = disk;
    m.told_retention = m.retention;
    disk_told(&(struct disk_told){.state = names[disk],
                                  .free_bytes = reserve_free(),
                                  .retention_ms = m.retention,
                                  .wanted_ms = wanted});
}

/* The oldest goes first: half of the time is taken away at each round until there is room. */
int64_t maintain_retention(enum disk_state disk)
{
    int64_t want = setting_get(&set_store_retention);
    if (disk == DISK_OK || m.retention > want)
        m.retention = want;
    else
        m.retention /= 2;
    metric_set(&metric_store_retention_seconds, 0, m.retention / 1000);
    tell(disk, want);
    return m.retention;
}

static bool sleep_ms(int64_t ms)
{
    struct timespec until;
    clock_deadline(ms, &until);
    pthread_mutex_lock(&m.lock);
    while (!m.stop && pthread_cond_timedwait(&m.wake, &m.lock, &until) != ETIMEDOUT)
        ;
    bool go = !m.stop;
    pthread_mutex_unlock(&m.lock);
    return go;
}

static bool stopped(void)
{
    pthread_mutex_lock(&m.lock);
    bool s = m.stop;
    pthread_mutex_unlock(&m.lock);
    return s;
}

static void *maintain_main(void *arg)
{
    (void)arg;
    int64_t next = clock_mono_ms() + setting_get(&set_store_maintenance_interval);
    enum disk_state before = DISK_OK;
    while (sleep_ms(LOOK_MS)) {
        enum disk_state disk = reserve_look(store_dir());
        if (disk <= before && clock_mono_ms() < next) {
            before = disk;
            continue;
        }
        before = disk;
        int64_t retention = maintain_retention(disk);
        for (unsigned i = 0; i < store_count() && !stopped(); i++)
            round_of(shard_at(i), retention, disk != DISK_OK);
        next = clock_mono_ms() + setting_get(&set_store_maintenance_interval);
    }
    return NULL;
}

int maintain_start(struct err *e)
{
    sigset_t all, old;
    reserve_look(store_dir());
    m.stop = false;
    m.retention = m.told_retention = setting_get(&set_store_retention);
    m.told = DISK_OK;
    clock_cond_init(&m.wake);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int rc = pthread_create(&m.thread, NULL, maintain_main, NULL);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (rc)
        return err_set(e, ERR_IO, "a thread for the store's maintenance");
    m.running = true;
    return 0;
}

void maintain_stop(void)
{
    if (!m.running)
        return;
    pthread_mutex_lock(&m.lock);
    m.stop = true;
    pthread_cond_signal(&m.wake);
    pthread_mutex_unlock(&m.lock);
    pthread_join(m.thread, NULL);
    pthread_cond_destroy(&m.wake);
    m.running = false;
}
