/* db.c - what both engines share: the per-connection cache of prepared statements, transactions as
   a small state machine, binding checks, and the whole-statement helpers. */
#include "db/db.h"

#include <stdarg.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "db/engine.h"

void db_close(struct db *db)
{
    if (!db)
        return;
    for (int i = 0; i < db->queries_n; i++)
        if (db->queries[i])
            db->ops->query_free(db->queries[i]);
    free(db->queries);
    db->ops->close(db);
}

enum db_engine db_engine(const struct db *db)
{
    return db->ops->engine;
}

bool db_is_ailing(const struct db *db)
{
    return db->ailing;
}

int64_t db_changes(struct db *db)
{
    return db->changes;
}

int db_script(struct db *db, const char *sql, struct err *e)
{
    return db->ops->exec(db, sql, e);
}

/* --- transactions -------------------------------------------------------------------------- */

enum { SAVEPOINT, RELEASE, ROLLBACK_TO };
static const char *const control_text[] = {
    [SAVEPOINT] = "SAVEPOINT one",
    [RELEASE] = "RELEASE SAVEPOINT one",
    [ROLLBACK_TO] = "ROLLBACK TO SAVEPOINT one",
};

int db_begin(struct db *db, enum db_mode mode, struct err *e)
{
    BUG_IF(db->in_txn);
    if (db->ops->control(db, db->ops->begin[mode], e))
        return -1;
    db->in_txn = true;
    return 0;
}

int db_commit(struct db *db, struct err *e)
{
    BUG_IF(!db->in_txn || db->in_savepoint);
    if (db->ops->commit(db, e)) {
        db_rollback(db);
        return -1;
    }
    db->in_txn = false;
    return 0;
}

void db_rollback(struct db *db)
{
    if (!db->in_txn)
        return;
    /* May fail when the engine has rolled back by itself (disk full) or the connection is gone: in
       both cases nothing of the transaction is left, which is what was asked for. */
    db->ops->exec(db, "ROLLBACK", NULL);
    db->in_txn = db->in_savepoint = false;
}

int db_savepoint(struct db *db, struct err *e)
{
    BUG_IF(!db->in_txn || db->in_savepoint);
    if (db->ops->control(db, control_text[SAVEPOINT], e))
        return -1;
    db->in_savepoint = true;
    return 0;
}

int db_savepoint_release(struct db *db, struct err *e)
{
    BUG_IF(!db->in_savepoint);
    db->in_savepoint = false;
    return db->ops->control(db, control_text[RELEASE], e);
}

int db_savepoint_rollback(struct db *db, struct err *e)
{
    BUG_IF(!db->in_savepoint);
    db->in_savepoint = false;
    if (db->ops->control(db, control_text[ROLLBACK_TO], e))
        return -1;
    return db->ops->control(db, control_text[RELEASE], e);
}

/* --- statements ---------------------------------------------------------------------------- */

struct db_query *db_query(struct db *db, struct db_stmt *stmt)
{
    if (stmt->id >= db->queries_n) {
        int n = db_stmt_count();
        struct db_query **more = realloc(db->queries, (size_t)n * sizeof(*more));
        BUG_IF(!more);
        for (int i = db->queries_n; i < n; i++)
            more[i] = NULL;
        db->queries = more;
        db->queries_n = n;
    }
    struct db_query *q = db->queries[stmt->id];
    if (!q) {
        q = db->ops->query_new(db);
        q->db = db;
        q->stmt = stmt;
        q->params = db_stmt_params(stmt->sql);
        db->queries[stmt->id] = q;
    }
    BUG_IF(q->in_use);
    q->in_use = true;
    q->err.code = ERR_OK;
    db->ops->prepare(q);
    return q;
}

static bool may_bind(struct db_query *q, int n)
{
    BUG_IF(!q->in_use || n < 1 || n > q->params);
    return !q->err.code;
}

void db_bind_i64(struct db_query *q, int n, int64_t v)
{
    if (may_bind(q, n))
        q->db->ops->bind_i64(q, n, v);
}

void db_bind_null(struct db_query *q, int n)
{
    if (may_bind(q, n))
        q->db->ops->bind_null(q, n);
}

void db_bind_blob(struct db_query *q, int n, struct slice v)
{
    if (!v.p)
        db_bind_null(q, n);
    else if (may_bind(q, n))
        q->db->ops->bind_bytes(q, n, v, false);
}

void db_bind_text(struct db_query *q, int n, struct slice v)
{
    if (!v.p) {
        db_bind_null(q, n);
        return;
    }
    if (!may_bind(q, n))
        return;
    if (!utf8_valid(v) || slice_find(v, '\0') >= 0)
        err_set(&q->err, ERR_SYNTAX, "%s: text is not UTF-8 without NUL", q->stmt->name);
    else
        q->db->ops->bind_bytes(q, n, v, true);
}

int db_next(struct db_query *q, struct err *e)
{
    BUG_IF(!q->in_use);
    if (q->err.code) {
        if (e)
            *e = q->err;
        return -1;
    }
    return q->db->ops->next(q, e);
}

int64_t db_i64(struct db_query *q, int col)
{
    return q->db->ops->i64(q, col);
}

struct slice db_blob(struct db_query *q, int col)
{
    return q->db->ops->bytes(q, col, false);
}

struct slice db_text(struct db_query *q, int col)
{
    return q->db->ops->bytes(q, col, true);
}

bool db_is_null(struct db_query *q, int col)
{
    return q->db->ops->is_null(q, col);
}

void db_end(struct db_query *q)
{
    BUG_IF(!q->in_use);
    q->db->ops->end(q);
    q->in_use = false;
}

/* --- the whole thing at once ---------------------------------------------------------------- */

static void bind_args(struct db_query *q, const char *args, va_list ap)
{
    for (int n = 1; args[n - 1]; n++) {
        char c = args[n - 1];
        BUG_IF(c != 'i' && c != 'b' && c != 't');
        if (c == 'i')
            db_bind_i64(q, n, va_arg(ap, int64_t));
        else if (c == 'b')
            db_bind_blob(q, n, va_arg(ap, struct slice));
        else
            db_bind_text(q, n, va_arg(ap, struct slice));
    }
}

static int run(struct db *db, struct db_stmt *s, int64_t *ret, struct err *e, const char *args,
               va_list ap)
{
    struct db_query *q = db_query(db, s);
    bind_args(q, args, ap);
    int r, found = 0;
    int64_t first = 0;
    while ((r = db_next(q, e)) > 0) {
        if (!found && ret)
            first = db_i64(q, 0);
        found = 1;
    }
    db_end(q);
    if (r < 0)
        return -1;
    if (found && ret)
        *ret = first;
    return found;
}

int db_run(struct db *db, struct db_stmt *s, struct err *e, const char *args, ...)
{
    va_list ap;
    va_start(ap, args);
    int r = run(db, s, NULL, e, args, ap);
    va_end(ap);
    return r < 0 ? -1 : 0;
}

int db_get_i64(struct db *db, struct db_stmt *s, int64_t *ret, struct err *e, const char *args, ...)
{
    va_list ap;
    va_start(ap, args);
    int r = run(db, s, ret, e, args, ap);
    va_end(ap);
    return r;
}
