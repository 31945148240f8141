/* sqlite.c - the embedded engine: one file in WAL mode with synchronous=FULL, so that a COMMIT that
   returned is on the disk. SQLite numbers parameters by appearance; `$n` is resolved here by its
   name, once, when a statement is prepared. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <sqlite3.h>

#include "base/setting.h"
#include "db/engine.h"
#include "db/wal.h"
#include "db/wal_vfs.h"

SETTING(db, busy_timeout, TIME, 10 * SEC, 0, 10 * MIN,
        "How long a statement waits for a lock that another process holds on a SQLite file.");
SETTING(db, sqlite_cache, SIZE, 2 * MiB, 64 * KiB, 4 * GiB,
        "Page cache of each SQLite connection; read at the time of opening.");

enum { CONTROLS = 8 };

struct sqlite_db {
    struct db db;
    sqlite3 *h;
    bool checkpoints;
    struct {
        const char *sql;
        sqlite3_stmt *st;
    } control[CONTROLS];
};

struct sqlite_query {
    struct db_query q;
    sqlite3_stmt *st;
    int index[DB_PARAMS + 1]; /* $n to SQLite's number; 0: not in the statement */
    bool writes, done;
};

static const struct {
    int sqlite;
    enum err_code code;
} codes[] = {
    {SQLITE_CONSTRAINT_UNIQUE, ERR_EXISTS},
    {SQLITE_CONSTRAINT_PRIMARYKEY, ERR_EXISTS},
    {SQLITE_CONSTRAINT_ROWID, ERR_EXISTS},
    {SQLITE_BUSY, ERR_BUSY},
    {SQLITE_LOCKED, ERR_BUSY},
    {SQLITE_PROTOCOL, ERR_BUSY},
    {SQLITE_INTERRUPT, ERR_BUSY},
    {SQLITE_FULL, ERR_IO},
    {SQLITE_IOERR, ERR_IO},
    {SQLITE_CANTOPEN, ERR_IO},
    {SQLITE_READONLY, ERR_IO},
    {SQLITE_NOMEM, ERR_IO},
    {SQLITE_NOLFS, ERR_IO},
    {SQLITE_PERM, ERR_NOPERM},
    {SQLITE_AUTH, ERR_NOPERM},
    {SQLITE_CORRUPT, ERR_CORRUPT},
    {SQLITE_NOTADB, ERR_CORRUPT},
    {SQLITE_TOOBIG, ERR_LIMIT},
};

/* What went wrong, by the extended code first and by its lower byte then. A page that the disk does
   not give (EIO) is "malformed" for SQLite, and a damaged file for nobody else. */
static int fail(sqlite3 *h, const char *what, struct err *e)
{
    int ext = h ? sqlite3_extended_errcode(h) : SQLITE_NOMEM;
    enum err_code code = ERR_BUG;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i].sqlite == ext || codes[i].sqlite == (ext & 0xff)) {
            code = codes[i].code;
            break;
        }
    int unread = code == ERR_CORRUPT ? wal_read_errno(h) : 0;
    if (unread)
        return err_set(e, ERR_IO, "sqlite: %s: %s (%d)", what, strerror(unread), ext);
    return err_set(e, code, "sqlite: %s: %s (%d)", what, h ? sqlite3_errmsg(h) : "no memory", ext);
}

static sqlite3 *handle(const struct db *db)
{
    return ((const struct sqlite_db *)(const void *)db)->h;
}

static int failed(struct db *db, const char *what, struct err *e)
{
    struct err why = {0};
    fail(handle(db), what, &why);
    db->ailing |= why.code == ERR_IO;
    if (e)
        *e = why;
    return -1;
}

