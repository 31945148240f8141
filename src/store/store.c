/* store.c - opening and closing: the directory's format file and lock, recovery of each shard, the
   pool of readers, and write jobs for callers without a loop.

   STATE/shards/format says how many shards there are and which release may open them;
   STATE/shards/N.db and STATE/packs/N/ are the shards. */
#include "store/store.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/random.h"
#include "base/setting.h"
#include "store/maintain.h"
#include "store/schema.h"
#include "store/shard.h"
#include "store/tail.h"
#include "store/view_cache.h"

enum { SHARDS_MAX = 64 };

SETTING(store, writer_cache, SIZE, 16 * MiB, 1 * MiB, 16 * GiB,
        "Page cache of each shard's writer.");
SETTING_DECLARE(store, pack_max);

static struct {
    bool open, read_only;
    unsigned n;
    struct shard *shards;
    int lock_fd;
    char dir[400], packs[410];
} store = {.lock_fd = -1};

unsigned store_count(void)
{
    return store.n;
}

unsigned store_shards(void)
{
    return store.n;
}

bool store_is_open(void)
{
    return store.open;
}

const char *store_dir(void)
{
    return store.dir;
}

const char *store_packs_dir(void)
{
    return store.open && !store.read_only ? store.packs : NULL;
}

struct shard *shard_at(unsigned i)
{
    BUG_IF(i >= store.n);
    return &store.shards[i];
}

struct shard *shard_of(uint64_t account)
{
    BUG_IF(!store.n);
    return &store.shards[account % store.n];
}

/* --- the format file ------------------------------------------------------------------------ */

static int format_bad(struct err *e, const char *path)
{
    return err_set(e, ERR_CORRUPT, "%s is not a format file of the store", path);
}

static int format_parse(struct slice text, const char *path, unsigned *ret_shards, struct err *e)
{
    uint64_t format = 0, reader = 0, shards = 0;
    struct slice release = S("");
    if (!slice_starts(text, S("carbonado store\n")))
        return format_bad(e, path);
    while (text.p) {
        struct slice value = slice_cut(&text, '\n');
        struct slice name = slice_cut(&value, ' ');
        if (slice_eq(name, S("release")))
            release = value;
        uint64_t *into = slice_eq(name, S("format"))   ? &format
                         : slice_eq(name, S("reader")) ? &reader
                         : slice_eq(name, S("shards")) ? &shards
                                                       : NULL;
        if (into && slice_u64(value, into))
            return format_bad(e, path);
    }
    if (reader > STORE_FORMAT)
        return err_set(e, ERR_UNSUPPORTED,
                       "%s: the store is of a newer release: install carbonado %.*s%sor newer",
                       path, SARG(release), release.n ? " " : "");
    if (!reader || !shards || shards > SHARDS_MAX)
        return format_bad(e, path);
    *ret_shards = (unsigned)shards;
    return 0;
}

static unsigned default_shards(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores < 2 ? 2 : cores > 16 ? 16 : (unsigned)cores;
}

int store_format_read(const char *dir, unsigned *ret_shards, struct err *e)
{
    char path[512];
    BUF_SCOPE b = {.max = 4096};
    snprintf(path, sizeof path, "%s/shards/format", dir);
    return file_read(path, &b, e) ? -1 : format_parse(buf_slice(&b), path, ret_shards, e);
}

int store_format_write(const char *dir, unsigned shards, struct err *e)
{
    char path[512];
    BUF_SCOPE b = {.max = 4096};
    snprintf(path, sizeof path, "%s/shards/format", dir);
    buf_addf(&b, "carbonado store\nformat %u\nreader %u\nrelease %s\nshards %u\n", STORE_FORMAT,
             STORE_FORMAT, STORE_FORMAT_RELEASE, shards);
    return file_replace(path, buf_slice(&b), 0600, e);
}

static int format_open(const struct store_config *c, unsigned *ret_shards, struct err *e)
{
    struct err why = {0};
    if (store_format_read(c->dir, ret_shards, &why) == 0) {
        if (c->shards && c->shards != *ret_shards)
            return err_set(e, ERR_CONFLICT, "the store has %u shards, not %u", *ret_shards,
                           c->shards);
        return 0;
    }
    if (why.code != ERR_NOTFOUND || c->read_only)
        return err_set(e, why.code, "%s", why.text);
    *ret_shards = c->shards ? c->shards : default_shards();
    if (*ret_shards > SHARDS_MAX)
        return err_set(e, ERR_LIMIT, "at most %u shards", SHARDS_MAX);
    return store_format_write(c->dir, *ret_shards, e);
}

