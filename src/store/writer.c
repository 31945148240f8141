/* writer.c - the one thread that writes a shard. It takes every job that waits, runs all in one
   transaction, a job that fails leaving nothing behind, appends the new records to the open pack,
   syncs the pack, commits, and then tells the jobs; a small batch does without the first of the two
   syncs (tail.h). So the number of syncs does not grow with the number of messages, and a reply
   never comes before its bytes are on the disk.

   After a failed write, sync or commit nothing is tried again on the same descriptor: the batch
   gets a temporary error, the pack is sealed at what was committed, the database is opened anew,
   and the next batch begins a new pack. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/job.h"
#include "store/notice.h"
#include "store/outbox.h"
#include "store/schema.h"
#include "store/shard.h"
#include "store/tail.h"

SETTING(store, pack_max, SIZE, 512 * MiB, 1 * MiB, 64 * GiB,
        "A pack file that is larger is closed and a new one begins.");
SETTING(store, batch_max, INT, 256, 1, 10000,
        "Most jobs that one commit of a shard carries. More wait for the next.");
SETTING(store, batch_wait, TIME, 4, 0, 1 * SEC,
        "How long a commit waits for messages that are being prepared for it at this moment, and "
        "for as many jobs as there were around the commit before. 0: not at all.");
SETTING(store, tail_max, SIZE, 32 * KiB, 0, 16 * MiB,
        "A commit with fewer bytes of messages puts them into the database's write-ahead log as "
        "well and does not wait for the pack file.");

METRIC_COUNTER(store_tails_total, "Commits that did not wait for a pack file");
METRIC_COUNTER(store_commits_total, "Commits of the shards' writers");
METRIC_COUNTER(store_jobs_total, "Write jobs in those commits");
METRIC_COUNTER(store_batch_failures_total, "Commits that failed");
METRIC_COUNTER(store_batches_again_total,
               "Batches that were run again, each job apart, because one failed");
METRIC_COUNTER(store_written_bytes_total, "Bytes appended to pack files");
METRIC_HISTOGRAM(store_commit_seconds, "Time from the begin of a batch to its commit");
METRIC_DECLARE(job_queue);
METRIC_SIZES(store_batch_jobs, "Write jobs in each commit");
METRIC_HISTOGRAM(store_sync_seconds, "Time that a commit waited for the disk: pack and database");
METRIC_HISTOGRAM(store_queue_seconds, "Time that write jobs waited for the writer");

DB_STMT(pack_last, "SELECT COALESCE(MAX(n.id), 0) FROM (SELECT MAX(id) AS id FROM pack UNION ALL "
                   "SELECT MAX(pack) FROM pack_tail) n");
DB_STMT(pack_seal_all, "UPDATE pack SET state = 1 WHERE state = 0");
DB_STMT(pack_begin, "INSERT INTO pack (id, state, committed, dead, created_at) "
                    "VALUES ($1, 0, $2, 0, $3)");
DB_STMT(pack_grow, "UPDATE pack SET committed = $2 WHERE id = $1");

int (*writer_sync)(int fd) = fdatasync;

static void doing(struct shard *s, enum shard_doing what)
{
    atomic_store_explicit(&s->now.doing, what, memory_order_relaxed);
}

static void show_pack(struct shard *s)
{
    s->now.pack = s->pack.fd >= 0 ? s->pack.id : 0;
    s->now.pack_bytes = s->pack.committed;
}

/* When each part of a batch was over. */
struct batch_times {
    int64_t began, ran, wrote, synced, end;
};

/* --- the open pack -------------------------------------------------------------------------- */

