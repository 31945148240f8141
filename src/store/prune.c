/* prune.c - the end of what people deleted. The log of an account is cut at a modseq; items whose
   last entry went before that are named by nothing any more and go with it; then the blobs that
   only they needed. Everything in slices, so that no writer waits long. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/setting.h"
#include "store/maintain.h"
#include "store/schema.h"
#include "store/thread.h"

enum { SLICE = 500, ACCOUNTS = 256 };

SETTING(store, spool_guard_time, TIME, 14 * DAY, 1 * DAY, 365 * DAY,
        "How long it is remembered that a spooled message was delivered to somebody.");

DB_STMT(prune_accounts, "SELECT id FROM account WHERE id > $1 ORDER BY id LIMIT $2");
DB_STMT(prune_oldest, "SELECT modseq, at FROM change WHERE account = $1 ORDER BY modseq LIMIT $2");
DB_STMT(prune_log, "DELETE FROM change WHERE account = $1 AND modseq <= $2");
DB_STMT(prune_floor, "UPDATE account SET floor = $2 WHERE id = $1 AND floor < $2");
DB_STMT(prune_items,
        "SELECT i.id, i.row, i.blob, m.refs FROM item i LEFT JOIN message m ON m.row = i.row "
        "WHERE i.account = $1 AND i.gone > 0 AND i.gone <= $2 ORDER BY i.id LIMIT $3");
DB_STMT(prune_message, "DELETE FROM message WHERE row = $1");
DB_STMT(prune_item, "DELETE FROM item WHERE account = $1 AND id = $2");
DB_STMT(prune_get_floor, "SELECT floor FROM account WHERE id = $1");
DB_STMT(prune_guard, "DELETE FROM spool_guard WHERE at < $1");
DB_STMT(sweep_blobs, "SELECT id, pack, stored FROM blob WHERE dead_since > 0 AND dead_since < $1 "
                     "ORDER BY dead_since LIMIT $2");
DB_STMT(sweep_blob, "DELETE FROM blob WHERE id = $1");
DB_STMT(sweep_pack, "UPDATE pack SET dead = dead + $2 WHERE id = $1");

/* The highest modseq of which everything is older than the cutoff, within the first rows; 0: none.
 */
static int log_end(struct txn *t, int64_t account, int64_t cutoff, int64_t *ret, bool *ret_more,
                   struct err *e)
{
    enum { ROWS = 10000 };
    struct db_query *q = db_query(t->db, &stmt_prune_oldest);
    db_bind_i64(q, 1, account);
    db_bind_i64(q, 2, ROWS);
    int64_t end = 0, n = 0;
    int rc;
    bool newer = false;
    while (!newer && (rc = db_next(q, e)) > 0) {
        newer = db_i64(q, 1) >= cutoff;
        if (newer && db_i64(q, 0) == end)
            end--; /* the same job also did something newer */
        if (!newer)
            end = db_i64(q, 0);
        n++;
    }
    db_end(q);
    *ret = end;
    *ret_more = !newer && n == ROWS;
    return !newer && rc < 0 ? -1 : 0;
}

struct pruning {
    int64_t account, end;
    bool more; /* items left */
};

struct dead_item {
    int64_t id, row, blob;
    struct buf refs;
};

static int read_dead(struct txn *t, int64_t account, int64_t floor, struct dead_item *d,
                     size_t *ret_n, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_prune_items);
    db_bind_i64(q, 1, account);
    db_bind_i64(q, 2, floor);
    db_bind_i64(q, 3, SLICE);
    size_t n = 0;
    int rc;
    while (n < SLICE && (rc = db_next(q, e)) > 0) {
        d[n] = (struct dead_item){.id = db_i64(q, 0), .row = db_i64(q, 1), .blob = db_i64(q, 2)};
        if (buf_add(&d[n++].refs, db_blob(q, 3))) {
            rc = err_set(e, ERR_BUSY, "out of memory");
            break;
        }
    }
    db_end(q);
    *ret_n = n;
    return rc < 0 ? -1 : 0;
}

static int item_end(struct txn *t, int64_t account, struct dead_item *d, struct err *e)
{
    return thread_leave(t, (uint64_t)account, buf_slice(&d->refs), (uint64_t)d->id, e) ||
                   db_run(t->db, &stmt_prune_message, e, "i", d->row) ||
                   db_run(t->db, &stmt_prune_item, e, "ii", account, d->id) ||
                   blob_disown(t, (uint64_t)d->blob, BLOB_OF_ITEM, (uint64_t)account,
                               (uint64_t)d->id, e)
               ? -1
               : 0;
}

