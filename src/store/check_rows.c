/* check_rows.c - compressed columns that cannot be read. Everything in such a row but the lines in
   front can be made of the message again: the row goes, and check_mend.c makes a new one. */
#include <stdlib.h>

#include "store/checking.h"
#include "store/row.h"

DB_STMT(rows_squeezed, "SELECT row, account, item, prefix_n, envelope, bodystructure, prefix, "
                       "preview FROM message WHERE prefix_n >= 0 ORDER BY row");
DB_STMT(rows_unreadable, "DELETE FROM message WHERE row = $1");

struct bad_rows {
    int64_t *row;
    size_t n, cap;
};

static void remember(struct bad_rows *bad, int64_t row)
{
    if (bad->n == bad->cap) {
        bad->cap = bad->cap ? bad->cap * 2 : 64;
        bad->row = reallocarray(bad->row, bad->cap, sizeof *bad->row);
        BUG_IF(!bad->row);
    }
    bad->row[bad->n++] = row;
}

static int look(struct checking *c, struct checked_shard *s, struct bad_rows *bad, struct err *e)
{
    BUF_SCOPE told = {0};
    BUF_SCOPE kept = {0};
    struct db_query *q = db_query(s->db, &stmt_rows_squeezed);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        struct entry en = {0};
        if (row_told(q, 3, 4, &told, &en, e) || row_kept(q, 3, 6, &kept, &en, e)) {
            rc = -1;
            break;
        }
        if (!en.damaged)
            continue;
        check_say(c, "shard %u: what is stored beside message %lld of account %lld is damaged",
                  s->id, (long long)db_i64(q, 2), (long long)db_i64(q, 1));
        remember(bad, db_i64(q, 0));
    }
    db_end(q);
    return rc;
}

static int drop(struct checked_shard *s, const struct bad_rows *bad, struct err *e)
{
    if (db_begin(s->db, DB_WRITE, e))
        return -1;
    int rc = 0;
    for (size_t i = 0; i < bad->n && rc == 0; i++)
        rc = db_run(s->db, &stmt_rows_unreadable, e, "i", bad->row[i]);
    if (rc == 0)
        return db_commit(s->db, e);
    db_rollback(s->db);
    return -1;
}

int check_rows(struct checking *c, struct checked_shard *s, struct err *e)
{
    struct bad_rows bad = {0};
    int rc = look(c, s, &bad, e);
    c->r->problems += bad.n;
    if (rc == 0 && bad.n && c->repair) {
        rc = drop(s, &bad, e);
        c->r->repaired += bad.n;
    }
    free(bad.row);
    return rc;
}
