/* compact.c - rewriting packs that are mostly dead. The living records are copied, checked, into a
   new pack, and get its mark; that is synced; then one transaction moves all their rows; then the
   old file is unlinked, as soon as nobody reads it. At any crash in between, one of the two packs
   is the true one. */
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/metric.h"
#include "store/maintain.h"
#include "store/schema.h"

METRIC_COUNTER(store_compacted_packs_total, "Packs rewritten by compaction");
METRIC_COUNTER(store_damaged_packs_total,
               "Packs that compaction left alone because they are damaged");

DB_STMT(compact_choose, "SELECT id, committed FROM pack WHERE state = 1 AND id > $1 AND "
                        "dead * 100 >= committed * $2 AND dead > 0 ORDER BY id LIMIT 1");
DB_STMT(compact_last, "SELECT COALESCE(MAX(id), 0) FROM pack");
DB_STMT(compact_begin, "INSERT INTO pack (id, state, committed, dead, created_at) "
                       "VALUES ($1, 2, 0, 0, $2)");
DB_STMT(compact_find, "SELECT id FROM blob WHERE hash = $1 AND pack = $2 AND at = $3");
DB_STMT(compact_move, "UPDATE blob SET pack = $2, at = $3 WHERE id = $1 AND pack = $4");
DB_STMT(compact_done, "UPDATE pack SET state = 1, committed = $2, dead = $3 WHERE id = $1");
DB_STMT(compact_retire, "UPDATE pack SET state = 3 WHERE id = $1");
DB_STMT(compact_forget, "DELETE FROM pack WHERE id = $1");
DB_STMT(compact_filling, "SELECT id FROM pack WHERE state = 2 AND id > $1 ORDER BY id LIMIT 1");
DB_STMT(compact_retired, "SELECT id FROM pack WHERE state = 3 AND id > $1 ORDER BY id LIMIT 1");

struct moved {
    int64_t blob;
    uint64_t at, length;
};

struct compaction {
    struct shard *shard;
    int64_t from, to;
    uint64_t from_end, to_end, mark;
    int from_fd, to_fd;
    struct moved *moved;
    size_t n, cap;
};

static int begin_job(struct txn *t, void *arg, struct err *e)
{
    struct compaction *c = arg;
    int64_t last = 0;
    if (db_get_i64(t->db, &stmt_compact_last, &last, e, "") < 0)
        return -1;
    c->to = last + 1;
    return db_run(t->db, &stmt_compact_begin, e, "ii", c->to, clock_now_ms());
}

static int forget_job(struct txn *t, void *arg, struct err *e)
{
    return db_run(t->db, &stmt_compact_forget, e, "i", *(int64_t *)arg);
}

static int finish_job(struct txn *t, void *arg, struct err *e)
{
    struct compaction *c = arg;
    int64_t dead = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (db_run(t->db, &stmt_compact_move, e, "iiii", c->moved[i].blob, c->to,
                   (int64_t)c->moved[i].at, c->from))
            return -1;
        if (db_changes(t->db) == 0) /* swept meanwhile */
            dead += (int64_t)c->moved[i].length;
    }
    if (c->n && db_run(t->db, &stmt_compact_done, e, "iii", c->to, (int64_t)c->to_end, dead))
        return -1;
    /* Nothing was alive: the new one is not needed. Its row stays until its file is gone, else the
       writer could begin a pack of that number. */
    if (!c->n && db_run(t->db, &stmt_compact_retire, e, "i", c->to))
        return -1;
    return db_run(t->db, &stmt_compact_retire, e, "i", c->from);
}

/* 1 alive, 0 not, -1 */
static int alive(struct compaction *c, const struct record *r, int64_t *ret_blob, struct err *e)
{
    struct txn *t;
    if (txn_read_shard(c->shard, &t, e))
        return -1;
    int rc = db_get_i64(t->db, &stmt_compact_find, ret_blob, e, "bii",
                        slice_of(r->hash, FRAME_HASH), c->from, (int64_t)r->at);
    txn_end(t);
    return rc;
}

static int copy_bytes(struct compaction *c, uint64_t from, uint64_t n, struct err *e)
{
    char b[FRAME_SIZE];
    while (n) {
        size_t take = n < sizeof b ? (size_t)n : sizeof b;
        if (fd_pread_full(c->from_fd, b, take, (int64_t)from) != (ptrdiff_t)take)
            return err_errno(e, ERR_IO, "reading pack %lld", (long long)c->from);
        if (fd_pwrite_all(c->to_fd, b, take, (int64_t)c->to_end))
            return err_errno(e, ERR_IO, "writing pack %lld", (long long)c->to);
        from += take;
        c->to_end += take;
        n -= take;
    }
    return 0;
}

/* The record's head and table, with the mark of the pack it goes to. */
static int copy_head(struct compaction *c, const struct record *r, struct err *e)
{
    size_t n = (size_t)(r->data - r->at);
    BUF_SCOPE head = {.max = n};
    char *p = buf_space(&head, n);
    BUG_IF(!p);
    if (fd_pread_full(c->from_fd, p, n, (int64_t)r->at) != (ptrdiff_t)n)
        return err_errno(e, ERR_IO, "reading pack %lld", (long long)c->from);
    record_remark(p, n, c->mark);
    if (fd_pwrite_all(c->to_fd, p, n, (int64_t)c->to_end))
        return err_errno(e, ERR_IO, "writing pack %lld", (long long)c->to);
    c->to_end += n;
    return 0;
}