static void pack_close(struct pack_writer *p)
{
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

static int pack_row(struct shard *s, uint64_t *ret_id, struct err *e)
{
    int64_t last = 0;
    if (db_run(s->db, &stmt_pack_seal_all, e, "") ||
        db_get_i64(s->db, &stmt_pack_last, &last, e, "") < 0)
        return -1;
    *ret_id = (uint64_t)last + 1;
    return db_run(s->db, &stmt_pack_begin, e, "iii", last + 1, (int64_t)PACK_HEAD, clock_now_ms());
}

/* The file first, durable with its name, then its row, in a transaction of its own. */
static int pack_begin(struct shard *s, struct err *e)
{
    struct pack_writer *p = &s->pack;
    if (db_begin(s->db, DB_WRITE, e))
        return -1;
    uint64_t id, mark = 0;
    int fd = -1;
    int rc = pack_row(s, &id, e);
    if (rc == 0)
        rc = pack_create(s->packs.dir, s->id, id, &fd, e);
    if (rc == 0)
        rc = pack_mark(fd, &mark, e);
    if (rc == 0 && writer_sync(fd))
        rc = err_errno(e, ERR_IO, "syncing a new pack");
    if (rc == 0)
        rc = dir_sync(s->packs.dir, e);
    if (rc == 0)
        rc = db_commit(s->db, e);
    if (rc) {
        db_rollback(s->db);
        fd_closep(&fd);
        return -1;
    }
    p->fd = fd;
    p->id = id;
    p->mark = mark;
    p->committed = p->next = PACK_HEAD;
    return 0;
}

void writer_append(struct shard *s, struct blob_staged *staged, const struct record_origin *o,
                   uint64_t *ret_pack, uint64_t *ret_at)
{
    struct pack_writer *p = &s->pack;
    if (p->n == p->cap) {
        p->cap = p->cap ? p->cap * 2 : 64;
        p->pending = reallocarray(p->pending, p->cap, sizeof *p->pending);
        BUG_IF(!p->pending);
    }
    p->pending[p->n++] = (struct pending){blob_staged_ref(staged), *o};
    *ret_pack = p->id;
    *ret_at = p->next;
    p->next += record_length(&staged->frames);
}

/* What was to be appended after the first n records is not. */
static void pending_cut(struct pack_writer *p, size_t n)
{
    while (p->n > n) {
        struct pending *last = &p->pending[--p->n];
        p->next -= record_length(&last->staged->frames);
        blob_staged_unref(last->staged);
    }
}

static int write_vector(int fd, struct iovec *v, size_t n, uint64_t at)
{
    while (n) {
        ssize_t w = pwritev(fd, v, (int)(n < IOV_MAX ? n : IOV_MAX), (off_t)at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w <= 0)
            return -1;
        at += (uint64_t)w;
        for (; n && (size_t)w >= v->iov_len; v++, n--)
            w -= (ssize_t)v->iov_len;
        if (w) {
            v->iov_base = (char *)v->iov_base + w;
            v->iov_len -= (size_t)w;
        }
    }
    return 0;
}

/* The same bytes for the log, so that the pack can be synced later. */
static int pending_tail(struct shard *s, const struct iovec *v, size_t n, struct err *e)
{
    struct pack_writer *p = &s->pack;
    BUF_SCOPE bytes = {.max = SIZE_MAX / 2};
    buf_reserve(&bytes, (size_t)(p->next - p->committed));
    for (size_t i = 0; i < n; i++)
        buf_add(&bytes, slice_of(v[i].iov_base, v[i].iov_len));
    p->tail = ++p->tails;
    pthread_mutex_lock(&s->lock);
    s->tails.given = p->tail;
    pthread_mutex_unlock(&s->lock);
    return tail_put(s->db, p->tail, p->id, p->committed, buf_slice(&bytes), e);
}

/* The descriptor is not asked again: rows whose bytes are not settled are written anew. */
static void failure_noted(struct shard *s)
{
    pthread_mutex_lock(&s->lock);
    s->tails.anew = s->tails.last > s->tails.settled;
    s->tails.failures++;
    pthread_mutex_unlock(&s->lock);
}

/* The sync and the note that it failed are one step: another sync of the file succeeds after that,
   and says nothing of the bytes that were lost. */
static int pending_sync(struct shard *s, struct err *e)
{
    struct pack_writer *p = &s->pack;
    doing(s, SHARD_SYNCING);
    pthread_mutex_lock(&s->sync_lock);
    int rc = writer_sync(p->fd)
                 ? err_errno(e, ERR_IO, "syncing pack %llu", (unsigned long long)p->id)
                 : 0;
    if (rc)
        failure_noted(s);
    pthread_mutex_unlock(&s->sync_lock);
    p->synced = rc == 0;
    return rc;
}

/* A pack that is full is synced, and with it all that stands before. */
static bool fits_tail(const struct pack_writer *p)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->pending[i].staged->frames.in_file)
            return false;
    return p->next - p->committed < (uint64_t)setting_get(&set_store_tail_max) &&
           p->next < (uint64_t)setting_get(&set_store_pack_max);
}