int store_lock(const char *dir, int *ret_fd, struct err *e)
{
    char path[512];
    snprintf(path, sizeof path, "%s/shards/lock", dir);
    AUTO_FD fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(e, ERR_IO, "%s", path);
    if (flock(fd, LOCK_EX | LOCK_NB))
        return err_set(e, ERR_BUSY, "the store in %s is open in another process", dir);
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int store_upgrade(const char *dir, struct err *e)
{
    char path[512];
    unsigned n = 0;
    AUTO_FD lock = -1;
    struct err why = {0};
    if (store_format_read(dir, &n, &why))
        return why.code == ERR_NOTFOUND ? 0 : err_set(e, why.code, "%s", why.text);
    if (store_lock(dir, &lock, e))
        return -1;
    for (unsigned i = 0; i < n; i++) {
        struct db *db;
        snprintf(path, sizeof path, "%s/shards/%u.db", dir, i);
        if (db_renew_log(path, e) || db_open_sqlite(path, 0, &db, e))
            return -1;
        int rc = schema_open(db, i, n, e);
        db_close(db);
        if (rc)
            return -1;
    }
    return store_format_write(dir, n, e);
}

/* --- recovery ------------------------------------------------------------------------------- */

DB_STMT(packs_in_state, "SELECT id, committed FROM pack WHERE state = $1 ORDER BY id");
DB_STMT(pack_forget, "DELETE FROM pack WHERE id = $1");
DB_STMT(blobs_newest, "SELECT b.pack, b.at, b.stored, p.committed FROM blob b "
                      "LEFT JOIN pack p ON p.id = b.pack ORDER BY b.id DESC LIMIT 1000");

struct pack_known {
    int64_t id, committed;
};

static int packs_in(struct shard *s, int64_t state, struct pack_known *ret, size_t max,
                    size_t *ret_n, struct err *e)
{
    struct db_query *q = db_query(s->db, &stmt_packs_in_state);
    db_bind_i64(q, 1, state);
    size_t n = 0;
    int rc;
    while ((rc = db_next(q, e)) > 0 && n < max)
        ret[n++] = (struct pack_known){db_i64(q, 0), db_i64(q, 1)};
    db_end(q);
    *ret_n = n;
    return rc < 0 ? -1 : 0;
}

/* Compaction that did not come to its end: what it copied nobody knows yet, what it emptied
   nobody needs any more. */
static int forget_half_done(struct shard *s, struct err *e)
{
    for (int64_t state = PACK_FILLING; state <= PACK_RETIRED; state++) {
        struct pack_known k[256];
        size_t n;
        do {
            if (packs_in(s, state, k, 256, &n, e))
                return -1;
            for (size_t i = 0; i < n; i++)
                if (!packs_retire(&s->packs, (uint64_t)k[i].id) ||
                    db_run(s->db, &stmt_pack_forget, e, "i", k[i].id))
                    return e->code ? -1 : err_set(e, ERR_IO, "removing an old pack");
        } while (n == 256);
    }
    return 0;
}

/* The open pack is cut to what was committed; writing goes on behind it, but not in one of another
   format, which programs may read that do not know what stands in ours. */
static int take_open_pack(struct shard *s, struct err *e)
{
    struct pack_known k;
    struct stat st;
    uint32_t format;
    size_t n;
    if (packs_in(s, PACK_OPEN, &k, 1, &n, e))
        return -1;
    if (n == 0)
        return 0;
    AUTO_FD fd = -1;
    if (pack_open(s->packs.dir, s->id, (uint64_t)k.id, true, &fd, e))
        return -1;
    if (pack_mark(fd, &s->pack.mark, e) || pack_format(fd, &format, e))
        return -1;
    if (fstat(fd, &st))
        return err_errno(e, ERR_IO, "pack %lld", (long long)k.id);
    if (st.st_size < k.committed)
        return err_set(e, ERR_CORRUPT,
                       "pack %lld of shard %u is shorter than what was committed: run "
                       "carbonado store check --repair",
                       (long long)k.id, s->id);
    if (st.st_size > k.committed && (ftruncate(fd, k.committed) || fsync(fd)))
        return err_errno(e, ERR_IO, "cutting pack %lld", (long long)k.id);
    if (k.committed >= setting_get(&set_store_pack_max) || format != PACK_FORMAT)
        return 0;
    s->pack.id = (uint64_t)k.id;
    s->pack.committed = s->pack.next = (uint64_t)k.committed;
    s->pack.fd = TAKE_FD(fd);
    return 0;
}

static int blobs_lie_below(struct shard *s, struct err *e)
{
    struct db_query *q = db_query(s->db, &stmt_blobs_newest);
    int rc;
    bool bad = false;
    while ((rc = db_next(q, e)) > 0 && !bad)
        bad = db_is_null(q, 3) || db_i64(q, 1) + db_i64(q, 2) > db_i64(q, 3);
    db_end(q);
    if (bad)
        return err_set(e, ERR_CORRUPT,
                       "shard %u has blobs behind the end of a pack: run carbonado store check "
                       "--repair",
                       s->id);
    return rc < 0 ? -1 : 0;
}

int shard_open_db(struct shard *s, struct err *e)
{
    char sql[128];
    if (db_open_sqlite(s->db_path, DB_CREATE | DB_NO_CHECKPOINT, &s->db, e))
        return -1;
    snprintf(sql, sizeof sql, "PRAGMA cache_size = -%lld; PRAGMA secure_delete = FAST",
             (long long)(setting_get(&set_store_writer_cache) / KiB));
    if (schema_open(s->db, s->id, store.n, e) || db_script(s->db, sql, e)) {
        db_close(s->db);
        s->db = NULL;
        return -1;
    }
    return 0;
}

static void shard_paths(struct shard *s, unsigned id)
{
    char packs[512];
    s->id = id;
    s->pack.fd = -1;
    snprintf(s->db_path, sizeof s->db_path, "%s/shards/%u.db", store.dir, id);
    snprintf(packs, sizeof packs, "%s/packs/%u", store.dir, id);
    packs_init(&s->packs, id, packs);
    pthread_mutex_init(&s->readers_lock, NULL);
    pthread_mutex_init(&s->sync_lock, NULL);
}

/* When all connections were closed after failures, the log would be read anew and a commit that was
   refused could be found there. */
static int hold_open(struct shard *s, struct err *e)
{
    return db_open_sqlite(s->db_path, DB_READONLY | DB_NO_CHECKPOINT, &s->held, e);
}

/* Nobody writes: the tables must be as this program knows them. */
static int shard_look(struct shard *s, struct err *e)
{
    struct db *db;
    if (db_open_sqlite(s->db_path, DB_READONLY | DB_NO_CHECKPOINT, &db, e))
        return -1;
    int rc = schema_look(db, e);
    db_close(db);
    return rc > 0 ? err_set(e, ERR_UNSUPPORTED, "shard %u is of an older release", s->id) : rc;
}

static int shard_open(struct shard *s, struct err *e)
{
    if (store.read_only)
        return shard_look(s, e);
    packs_shred_rest(&s->packs);
    return dir_make(s->packs.dir, 0700, e) || db_renew_log(s->db_path, e) || shard_open_db(s, e) ||
                   hold_open(s, e) || tail_recover(s->db, s->packs.dir, s->id, e) ||
                   forget_half_done(s, e) || take_open_pack(s, e) || blobs_lie_below(s, e) ||
                   writer_start(s, e) || checkpointer_start(s, e)
               ? -1
               : 0;
}

static void shard_close(struct shard *s)
{
    checkpointer_stop(s);
    writer_stop(s);
    while (s->idle) {
        struct reader *r = s->idle;
        s->idle = r->next;
        db_close(r->db);
        free(r);
    }
    if (s->db) {
        tail_recover(s->db, s->packs.dir, s->id, NULL); /* else the next start does it */
        db_checkpoint(s->db, DB_CHECKPOINT_CUT, NULL, NULL);
        db_close(s->db);
    }
    db_close(s->held);
    fd_closep(&s->pack.fd);
    packs_done(&s->packs);
    pthread_mutex_destroy(&s->readers_lock);
    pthread_mutex_destroy(&s->sync_lock);
}

int store_open(const struct store_config *c, struct err *e)
{
    char path[512];
    BUG_IF(store.open || store.n);
    if (strlen(c->dir) >= sizeof store.dir)
        return err_set(e, ERR_LIMIT, "the state directory's path is too long");
    snprintf(store.dir, sizeof store.dir, "%s", c->dir);
    snprintf(store.packs, sizeof store.packs, "%s/packs", c->dir);
    store.read_only = c->read_only;
    snprintf(path, sizeof path, "%s/shards", c->dir);
    unsigned n = 0;
    if (!c->read_only && (dir_make(path, 0700, e) || store_lock(c->dir, &store.lock_fd, e)))
        return -1;
    if (format_open(c, &n, e)) {
        fd_closep(&store.lock_fd);
        return -1;
    }
    store.shards = calloc(n, sizeof *store.shards);
    BUG_IF(!store.shards);
    store.n = n;
    for (unsigned i = 0; i < n; i++)
        shard_paths(&store.shards[i], i);
    for (unsigned i = 0; i < n; i++)
        if (shard_open(&store.shards[i], e)) {
            store_close();
            return -1;
        }
    store.open = true;
    if (!c->read_only) {
        jobs_set_writer(writer_submit);
        if (maintain_start(e)) {
            store_close();
            return -1;
        }
    }
    return 0;
}

void store_close(void)
{
    maintain_stop();
    for (unsigned i = 0; i < store.n; i++)
        shard_close(&store.shards[i]);
    view_cache_clear();
    account_usage_forget();
    free(store.shards);
    store.shards = NULL;
    store.n = 0;
    store.open = false;
    fd_closep(&store.lock_fd);
}

/* --- reading -------------------------------------------------------------------------------- */

static int reader_take(struct shard *s, struct reader **ret, struct err *e)
{
    pthread_mutex_lock(&s->readers_lock);
    struct reader *r = s->idle;
    if (r)
        s->idle = r->next;
    pthread_mutex_unlock(&s->readers_lock);
    if (!r) {
        r = calloc(1, sizeof *r);
        BUG_IF(!r);
        if (db_open_sqlite(s->db_path, DB_READONLY | DB_NO_CHECKPOINT, &r->db, e)) {
            free(r);
            return -1;
        }
    }
    *ret = r;
    return 0;
}

static int snapshot(struct shard *s, uint64_t account, struct txn **ret, struct err *e)
{
    struct reader *r;
    if (reader_take(s, &r, e))
        return -1;
    if (db_begin(r->db, DB_READ, e)) {
        db_close(r->db);
        free(r);
        return -1;
    }
    struct txn *t = calloc(1, sizeof *t);
    BUG_IF(!t);
    t->shard = s;
    t->db = r->db;
    t->reader = r;
    t->account = account;
    *ret = t;
    return 0;
}

int txn_read(uint64_t account, struct txn **ret, struct err *e)
{
    return snapshot(shard_of(account), account, ret, e);
}

int txn_read_shard(struct shard *s, struct txn **ret, struct err *e)
{
    return snapshot(s, s->id, ret, e);
}

void txn_end(struct txn *t)
{
    if (!t)
        return;
    BUG_IF(t->write);
    struct shard *s = t->shard;
    struct reader *r = t->reader;
    free(t);
    if (db_commit(r->db, NULL) || db_is_ailing(r->db)) {
        db_close(r->db);
        free(r);
        return;
    }
    pthread_mutex_lock(&s->readers_lock);
    r->next = s->idle;
    s->idle = r;
    pthread_mutex_unlock(&s->readers_lock);
}

uint64_t txn_account(const struct txn *t)
{
    return t->account;
}

/* --- writing and waiting -------------------------------------------------------------------- */

struct waiting {
    struct job job;
    int (*fn)(struct txn *t, void *arg, struct err *e);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool over;
};

static struct waiting *waiting_of(struct job *job)
{
    return (struct waiting *)(void *)((char *)job - offsetof(struct waiting, job));
}

static enum job_next waiting_run(struct job *job, struct txn *t)
{
    struct waiting *w = waiting_of(job);
    struct err e = {0};
    if (w->fn(t, w->arg, &e)) {
        job->err = e;
        if (!e.code)
            err_set(&job->err, ERR_BUG, "a write job failed without saying why");
    }
    return JOB_DONE;
}

static void waiting_done(struct job *job)
{
    struct waiting *w = waiting_of(job);
    pthread_mutex_lock(&w->lock);
    w->over = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

int store_write(uint64_t account, int (*fn)(struct txn *t, void *arg, struct err *e), void *arg,
                struct err *e)
{
    struct waiting w = {.job = {.place = PLACE_WRITE,
                                .account = account,
                                .run = waiting_run,
                                .what = "store",
                                .done = waiting_done},
                        .fn = fn,
                        .arg = arg};
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.wake, NULL);
    writer_submit(&w.job);
    pthread_mutex_lock(&w.lock);
    while (!w.over)
        pthread_cond_wait(&w.wake, &w.lock);
    pthread_mutex_unlock(&w.lock);
    pthread_mutex_destroy(&w.lock);
    pthread_cond_destroy(&w.wake);
    if (!w.job.err.code)
        return 0;
    return err_set(e, w.job.err.code, "%s", w.job.err.text);
}

int shard_write(struct shard *s, int (*fn)(struct txn *t, void *arg, struct err *e), void *arg,
                struct err *e)
{
    return store_write(s->id, fn, arg, e);
}
