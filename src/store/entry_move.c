/* entry_move.c - COPY, MOVE and EXPUNGE as set statements: the rows concerned are read once (the
   log needs them), then each run of uids is one statement. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/setting.h"
#include "store/change_old.h"
#include "store/entry.h"
#include "store/entry_rows.h"

SETTING(imap, copy_max, INT, 200000, 100, 10000000,
        "Most messages that one COPY takes. More get NO [LIMIT].");

DB_STMT(entry_copy_run,
        "INSERT INTO entry (account, collection, uid, item, flags, modseq, saved_at, size) "
        "SELECT account, $3, $6 + ROW_NUMBER() OVER (ORDER BY uid) - 1, item, flags, $7, $8, size "
        "FROM entry WHERE account = $1 AND collection = $2 AND uid BETWEEN $4 AND $5");
DB_STMT(entry_copy_keywords,
        "INSERT INTO entry_keyword (account, collection, uid, keyword) "
        "SELECT k.account, $3, m.new_uid, k.keyword FROM "
        "(SELECT uid, $6 + ROW_NUMBER() OVER (ORDER BY uid) - 1 AS new_uid FROM entry "
        "WHERE account = $1 AND collection = $2 AND uid BETWEEN $4 AND $5) m "
        "JOIN entry_keyword k ON k.account = $1 AND k.collection = $2 AND k.uid = m.uid");
DB_STMT(entry_drop_run, "DELETE FROM entry WHERE account = $1 AND collection = $2 AND "
                        "uid BETWEEN $3 AND $4");
DB_STMT(entry_drop_keywords, "DELETE FROM entry_keyword WHERE account = $1 AND collection = $2 "
                             "AND uid BETWEEN $3 AND $4");
DB_STMT(item_leave,
        "UPDATE item SET gone = $4 WHERE account = $1 AND id BETWEEN $2 AND $3 AND gone = 0 "
        "AND NOT EXISTS (SELECT 1 FROM entry x WHERE x.account = item.account AND "
        "x.item = item.id) RETURNING size");

static bool run_overflows(const struct entry_run *run)
{
    for (size_t i = 0; i < run->n; i++)
        if (run->rows[i].flags & FLAG_OVERFLOW)
            return true;
    return false;
}

/* Adds the rows to `to`; the log gets one row for all. */
static int copy_rows(struct txn *t, uint64_t from, const struct entry_rows *rows, uint64_t to,
                     uint32_t *ret_first, struct err *e)
{
    struct collection_delta d = {.uids = (int64_t)rows->n};
    struct item_packer items = {.b = {.max = SIZE_MAX / 2}};
    UIDSET_SCOPE uids = {0};
    uint32_t first;
    for (size_t i = 0; i < rows->n; i++) {
        delta_add(&d, rows->r[i].flags, rows->r[i].size, 1);
        items_add(&items, rows->r[i].item);
    }
    int rc = collection_bump(t, to, &d, &first, e);
    int64_t uid = first, account = (int64_t)t->account, now = clock_now_ms();
    struct entry_run run;
    for (size_t at = 0; rc == 0 && entry_run_next(rows, &at, &run); uid += (int64_t)run.n) {
        if (run_overflows(&run))
            rc = db_run(t->db, &stmt_entry_copy_keywords, e, "iiiiii", account, (int64_t)from,
                        (int64_t)to, (int64_t)run.first, (int64_t)run.last, uid);
        if (rc == 0)
            rc = db_run(t->db, &stmt_entry_copy_run, e, "iiiiiiii", account, (int64_t)from,
                        (int64_t)to, (int64_t)run.first, (int64_t)run.last, uid,
                        (int64_t)t->row.modseq, now);
    }
    if (rc == 0) {
        uidset_add(&uids, first, first + (uint32_t)rows->n - 1);
        rc = change_add(t, CHANGE_ADDED, to, &uids, buf_slice(&items.b), SNONE, e);
        *ret_first = first;
    }
    buf_done(&items.b);
    return rc;
}

