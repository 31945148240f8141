/* entry_rows.c - reading the rows that a change is about, and cutting them into runs. */
#include "store/entry_rows.h"

#include <stdlib.h>

DB_STMT(rows_between, "SELECT uid, item, flags, modseq, size FROM entry WHERE account = $1 AND "
                      "collection = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid");
DB_STMT(rows_between_bare, "SELECT uid, item, flags FROM entry WHERE account = $1 AND "
                           "collection = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid");
DB_STMT(collection_bump,
        "UPDATE collection SET modseq = $3, uidnext = uidnext + $4, messages = messages + $5, "
        "unseen = unseen + $6, deleted = deleted + $7, bytes = bytes + $8, "
        "deleted_bytes = deleted_bytes + $9 WHERE account = $1 AND id = $2 AND selectable = 1");
DB_STMT(collection_uidnext, "SELECT uidnext FROM collection WHERE account = $1 AND id = $2");

void entry_rows_done(struct entry_rows *rows)
{
    free(rows->r);
    *rows = (struct entry_rows){0};
}

static struct entry_row *row_add(struct entry_rows *rows)
{
    if (rows->n == rows->cap) {
        rows->cap = rows->cap ? rows->cap * 2 : 16;
        rows->r = reallocarray(rows->r, rows->cap, sizeof *rows->r);
        BUG_IF(!rows->r);
    }
    return &rows->r[rows->n++];
}

static int read_range(struct txn *t, uint64_t collection, const struct uidrange *r, uint64_t flags,
                      size_t max, struct entry_rows *rows, struct err *e)
{
    struct db_query *q = db_query(t->db, rows->bare ? &stmt_rows_between_bare : &stmt_rows_between);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)collection);
    db_bind_i64(q, 3, r->first);
    db_bind_i64(q, 4, r->last);
    int rc;
    size_t begin = rows->n;
    while ((rc = db_next(q, e)) > 0) {
        uint64_t f = (uint64_t)db_i64(q, 2);
        if ((f & flags) != flags) {
            if (rows->n > begin)
                rows->r[rows->n - 1].ends_run = true;
            continue;
        }
        if (rows->n == max && rows->cut) {
            rows->more = true;
            rc = 0;
            break;
        }
        if (rows->n == max) {
            rc = err_set(e, ERR_LIMIT, "more than %zu messages at once", max);
            break;
        }
        *row_add(rows) = (struct entry_row){.uid = (uint32_t)db_i64(q, 0),
                                            .item = (uint64_t)db_i64(q, 1),
                                            .flags = f,
                                            .modseq = rows->bare ? 0 : (uint64_t)db_i64(q, 3),
                                            .size = rows->bare ? 0 : db_i64(q, 4)};
    }
    if (rows->n > begin)
        rows->r[rows->n - 1].ends_run = true;
    db_end(q);
    return rc < 0 ? -1 : 0;
}

int entry_rows_read(struct txn *t, uint64_t collection, const struct uidset *uids, uint64_t flags,
                    size_t max, struct entry_rows *ret, struct err *e)
{
    static const struct uidrange all = {1, UINT32_MAX};
    const struct uidrange *r = uids ? uids->r : &all;
    size_t n = uids ? uids->n : 1;
    for (size_t i = 0; i < n && !ret->more; i++)
        if (read_range(t, collection, &r[i], flags, max, ret, e))
            return -1;
    return 0;
}

void entry_rows_filter(struct entry_rows *rows, bool (*keep)(const struct entry_row *, void *),
                       void *arg)
{
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (keep(&rows->r[i], arg)) {
            rows->r[n++] = rows->r[i];
            continue;
        }
        if (n)
            rows->r[n - 1].ends_run = true;
    }
    rows->n = n;
    if (n)
        rows->r[n - 1].ends_run = true;
}

bool entry_run_next(const struct entry_rows *rows, size_t *at, struct entry_run *ret)
{
    if (*at >= rows->n)
        return false;
    size_t i = *at;
    while (!rows->r[i].ends_run)
        i++;
    *ret = (struct entry_run){rows->r[*at].uid, rows->r[i].uid, &rows->r[*at], i - *at + 1};
    *at = i + 1;
    return true;
}

void entry_rows_uids(const struct entry_rows *rows, struct uidset *uids)
{
    for (size_t i = 0; i < rows->n; i++)
        uidset_add(uids, rows->r[i].uid, rows->r[i].uid);
}

void delta_add(struct collection_delta *d, uint64_t flags, int64_t size, int by)
{
    d->messages += by;
    d->bytes += by * size;
    if (!(flags & FLAG_SEEN))
        d->unseen += by;
    if (flags & FLAG_DELETED) {
        d->deleted += by;
        d->deleted_bytes += by * size;
    }
}

int collection_bump(struct txn *t, uint64_t collection, const struct collection_delta *d,
                    uint32_t *ret_uid, struct err *e)
{
    int64_t next = 0;
    if (account_load(t, e) ||
        db_run(t->db, &stmt_collection_bump, e, "iiiiiiiii", (int64_t)t->account,
               (int64_t)collection, (int64_t)t->row.modseq, d->uids, d->messages, d->unseen,
               d->deleted, d->bytes, d->deleted_bytes))
        return -1;
    if (db_changes(t->db) == 0)
        return err_set(e, ERR_NOTFOUND, "no such mailbox");
    if ((d->uids || ret_uid) && db_get_i64(t->db, &stmt_collection_uidnext, &next, e, "ii",
                                           (int64_t)t->account, (int64_t)collection) < 0)
        return -1;
    if (next > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "the mailbox has used up its uids");
    t->row.messages += d->messages;
    t->dirty = t->dirty || d->messages != 0;
    if (ret_uid)
        *ret_uid = (uint32_t)(next - d->uids);
    return 0;
}