static int prune_job(struct txn *t, void *arg, struct err *e)
{
    struct pruning *p = arg;
    struct dead_item d[SLICE];
    size_t n = 0;
    int64_t floor = 0;
    if (p->end && (db_run(t->db, &stmt_prune_log, e, "ii", p->account, p->end) ||
                   db_run(t->db, &stmt_prune_floor, e, "ii", p->account, p->end)))
        return -1;
    if (db_get_i64(t->db, &stmt_prune_get_floor, &floor, e, "i", p->account) < 0)
        return -1;
    int rc = read_dead(t, p->account, floor, d, &n, e);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            rc = item_end(t, p->account, &d[i], e);
        buf_done(&d[i].refs);
    }
    p->more = n == SLICE;
    return rc;
}

static int dead_items_left(struct txn *t, int64_t account, struct err *e)
{
    struct dead_item d[SLICE];
    size_t n = 0;
    int64_t floor = 0;
    if (db_get_i64(t->db, &stmt_prune_get_floor, &floor, e, "i", account) < 0)
        return -1;
    int rc = read_dead(t, account, floor, d, &n, e);
    for (size_t i = 0; i < n; i++)
        buf_done(&d[i].refs);
    return rc ? -1 : n > 0;
}

int prune_account(struct shard *s, int64_t account, int64_t cutoff, struct err *e)
{
    bool more_rows, items;
    struct pruning p = {.account = account};
    do {
        struct txn *t;
        if (txn_read_shard(s, &t, e))
            return -1;
        int rc = log_end(t, account, cutoff, &p.end, &more_rows, e);
        int left = rc ? -1 : dead_items_left(t, account, e);
        txn_end(t);
        if (left < 0)
            return -1;
        items = left > 0 || p.end;
        for (; items; items = p.more, p.end = 0)
            if (shard_write(s, prune_job, &p, e))
                return -1;
    } while (more_rows);
    return 0;
}

static int guard_job(struct txn *t, void *arg, struct err *e)
{
    (void)arg;
    return db_run(t->db, &stmt_prune_guard, e, "i",
                  clock_now_ms() - setting_get(&set_store_spool_guard_time));
}

int prune_shard(struct shard *s, int64_t cutoff, struct err *e)
{
    int64_t ids[ACCOUNTS], after = 0;
    size_t n;
    do {
        struct txn *t;
        if (txn_read_shard(s, &t, e))
            return -1;
        struct db_query *q = db_query(t->db, &stmt_prune_accounts);
        db_bind_i64(q, 1, after);
        db_bind_i64(q, 2, ACCOUNTS);
        int rc = 0;
        for (n = 0; n < ACCOUNTS && (rc = db_next(q, e)) > 0; n++)
            ids[n] = after = db_i64(q, 0);
        db_end(q);
        txn_end(t);
        if (rc < 0)
            return -1;
        for (size_t i = 0; i < n; i++)
            if (prune_account(s, ids[i], cutoff, e))
                return -1;
    } while (n == ACCOUNTS);
    return shard_write(s, guard_job, NULL, e);
}

/* --- blobs ------------------------------------------------------------------------------------ */

struct sweeping {
    int64_t cutoff;
    size_t n;
};

static int sweep_job(struct txn *t, void *arg, struct err *e)
{
    struct sweeping *w = arg;
    struct {
        int64_t id, pack, stored;
    } dead[SLICE];
    struct db_query *q = db_query(t->db, &stmt_sweep_blobs);
    db_bind_i64(q, 1, w->cutoff);
    db_bind_i64(q, 2, SLICE);
    int rc = 0;
    for (w->n = 0; w->n < SLICE && (rc = db_next(q, e)) > 0; w->n++) {
        dead[w->n].id = db_i64(q, 0);
        dead[w->n].pack = db_i64(q, 1);
        dead[w->n].stored = db_i64(q, 2);
    }
    db_end(q);
    if (rc < 0)
        return -1;
    for (size_t i = 0; i < w->n; i++)
        if (db_run(t->db, &stmt_sweep_blob, e, "i", dead[i].id) ||
            db_run(t->db, &stmt_sweep_pack, e, "ii", dead[i].pack, dead[i].stored))
            return -1;
    return 0;
}

int sweep_shard(struct shard *s, int64_t cutoff, struct err *e)
{
    struct sweeping w = {.cutoff = cutoff};
    do {
        if (shard_write(s, sweep_job, &w, e))
            return -1;
    } while (w.n == SLICE);
    return 0;
}