/* The records in order, two pieces each: head, and frames where they are in memory. */
static int write_records(const struct pack_writer *p, struct iovec *v)
{
    uint64_t at = p->committed;
    size_t first = 0, k = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct frames *f = &p->pending[i].staged->frames;
        k += f->bytes.n ? 2 : 1;
        if (!f->in_file)
            continue;
        size_t n = 0;
        for (size_t j = first; j < k; j++)
            n += v[j].iov_len;
        if (write_vector(p->fd, v + first, k - first, at) || frames_copy(f, p->fd, at + n))
            return -1;
        at += n + f->stored;
        first = k;
    }
    return write_vector(p->fd, v + first, k - first, at);
}

static int pending_write(struct shard *s, struct batch_times *times, struct err *e)
{
    struct pack_writer *p = &s->pack;
    if (!p->n)
        return 0;
    BUF_SCOPE heads = {0};
    heads.max = SIZE_MAX / 2;
    for (size_t i = 0; i < p->n; i++)
        record_head(&p->pending[i].staged->frames, &p->pending[i].origin, p->mark, &heads);
    struct iovec *v = calloc(p->n * 2, sizeof *v);
    BUG_IF(!v);
    bool tail = fits_tail(p);
    size_t at = 0, k = 0;
    for (size_t i = 0; i < p->n; i++) {
        const struct frames *f = &p->pending[i].staged->frames;
        size_t n = RECORD_HEAD + RECORD_FRAME * f->n;
        v[k++] = (struct iovec){heads.p + at, n};
        if (f->bytes.n)
            v[k++] = (struct iovec){f->bytes.p, f->bytes.n};
        at += n;
    }
    int rc = tail ? pending_tail(s, v, k, e) : 0;
    if (rc == 0 && write_records(p, v))
        rc = err_errno(e, ERR_IO, "writing pack %llu", (unsigned long long)p->id);
    free(v);
    times->wrote = clock_mono_us();
    if (rc || (!tail && pending_sync(s, e)))
        return -1;
    times->synced = clock_mono_us();
    return db_run(s->db, &stmt_pack_grow, e, "ii", (int64_t)p->id, (int64_t)p->next);
}

/* --- a batch -------------------------------------------------------------------------------- */

struct batch_item {
    struct job *job;
    enum job_next next;
    int64_t ran_us, inside_us; /* inside: spent_inside before this batch */
    struct txn txn;
};

/* What a job that failed did to the database is the caller's to undo. */
static bool job_works(struct shard *s, struct batch_item *b)
{
    struct job *job = b->job;
    struct txn *t = &b->txn;
    free(t->notices); /* of the run before */
    *t = (struct txn){.shard = s, .db = s->db, .account = job->account, .write = true};
    size_t mark = s->pack.n;
    int64_t began = clock_mono_us();
    job->err = (struct err){0};
    s->now.what = job->what;
    spent_use(&job->spent);
    b->next = job->run(job, t);
    spent_use(NULL);
    s->now.what = NULL;
    if (!job->err.code && t->err.code)
        job->err = t->err;
    if (!job->err.code)
        account_flush(t, &job->err);
    b->ran_us = clock_mono_us() - began;
    if (!job->err.code)
        return true;
    pending_cut(&s->pack, mark);
    t->notices_n = 0;
    t->loaded = t->outbox = false;
    return false;
}

/* The job did its work, or nothing of it is left. */
static int run_apart(struct shard *s, struct batch_item *b, struct err *e)
{
    if (db_savepoint(s->db, e))
        return -1;
    return job_works(s, b) ? db_savepoint_release(s->db, e) : db_savepoint_rollback(s->db, e);
}