static int sqlite_exec(struct db *db, const char *sql, struct err *e)
{
    if (sqlite3_exec(handle(db), sql, NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    return failed(db, "script", e);
}

/* Parsing BEGIN, SAVEPOINT, RELEASE and COMMIT costs more than running them. */
static int sqlite_control(struct db *db, const char *sql, struct err *e)
{
    struct sqlite_db *s = (struct sqlite_db *)(void *)db;
    unsigned i = 0;
    while (i < CONTROLS && s->control[i].sql && s->control[i].sql != sql)
        i++;
    BUG_IF(i == CONTROLS);
    sqlite3_stmt **st = &s->control[i].st;
    if (!*st && sqlite3_prepare_v3(s->h, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL))
        return failed(db, sql, e);
    s->control[i].sql = sql;
    int rc = sqlite3_step(*st) == SQLITE_DONE ? 0 : failed(db, sql, e);
    sqlite3_reset(*st);
    return rc;
}

static int sqlite_commit(struct db *db, struct err *e)
{
    static const char commit[] = "COMMIT";
    return sqlite_control(db, commit, e);
}

static void sqlite_close(struct db *db)
{
    if (((const struct sqlite_db *)(const void *)db)->checkpoints) {
        sqlite3_busy_timeout(handle(db), 0);
        wal_checkpoint(handle(db), SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    }
    struct sqlite_db *s = (struct sqlite_db *)(void *)db;
    for (unsigned i = 0; i < CONTROLS; i++)
        sqlite3_finalize(s->control[i].st);
    int r = sqlite3_close(handle(db));
    BUG_IF(r != SQLITE_OK);
    free(db);
}

/* --- statements ----------------------------------------------------------------------------- */

static struct db_query *sqlite_query_new(struct db *db)
{
    (void)db;
    struct sqlite_query *q = calloc(1, sizeof(*q));
    BUG_IF(!q);
    return &q->q;
}

static struct sqlite_query *of(struct db_query *q)
{
    return (struct sqlite_query *)(void *)q;
}

static void sqlite_query_free(struct db_query *q)
{
    sqlite3_finalize(of(q)->st);
    free(q);
}

static void sqlite_prepare(struct db_query *base)
{
    struct sqlite_query *q = of(base);
    q->done = false;
    if (q->st)
        return;
    sqlite3 *h = handle(base->db);
    if (sqlite3_prepare_v3(h, base->stmt->sql, -1, SQLITE_PREPARE_PERSISTENT, &q->st, NULL)) {
        failed(base->db, base->stmt->name, &base->err);
        return;
    }
    for (int n = 1; n <= base->params; n++) {
        char name[16];
        snprintf(name, sizeof(name), "$%d", n);
        q->index[n] = sqlite3_bind_parameter_index(q->st, name);
        BUG_IF(!q->index[n]);
    }
    q->writes = !sqlite3_stmt_readonly(q->st);
}

static void bound(struct sqlite_query *q, int r)
{
    if (r != SQLITE_OK)
        failed(q->q.db, q->q.stmt->name, &q->q.err);
}

static void sqlite_bind_int(struct db_query *q, int n, int64_t v)
{
    bound(of(q), sqlite3_bind_int64(of(q)->st, of(q)->index[n], v));
}

static void sqlite_bind_bytes(struct db_query *q, int n, struct slice v, bool text)
{
    struct sqlite_query *s = of(q);
    if (text)
        bound(s, sqlite3_bind_text64(s->st, s->index[n], v.p, v.n, SQLITE_STATIC, SQLITE_UTF8));
    else
        bound(s, sqlite3_bind_blob64(s->st, s->index[n], v.p, v.n, SQLITE_STATIC));
}

static void sqlite_bind_none(struct db_query *q, int n)
{
    bound(of(q), sqlite3_bind_null(of(q)->st, of(q)->index[n]));
}

static int sqlite_next(struct db_query *base, struct err *e)
{
    struct sqlite_query *q = of(base);
    if (q->done)
        return 0;
    int r = sqlite3_step(q->st);
    if (r == SQLITE_ROW)
        return 1;
    q->done = true;
    if (r != SQLITE_DONE)
        return failed(base->db, base->stmt->name, e);
    base->db->changes = q->writes ? sqlite3_changes64(handle(base->db)) : 0;
    return 0;
}

static int64_t sqlite_i64(struct db_query *q, int col)
{
    return sqlite3_column_int64(of(q)->st, col);
}

static struct slice sqlite_bytes(struct db_query *base, int col, bool text)
{
    sqlite3_stmt *st = of(base)->st;
    if (sqlite3_column_type(st, col) == SQLITE_NULL)
        return SNONE;
    const void *p =
        text ? (const void *)sqlite3_column_text(st, col) : sqlite3_column_blob(st, col);
    size_t n = (size_t)sqlite3_column_bytes(st, col);
    return slice_of(n ? p : "", n);
}

static bool sqlite_is_null(struct db_query *q, int col)
{
    return sqlite3_column_type(of(q)->st, col) == SQLITE_NULL;
}

/* A statement with RETURNING that nobody read to its end has done its work at the first step; it is
   still run out, so that the count of changed rows is right. */
static void sqlite_end(struct db_query *base)
{
    struct sqlite_query *q = of(base);
    if (!q->st)
        return;
    if (q->writes && !q->done && !base->err.code && sqlite3_stmt_busy(q->st))
        while (sqlite_next(base, NULL) > 0)
            ;
    sqlite3_reset(q->st);
    sqlite3_clear_bindings(q->st);
}

static const struct db_ops sqlite_ops = {
    .engine = DB_SQLITE,
    .close = sqlite_close,
    .exec = sqlite_exec,
    .control = sqlite_control,
    .begin = {[DB_READ] = "BEGIN", [DB_WRITE] = "BEGIN IMMEDIATE"},
    .commit = sqlite_commit,
    .query_new = sqlite_query_new,
    .query_free = sqlite_query_free,
    .prepare = sqlite_prepare,
    .bind_i64 = sqlite_bind_int,
    .bind_bytes = sqlite_bind_bytes,
    .bind_null = sqlite_bind_none,
    .next = sqlite_next,
    .i64 = sqlite_i64,
    .bytes = sqlite_bytes,
    .is_null = sqlite_is_null,
    .end = sqlite_end,
};

/* --- opening -------------------------------------------------------------------------------- */

static int set_up(sqlite3 *h, unsigned flags, struct err *e)
{
    char sql[300];
    sqlite3_extended_result_codes(h, 1);
    sqlite3_busy_timeout(h, (int)setting_get(&set_db_busy_timeout));
    wal_vfs_watch(h);
    wal_keep(h);
    snprintf(sql, sizeof(sql),
             "PRAGMA foreign_keys=OFF; PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;"
             "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA cache_size=-%lld;"
             "PRAGMA wal_autocheckpoint=0; PRAGMA %s",
             (long long)(setting_get(&set_db_sqlite_cache) / KiB),
             flags & DB_READONLY ? "query_only=ON" : "journal_mode=WAL");
    if (sqlite3_exec(h, sql, NULL, NULL, NULL) != SQLITE_OK)
        return fail(h, "open", e);
    /* The pragmas above do not read the file; this does, and finds one that is no database. */
    if (sqlite3_exec(h, "SELECT 1 FROM sqlite_master LIMIT 1", NULL, NULL, NULL) != SQLITE_OK)
        return fail(h, "open", e);
    if (!(flags & DB_NO_CHECKPOINT))
        wal_checkpoint_by_itself(h);
    return 0;
}

int db_open_sqlite(const char *path, unsigned flags, struct db **ret, struct err *e)
{
    struct stat st;
    if (!(flags & DB_CREATE) && stat(path, &st))
        return err_errno(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s", path);
    sqlite3 *h = NULL;
    int mode = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE;
    if (flags & DB_CREATE)
        mode |= SQLITE_OPEN_CREATE;
    /* Readers open for writing too when they may: reading a WAL needs its index file. */
    if (sqlite3_open_v2(path, &h, mode, wal_vfs_name()) != SQLITE_OK) {
        fail(h, path, e);
        sqlite3_close(h);
        return -1;
    }
    if (set_up(h, flags, e) || (!(flags & DB_READONLY) && wal_sync_names(path, e))) {
        sqlite3_close(h);
        return -1;
    }
    struct sqlite_db *db = calloc(1, sizeof(*db));
    BUG_IF(!db);
    db->db.ops = &sqlite_ops;
    db->h = h;
    db->checkpoints = !(flags & (DB_NO_CHECKPOINT | DB_READONLY));
    *ret = &db->db;
    return 0;
}

int db_checkpoint(struct db *db, enum db_checkpoint how, int64_t *ret_left, struct err *e)
{
    int log = 0, moved = 0;
    if (db->ops->engine == DB_SQLITE) {
        sqlite3 *h = handle(db);
        int mode =
            how == DB_CHECKPOINT_MOVE ? SQLITE_CHECKPOINT_PASSIVE : SQLITE_CHECKPOINT_TRUNCATE;
        bool free_only = how == DB_CHECKPOINT_CUT_FREE;
        if (free_only)
            sqlite3_busy_timeout(h, 0);
        int rc = wal_checkpoint(h, mode, &log, &moved);
        if (free_only)
            sqlite3_busy_timeout(h, (int)setting_get(&set_db_busy_timeout));
        bool held = free_only && rc == SQLITE_BUSY;
        if (rc != SQLITE_OK && !held)
            return failed(db, "checkpoint", e);
        if (held && log <= moved)
            log = moved + 1;
    }
    if (ret_left)
        *ret_left = log > moved ? log - moved : 0;
    return 0;
}