static int copy_record(struct compaction *c, const struct record *r, int64_t blob, struct err *e)
{
    if (record_check(c->from_fd, r, e))
        return -1;
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 256;
        c->moved = reallocarray(c->moved, c->cap, sizeof *c->moved);
        BUG_IF(!c->moved);
    }
    c->moved[c->n++] = (struct moved){blob, c->to_end, r->end - r->at};
    return copy_head(c, r, e) ? -1 : copy_bytes(c, r->data, r->end - r->data, e);
}

static int copy_living(struct compaction *c, struct err *e)
{
    for (uint64_t at = PACK_HEAD; at < c->from_end;) {
        struct record r;
        int64_t blob = 0;
        if (record_read(c->from_fd, at, c->from_end, &r, e))
            return -1;
        int rc = alive(c, &r, &blob, e);
        if (rc > 0)
            rc = copy_record(c, &r, blob, e);
        at = r.end;
        record_done(&r);
        if (rc < 0)
            return -1;
    }
    if (writer_sync(c->to_fd))
        return err_errno(e, ERR_IO, "syncing pack %lld", (long long)c->to);
    return dir_sync(c->shard->packs.dir, e);
}

static int retire_job(struct txn *t, void *arg, struct err *e)
{
    return db_run(t->db, &stmt_compact_retire, e, "i", *(int64_t *)arg);
}

/* A commit that failed may be found in the log after a crash, and then the new pack is the true
   one. So its file stays until another commit has come behind; when that fails too, for the next
   round. */
static void give_up(struct compaction *c)
{
    shard_write(c->shard, retire_job, &c->to, NULL);
}

static int compact_pack(struct shard *s, int64_t id, uint64_t committed, struct err *e)
{
    struct compaction c = {.shard = s,
                           .from = id,
                           .from_end = committed,
                           .to_end = PACK_HEAD,
                           .from_fd = -1,
                           .to_fd = -1};
    if (shard_write(s, begin_job, &c, e))
        return -1;
    int rc = pack_open(s->packs.dir, s->id, (uint64_t)id, false, &c.from_fd, e) ||
                     pack_create(s->packs.dir, s->id, (uint64_t)c.to, &c.to_fd, e) ||
                     pack_mark(c.to_fd, &c.mark, e) || copy_living(&c, e) ||
                     shard_write(s, finish_job, &c, e)
                 ? -1
                 : 0;
    fd_closep(&c.from_fd);
    fd_closep(&c.to_fd);
    free(c.moved);
    if (rc) {
        give_up(&c);
        return -1;
    }
    metric_inc(&metric_store_compacted_packs_total);
    return 0;
}

/* The next row of a statement with a number to start after; 1, 0, -1. */
static int next_pack(struct shard *s, struct db_stmt *stmt, int64_t after, int64_t share,
                     int64_t *ret_id, int64_t *ret_committed, struct err *e)
{
    struct txn *t;
    if (txn_read_shard(s, &t, e))
        return -1;
    struct db_query *q = db_query(t->db, stmt);
    db_bind_i64(q, 1, after);
    if (share >= 0)
        db_bind_i64(q, 2, share);
    int rc = db_next(q, e);
    if (rc > 0) {
        *ret_id = db_i64(q, 0);
        if (ret_committed)
            *ret_committed = db_i64(q, 1);
    }
    db_end(q);
    txn_end(t);
    return rc;
}

/* What rounds before could not bring to an end; there is one round at a time. */
static int retire_given_up(struct shard *s, struct err *e)
{
    int64_t id = 0;
    int rc;
    while ((rc = next_pack(s, &stmt_compact_filling, id, -1, &id, NULL, e)) > 0)
        if (shard_write(s, retire_job, &id, e))
            return -1;
    return rc;
}

static int unlink_retired(struct shard *s, bool shred, struct err *e)
{
    int64_t id = 0;
    int rc;
    while ((rc = next_pack(s, &stmt_compact_retired, id, -1, &id, NULL, e)) > 0)
        if ((shred ? packs_shred : packs_retire)(&s->packs, (uint64_t)id) &&
            shard_write(s, forget_job, &id, e))
            return -1;
    return rc;
}

int compact_shard(struct shard *s, unsigned share, bool shred, unsigned *ret_packs, struct err *e)
{
    int64_t id = 0, committed = 0;
    unsigned n = 0;
    int rc;
    if (retire_given_up(s, e))
        return -1;
    while ((rc = next_pack(s, &stmt_compact_choose, id, share, &id, &committed, e)) > 0) {
        struct err why = {0};
        if (compact_pack(s, id, (uint64_t)committed, &why) == 0)
            n++;
        else if (why.code == ERR_CORRUPT) /* `store check` will say what is wrong with it */
            metric_inc(&metric_store_damaged_packs_total);
        else
            return err_set(e, why.code, "%s", why.text);
    }
    if (rc < 0 || unlink_retired(s, shred, e) < 0)
        return -1;
    if (ret_packs)
        *ret_packs = n;
    return 0;
}