/* Rows of pack_tail that are no longer needed go with the batch. */
static int drop_settled(struct shard *s, struct err *e)
{
    pthread_mutex_lock(&s->lock);
    int64_t settled = s->tails.settled;
    pthread_mutex_unlock(&s->lock);
    if (settled <= s->pack.dropped)
        return 0;
    s->pack.dropped = settled;
    return tail_drop(s->db, settled, e);
}

static int batch_begin(struct shard *s, struct err *e)
{
    s->pack.tail = 0;
    s->pack.synced = false;
    return db_begin(s->db, DB_WRITE, e) || drop_settled(s, e) ? -1 : 0;
}

static bool all_again(const struct batch_item *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!b[i].job->again)
            return false;
    return true;
}

/* One job failed: nothing of the batch is left. */
static int batch_undo(struct shard *s, int64_t dropped, const struct err *why, struct err *e)
{
    if (db_is_ailing(s->db))
        return err_set(e, why->code, "%s", why->text);
    db_rollback(s->db);
    pending_cut(&s->pack, 0);
    s->pack.dropped = dropped;
    metric_inc(&metric_store_batches_again_total);
    return batch_begin(s, e);
}

/* Before the first change of a page in a savepoint SQLite copies it, and a delivery changes a
   dozen. So jobs that may be run again share the transaction without savepoints, and only when one
   fails they run again, each in its own. */
static int run_jobs(struct shard *s, struct batch_item *b, size_t n, struct err *e)
{
    int64_t dropped = s->pack.dropped;
    if (batch_begin(s, e))
        return -1;
    if (all_again(b, n)) {
        size_t i = 0;
        while (i < n && job_works(s, &b[i]))
            i++;
        if (i == n)
            return 0;
        if (batch_undo(s, dropped, &b[i].job->err, e))
            return -1;
    }
    for (size_t i = 0; i < n; i++)
        if (run_apart(s, &b[i], e))
            return -1;
    return 0;
}

static int run_all(struct shard *s, struct batch_item *b, size_t n, struct batch_times *at,
                   struct err *e)
{
    if (run_jobs(s, b, n, e))
        return -1;
    at->ran = at->wrote = at->synced = clock_mono_us();
    doing(s, SHARD_WRITING);
    if (pending_write(s, at, e))
        return -1;
    doing(s, SHARD_COMMITTING);
    return db_commit(s->db, e);
}

static void committed(struct shard *s, struct batch_item *b, size_t n)
{
    struct pack_writer *p = &s->pack;
    metric_add(&metric_store_written_bytes_total, 0, (int64_t)(p->next - p->committed));
    p->committed = p->next;
    pending_cut(p, 0);
    p->next = p->committed;
    bool early = p->full;
    if (early || p->committed >= (uint64_t)setting_get(&set_store_pack_max))
        pack_close(p);
    p->full = false;
    for (size_t i = 0; i < n; i++) {
        struct txn *t = &b[i].txn;
        if (t->loaded)
            account_usage_known(t->account, t->row.bytes, t->row.quota);
        for (size_t k = 0; k < t->notices_n; k++)
            notice_publish(&(struct notice){.account = t->account,
                                            .collection = t->notices[k].collection,
                                            .modseq = t->row.modseq,
                                            .kinds = t->notices[k].kinds});
        if (t->outbox)
            outbox_added(s->id);
    }
    atomic_fetch_add(&s->commits, 1);
    if (p->tail)
        metric_inc(&metric_store_tails_total);
    pthread_mutex_lock(&s->lock);
    if (p->tail) {
        s->tails.last = p->tail;
        s->tails.pack = p->id;
    } else if (p->synced && !s->tails.anew)
        s->tails.settled = s->tails.last;
    if (early && s->tails.settled < s->tails.last)
        s->tails.anew = true; /* what is unsynced belongs to more than one pack from here on */
    int coming = atomic_load(&s->coming);
    s->expected = s->taken + s->arrived + (coming > 0 ? (size_t)coming : 0);
    bool wake = s->checkpointer_waits;
    s->checkpointer_waits = false;
    pthread_mutex_unlock(&s->lock);
    if (wake)
        pthread_cond_signal(&s->wake_checkpointer);
}

