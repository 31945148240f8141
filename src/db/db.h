/* db.h - one SQL interface over SQLite and PostgreSQL. A statement is written once, in the dialect
   both share: $n parameters, BIGINT and BYTEA, TEXT only for valid UTF-8 without NUL, uniqueness by
   ON CONFLICT DO NOTHING RETURNING; no LIKE, booleans, casts, or DML in WITH. A connection serves
   one thread at a time. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

struct db;
struct db_query;

enum db_engine { DB_SQLITE, DB_POSTGRES };

/* DB_STMT(entry_by_uid, "SELECT item FROM entry WHERE account = $1 AND ...");
   defines `static struct db_stmt stmt_entry_by_uid` and registers it, so that one test prepares and
   runs every statement of the program on both engines. */
struct db_stmt {
    const char *module; /* the source file */
    const char *name;
    const char *sql;
    int id; /* index into each connection's cache, from 0 */
    struct db_stmt *next;
};
#define DB_STMT(name_, sql_)                                                                       \
    static struct db_stmt stmt_##name_ = {.module = __FILE__, .name = #name_, .sql = sql_};        \
    __attribute__((constructor)) static void stmt_register_##name_(void)                           \
    {                                                                                              \
        db_stmt_register(&stmt_##name_);                                                           \
    }                                                                                              \
    _Static_assert(1, "")
void db_stmt_register(struct db_stmt *s);
struct db_stmt *db_stmt_first(void);

/* --- connections -------------------------------------------------------------------------- */
enum db_open_flags {
    DB_CREATE = 1,
    DB_READONLY = 2,
    DB_NO_CHECKPOINT = 4, /* SQLite: commits never checkpoint; somebody calls db_checkpoint */
};
/* SQLite: WAL, synchronous=FULL, foreign keys off, busy timeout; one file. A connection that has
   lost its PostgreSQL server fails with ERR_IO and connects again at the next use. */
int db_open_sqlite(const char *path, unsigned flags, struct db **ret, struct err *e);
int db_open_postgres(const char *conninfo, unsigned flags, struct db **ret, struct err *e);
void db_close(struct db *db); /* NULL is fine. SQLite without DB_NO_CHECKPOINT: empties the log */
/* SQLite: it has met an error of the disk. Whoever keeps connections keeps others. */
bool db_is_ailing(const struct db *db);
enum db_engine db_engine(const struct db *db);
/* SQLite: moves the write-ahead log into the file as far as readers allow. *ret_left: frames that
   are in the log only; with DB_CHECKPOINT_CUT_FREE not 0 either when the log is not cut.
   PostgreSQL: nothing. */
enum db_checkpoint {
    DB_CHECKPOINT_MOVE,
    DB_CHECKPOINT_CUT,      /* waits for readers, moves all, and cuts the log */
    DB_CHECKPOINT_CUT_FREE, /* cuts it when nobody has to be waited for; else does what it can */
};
int db_checkpoint(struct db *db, enum db_checkpoint how, int64_t *ret_left, struct err *e);

/* SQLite: before this process opens the file for the first time. What a sync that failed may have
   left in memory only is written to the disk again. */
int db_renew_log(const char *path, struct err *e);

/* SQLite: a copy of the file as it is now, also while others write it; synced. */
int db_snapshot(const char *from, const char *to, struct err *e);

/* --- transactions ------------------------------------------------------------------------- */
enum db_mode { DB_READ, DB_WRITE }; /* READ: one snapshot (REPEATABLE READ READ ONLY) */
int db_begin(struct db *db, enum db_mode mode, struct err *e);
int db_commit(struct db *db, struct err *e);
void db_rollback(struct db *db);
int db_savepoint(struct db *db, struct err *e); /* one level */
int db_savepoint_release(struct db *db, struct err *e);
int db_savepoint_rollback(struct db *db, struct err *e);

/* --- statements --------------------------------------------------------------------------- */
/* PostgreSQL must be able to infer every parameter's type from the statement (bare `$1` in a SELECT
   list cannot be); SUM of BIGINT and EXISTS read as numbers on both.
   Begins a use of the statement: binds, then db_next until 0, then db_end (also after errors). A
   statement is in use once at a time per connection. */
struct db_query *db_query(struct db *db, struct db_stmt *stmt);
void db_bind_i64(struct db_query *q, int n, int64_t v);       /* n from 1: $1 */
void db_bind_blob(struct db_query *q, int n, struct slice v); /* borrowed until db_end */
void db_bind_text(struct db_query *q, int n, struct slice v); /* p == NULL binds NULL, in both */
void db_bind_null(struct db_query *q, int n);
int db_next(struct db_query *q, struct err *e);    /* 1: a row, 0: no more, -1 */
int64_t db_i64(struct db_query *q, int col);       /* col from 0; NULL reads as 0 */
struct slice db_blob(struct db_query *q, int col); /* valid until db_next or db_end */
struct slice db_text(struct db_query *q, int col);
bool db_is_null(struct db_query *q, int col);
void db_end(struct db_query *q);
int64_t db_changes(struct db *db); /* rows changed by the last finished statement */

/* The whole thing at once. args: one letter a parameter: i = int64_t, b = struct slice as bytes,
   t = struct slice as text. db_run: no rows wanted. db_get_i64: the first column of the first row,
   1 when there was one, else 0. */
int db_run(struct db *db, struct db_stmt *s, struct err *e, const char *args, ...);
int db_get_i64(struct db *db, struct db_stmt *s, int64_t *ret, struct err *e, const char *args,
               ...);

/* Schema text of the program's own, several statements. Never with anything from outside in it. */
int db_script(struct db *db, const char *sql, struct err *e);

/* --- migrations --------------------------------------------------------------------------- */
#define DB_FIRST_RELEASE "0.1.0"
struct db_migration {
    int version; /* 1, 2, 3 ... */
    const char *sqlite, *postgres;
    /* The release that comes with a step after which older ones cannot use the tables; they refuse
       them by this name, and only `carbonado upgrade` takes the step. DB_FIRST_RELEASE: builds of
       before it cannot and are refused, but nobody is asked. NULL: they get along. */
    const char *needs;
};
/* Brings the module's schema up to the last version, each step in a transaction, recorded in table
   `migration(module, version, at)`. ERR_UNSUPPORTED: a newer release made tables that this program
   cannot use (the text names the release to install), or `carbonado upgrade` has to be run. */
int db_migrate(struct db *db, const char *module, const struct db_migration *m, size_t n,
               struct err *e);

/* The schema of a module, registered so that the statements test makes the tables of all modules:
   DB_MODULE(directory, directory_migrations); defines `struct db_module db_module_directory`. */
struct db_module {
    const char *name;
    const struct db_migration *migrations;
    size_t n;
    struct db_module *next;
};
#define DB_MODULE(name_, migrations_)                                                              \
    static struct db_module db_module_##name_ = {.name = #name_,                                   \
                                                 .migrations = (migrations_),                      \
                                                 .n = sizeof(migrations_) /                        \
                                                      sizeof((migrations_)[0])};                   \
    __attribute__((constructor)) static void db_module_register_##name_(void)                      \
    {                                                                                              \
        db_module_register(&db_module_##name_);                                                    \
    }                                                                                              \
    _Static_assert(1, "")
void db_module_register(struct db_module *m);
struct db_module *db_module_first(void);
int db_migrate_module(struct db *db, const struct db_module *m, struct err *e);
/* The same without changing anything: 0 nothing to do, 1 there are steps to take, -1. */
int db_migrate_look(struct db *db, const struct db_module *m, struct err *e);
/* From now on all steps are taken, and fn is told of each: what `carbonado upgrade` is. NULL ends
   it. */
void db_on_upgrade(void (*fn)(const char *module, int version));
