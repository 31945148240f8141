/* purge.c - maintenance that does not wait: the log is cut, dead blobs are swept, the open pack is
   sealed when something in it is dead, and every pack with dead bytes is rewritten; the old file is
   overwritten before it goes. SQLite overwrites what it deletes meanwhile. */
#include "store/purge.h"

#include "base/clock.h"
#include "store/entry.h"
#include "store/maintain.h"
#include "store/schema.h"
#include "store/tail.h"

DB_STMT(purge_dead_in_open, "SELECT COUNT(*) FROM pack WHERE state = 0 AND dead > 0");
DB_STMT(purge_pack_bytes, "SELECT COALESCE(SUM(committed), 0) FROM pack WHERE state < 2");

struct expunging {
    const struct purge_request *how;
    struct uidset gone;
};

static int expunge_job(struct txn *t, void *arg, struct err *e)
{
    struct expunging *x = arg;
    uidset_clear(&x->gone);
    return entry_expunge(t, x->how->collection, x->how->uids, false, &x->gone, e);
}

static int overwrite_job(struct txn *t, void *arg, struct err *e)
{
    if (db_engine(t->db) != DB_SQLITE)
        return 0;
    return db_script(t->db,
                     *(bool *)arg ? "PRAGMA secure_delete = ON" : "PRAGMA secure_delete = FAST", e);
}

static int seal_job(struct txn *t, void *arg, struct err *e)
{
    int64_t n = 0;
    (void)arg;
    if (db_get_i64(t->db, &stmt_purge_dead_in_open, &n, e, "") < 0)
        return -1;
    t->shard->pack.full = n > 0;
    return 0;
}

static int nothing_job(struct txn *t, void *arg, struct err *e)
{
    (void)t;
    (void)arg;
    (void)e;
    return 0;
}

/* Pages that became free before, when nothing was overwritten: one row takes them all, and goes. */
static int free_pages_job(struct txn *t, void *arg, struct err *e)
{
    (void)arg;
    if (db_engine(t->db) != DB_SQLITE)
        return 0;
    return db_script(t->db,
                     "INSERT INTO pack_tail (id, pack, at, bytes) SELECT -1, 0, 0, "
                     "zeroblob(min(900000000, freelist_count * 4092)) FROM pragma_freelist_count;"
                     "DELETE FROM pack_tail WHERE id = -1",
                     e);
}

/* Rows of pack_tail have bytes of messages too: they go with the job behind. */
static int drop_tails(struct shard *s, struct err *e)
{
    struct db *db;
    if (db_open_sqlite(s->db_path, DB_NO_CHECKPOINT, &db, e))
        return -1;
    int rc = tail_settle(s, db, e) || shard_write(s, nothing_job, NULL, e) ||
                     shard_write(s, free_pages_job, NULL, e) ||
                     db_checkpoint(db, DB_CHECKPOINT_CUT, NULL, e)
                 ? -1
                 : 0;
    db_close(db);
    return rc;
}

static int pack_bytes(struct shard *s, int64_t *ret, struct err *e)
{
    struct txn *t;
    if (txn_read_shard(s, &t, e))
        return -1;
    int rc = db_get_i64(t->db, &stmt_purge_pack_bytes, ret, e, "");
    txn_end(t);
    return rc < 0 ? -1 : 0;
}

/* The pack that is being written to begins anew with the job behind the one that seals it. */
static int empty(struct shard *s, const struct purge_request *how, struct purge_report *r,
                 struct err *e)
{
    int64_t now = clock_now_ms(), cutoff = how->keep ? now - how->keep : INT64_MAX;
    int64_t before = 0, after = 0;
    unsigned packs = 0;
    int rc = how->account ? prune_account(s, (int64_t)how->account, cutoff, e)
                          : prune_shard(s, cutoff, e);
    if (rc || pack_bytes(s, &before, e) || sweep_shard(s, INT64_MAX, e) ||
        shard_write(s, seal_job, NULL, e) || shard_write(s, nothing_job, NULL, e) ||
        compact_shard(s, 0, true, &packs, e) || drop_tails(s, e) || pack_bytes(s, &after, e))
        return -1;
    r->packs += packs;
    r->bytes += before - after;
    return 0;
}

static int purge_shard(struct shard *s, const struct purge_request *how, struct purge_report *r,
                       struct err *e)
{
    bool overwrite = true;
    maintain_lock();
    int rc = shard_write(s, overwrite_job, &overwrite, e) || empty(s, how, r, e) ? -1 : 0;
    overwrite = false;
    shard_write(s, overwrite_job, &overwrite, NULL);
    maintain_unlock();
    return rc;
}

int store_purge(const struct purge_request *how, struct purge_report *ret, struct err *e)
{
    struct purge_report r = {0};
    struct expunging x = {.how = how};
    int rc = 0;
    if (how->account && how->collection) {
        rc = store_write(how->account, expunge_job, &x, e);
        r.messages = uidset_count(&x.gone);
        uidset_done(&x.gone);
    }
    for (unsigned i = 0; i < store_count() && rc == 0; i++)
        if (!how->account || shard_of(how->account)->id == i)
            rc = purge_shard(shard_at(i), how, &r, e);
    *ret = r;
    return rc;
}