static void failed(struct shard *s, struct batch_item *b, size_t n, const struct err *why)
{
    metric_inc(&metric_store_batch_failures_total);
    failure_noted(s);
    s->pack.dropped = 0;
    pending_cut(&s->pack, 0);
    pack_close(&s->pack);
    if (s->db) {
        db_rollback(s->db);
        db_close(s->db);
        s->db = NULL;
    }
    for (size_t i = 0; i < n; i++) {
        b[i].next = JOB_DONE;
        err_set(&b[i].job->err, ERR_IO, "%s", why->text);
    }
}

/* A job is over when its batch is: what the others took is the price of the common commit. */
static void tell_times(struct batch_item *b, size_t n, const struct batch_times *at)
{
    int64_t sync = at->end - at->wrote;
    for (size_t i = 0; i < n; i++) {
        struct job *job = b[i].job;
        int64_t inside = spent_inside(&job->spent) - b[i].inside_us;
        job->spent.us[SPENT_QUEUE] += at->began - job->queued_us;
        job->spent.us[SPENT_RUN] += b[i].ran_us - inside;
        int64_t others = at->wrote - at->began - b[i].ran_us;
        job->spent.us[SPENT_COMMIT] += others > 0 ? others : 0; /* a batch may end in the middle */
        job->spent.us[SPENT_SYNC] += sync;
        job_count(PLACE_WRITE, at->began - job->queued_us, b[i].ran_us);
    }
}

static struct slow_write describe(const struct shard *s, const struct batch_item *b, size_t n,
                                  const struct batch_times *at)
{
    struct slow_write w = {.shard = s->id,
                           .jobs = n,
                           .run_us = at->ran - at->began,
                           .write_us = at->wrote - at->ran,
                           .sync_us = at->synced - at->wrote,
                           .commit_us = at->end - at->synced};
    for (size_t i = 0; i < n; i++)
        if (b[i].ran_us > w.slowest_us) {
            w.slowest_us = b[i].ran_us;
            w.slowest = b[i].job->what;
        }
    return w;
}

static void batch(struct shard *s, struct batch_item *b, size_t n)
{
    struct err e = {0};
    int64_t start = clock_mono_us();
    struct batch_times at = {.began = start, .ran = start, .wrote = start, .synced = start};
    s->now.jobs = (unsigned)n;
    s->now.began_us = start;
    doing(s, SHARD_RUNNING);
    for (size_t i = 0; i < n; i++) {
        b[i].inside_us = spent_inside(&b[i].job->spent);
        metric_observe_us(&metric_store_queue_seconds, start - b[i].job->queued_us);
    }
    int rc = s->db ? 0 : shard_open_db(s, &e);
    if (rc == 0 && s->pack.fd < 0)
        rc = pack_begin(s, &e);
    if (rc == 0)
        rc = run_all(s, b, n, &at, &e);
    uint64_t bytes = rc == 0 ? s->pack.next - s->pack.committed : 0;
    at.end = clock_mono_us();
    struct slow_write w = describe(s, b, n, &at);
    if (rc == 0)
        committed(s, b, n);
    else
        failed(s, b, n, &e);
    metric_inc(&metric_store_commits_total);
    metric_add(&metric_store_jobs_total, 0, (int64_t)n);
    metric_observe(&metric_store_batch_jobs, 0, (int64_t)n);
    metric_observe_us(&metric_store_sync_seconds, at.end - at.wrote);
    metric_observe_us(&metric_store_commit_seconds, clock_mono_us() - start);
    tell_times(b, n, &at);
    show_pack(s);
    doing(s, SHARD_IDLE);
    for (size_t i = 0; i < n; i++) {
        free(b[i].txn.notices);
        job_finish(b[i].job, b[i].next);
    }
    w.bytes = bytes;
    w.failed = rc != 0;
    writer_told(&w, at.end - start);
}

/* Jobs that are being prepared come soon, and so do those of clients that have just been answered:
   one commit for all of them costs less than two. Whoever is alone waits for nobody. Under the
   lock. */