/* Takes the rows away; items are looked after by the caller. */
static int drop_rows(struct txn *t, uint64_t collection, const struct entry_rows *rows,
                     struct err *e)
{
    struct collection_delta d = {0};
    struct item_packer items = {.b = {.max = SIZE_MAX / 2}};
    struct flags_packer old = {.b = {.max = SIZE_MAX / 2}};
    OLD_SETS_SCOPE sets = {0};
    UIDSET_SCOPE uids = {0};
    for (size_t i = 0; i < rows->n; i++) {
        delta_add(&d, rows->r[i].flags, rows->r[i].size, -1);
        items_add(&items, rows->r[i].item);
        flags_add(&old, rows->r[i].flags);
    }
    flags_end(&old);
    int rc = old_keywords_read(t, collection, rows, &sets, e) ||
                     old_seen_read(t, collection, &sets, e) ||
                     collection_bump(t, collection, &d, NULL, e)
                 ? -1
                 : 0;
    struct entry_run run;
    for (size_t at = 0; rc == 0 && entry_run_next(rows, &at, &run);) {
        rc = db_run(t->db, &stmt_entry_drop_run, e, "iiii", (int64_t)t->account,
                    (int64_t)collection, (int64_t)run.first, (int64_t)run.last);
        if (rc == 0 && run_overflows(&run))
            rc = db_run(t->db, &stmt_entry_drop_keywords, e, "iiii", (int64_t)t->account,
                        (int64_t)collection, (int64_t)run.first, (int64_t)run.last);
    }
    if (rc == 0) {
        entry_rows_uids(rows, &uids);
        old_sets_pack(&sets, &uids, &old.b);
        rc = change_add(t, CHANGE_EXPUNGED, collection, &uids, buf_slice(&items.b),
                        buf_slice(&old.b), e);
    }
    buf_done(&items.b);
    buf_done(&old.b);
    return rc;
}

/* Items whose last entry went stay for as long as the log names them, but count no more. */
static int leave_between(struct txn *t, uint64_t first, uint64_t last, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_item_leave);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)first);
    db_bind_i64(q, 3, (int64_t)last);
    db_bind_i64(q, 4, (int64_t)t->row.modseq);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        t->row.bytes -= db_i64(q, 0);
        t->dirty = true;
    }
    db_end(q);
    return rc < 0 ? -1 : 0;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The statement looks at every item of a range itself, so that ranges may be drawn generously. */
enum { ITEM_GAP = 8 };

static int leave_items(struct txn *t, const struct entry_rows *rows, struct err *e)
{
    uint64_t *ids = calloc(rows->n ? rows->n : 1, sizeof *ids);
    BUG_IF(!ids);
    for (size_t i = 0; i < rows->n; i++)
        ids[i] = rows->r[i].item;
    qsort(ids, rows->n, sizeof *ids, by_number);
    int rc = 0;
    for (size_t i = 0, k; i < rows->n && rc == 0; i = k) {
        for (k = i + 1; k < rows->n && ids[k] - ids[k - 1] <= ITEM_GAP;)
            k++;
        rc = leave_between(t, ids[i], ids[k - 1], e);
    }
    free(ids);
    return rc;
}

int entry_copy(struct txn *t, uint64_t from, const struct uidset *uids, uint64_t to,
               struct uidset *copied, uint32_t *ret_first, struct err *e)
{
    ENTRY_ROWS_SCOPE rows = {0};
    if (entry_rows_read(t, from, uids, 0, (size_t)setting_get(&set_imap_copy_max), &rows, e))
        return -1;
    *ret_first = 0;
    if (rows.n && copy_rows(t, from, &rows, to, ret_first, e))
        return -1;
    entry_rows_uids(&rows, copied);
    return 0;
}

int entry_move(struct txn *t, uint64_t from, const struct uidset *uids, uint64_t to,
               struct uidset *moved, uint32_t *ret_first, struct err *e)
{
    ENTRY_ROWS_SCOPE rows = {0};
    if (entry_rows_read(t, from, uids, 0, SIZE_MAX, &rows, e))
        return -1;
    *ret_first = 0;
    if (rows.n && (copy_rows(t, from, &rows, to, ret_first, e) || drop_rows(t, from, &rows, e)))
        return -1;
    if (moved)
        entry_rows_uids(&rows, moved);
    return 0;
}

int entry_expunge_some(struct txn *t, uint64_t collection, const struct uidset *uids,
                       bool only_deleted, size_t max, struct uidset *expunged, struct err *e)
{
    ENTRY_ROWS_SCOPE rows = {.cut = true};
    if (entry_rows_read(t, collection, uids, only_deleted ? FLAG_DELETED : 0, max, &rows, e))
        return -1;
    if (rows.n && (drop_rows(t, collection, &rows, e) || leave_items(t, &rows, e)))
        return -1;
    if (expunged)
        entry_rows_uids(&rows, expunged);
    return rows.more;
}

int entry_expunge(struct txn *t, uint64_t collection, const struct uidset *uids, bool only_deleted,
                  struct uidset *expunged, struct err *e)
{
    return entry_expunge_some(t, collection, uids, only_deleted, SIZE_MAX, expunged, e);
}