static bool more_come(struct shard *s)
{
    return !s->stop && s->queued < s->batch_max &&
           (s->arrived < s->expected || atomic_load(&s->coming) > 0);
}

static void gather(struct shard *s)
{
    struct timespec until;
    int64_t ms = setting_get(&set_store_batch_wait);
    if (ms == 0 || !more_come(s))
        return;
    clock_deadline(ms, &until);
    while (more_come(s)) {
        s->gathers = true;
        if (pthread_cond_timedwait(&s->wake, &s->lock, &until) == ETIMEDOUT)
            break;
    }
    s->gathers = false;
}

void store_write_coming(uint64_t account, int by)
{
    if (store_is_open())
        atomic_fetch_add(&shard_of(account)->coming, by);
}

/* What the checkpointer could not reach, because commits came behind it. The log begins again at
   its front then, over blocks that are there: a file that grows costs each sync the inode. */
static void move_rest(struct shard *s)
{
    if (s->db && db_checkpoint(s->db, DB_CHECKPOINT_MOVE, NULL, NULL)) {
        db_close(s->db); /* an error may stay with the descriptor: a new one for the next batch */
        s->db = NULL;
    }
}

static void *writer_main(void *arg)
{
    struct shard *s = arg;
    size_t max = s->batch_max;
    struct batch_item *b = calloc(max, sizeof *b);
    BUG_IF(!b);
    for (;;) {
        size_t n = 0;
        pthread_mutex_lock(&s->lock);
        while (!s->head && !s->stop) {
            s->writer_waits = true;
            pthread_cond_wait(&s->wake, &s->lock);
        }
        s->writer_waits = false;
        gather(s);
        while (s->head && n < max) {
            struct job *job = s->head;
            s->head = job->queued_next;
            metric_add(&metric_job_queue, PLACE_WRITE, -1);
            s->queued--;
            b[n++] = (struct batch_item){.job = job, .next = JOB_DONE};
        }
        if (!s->head)
            s->tail = &s->head;
        s->taken = s->arrived;
        s->arrived = 0;
        bool end = s->stop && n == 0;
        pthread_mutex_unlock(&s->lock);
        if (end)
            break;
        batch(s, b, n);
        if (atomic_exchange(&s->move_rest, false))
            move_rest(s);
    }
    free(b);
    return NULL;
}

void writer_submit(struct job *first)
{
    struct shard *s = shard_of(first->account);
    struct job *last = first;
    int64_t now = clock_mono_us();
    size_t n = 1;
    for (;; n++) {
        last->queued_us = now;
        metric_add(&metric_job_queue, PLACE_WRITE, 1);
        if (!last->queued_next)
            break;
        last = last->queued_next;
    }
    pthread_mutex_lock(&s->lock);
    *s->tail = first;
    s->tail = &last->queued_next;
    s->queued += n;
    s->arrived++;
    bool wake = s->writer_waits || (s->gathers && !more_come(s));
    if (wake)
        s->writer_waits = s->gathers = false;
    pthread_mutex_unlock(&s->lock);
    if (wake)
        pthread_cond_signal(&s->wake);
}

int writer_start(struct shard *s, struct err *e)
{
    sigset_t all, before;
    s->tail = &s->head;
    s->queued = s->arrived = s->taken = s->expected = 0;
    s->batch_max = (size_t)setting_get(&set_store_batch_max);
    s->writer_waits = s->gathers = s->checkpointer_waits = false;
    pthread_mutex_init(&s->lock, NULL);
    clock_cond_init(&s->wake);
    clock_cond_init(&s->wake_checkpointer);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&s->writer, NULL, writer_main, s);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc)
        return err_set(e, ERR_IO, "a thread for shard %u: %s", s->id, strerror(rc));
    s->running = true;
    return 0;
}

void writer_stop(struct shard *s)
{
    if (!s->running)
        return;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->writer, NULL);
    s->running = false;
    pack_close(&s->pack);
    free(s->pack.pending);
    pthread_mutex_destroy(&s->lock);
    pthread_cond_destroy(&s->wake);
    pthread_cond_destroy(&s->wake_checkpointer);
}
