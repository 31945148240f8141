/* db_test.c - the same behaviour on both engines: parameters, types, transactions, savepoints,
   errors, migrations; and what belongs to one engine (durability pragmas, reconnecting). */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/setting.h"
#include "db/db.h"
#include "db/engine.h"
#include "db/pg_test.h"
#include "db/test_db.h"

DB_STMT(put, "INSERT INTO thing (id, name, bytes, n) VALUES ($1, $2, $3, $4)");
DB_STMT(put_once, "INSERT INTO thing (id, name, bytes, n) VALUES ($1, $2, $3, $4) "
                  "ON CONFLICT DO NOTHING RETURNING id");
DB_STMT(get, "SELECT id, name, bytes, n FROM thing WHERE id = $1");
DB_STMT(all, "SELECT id FROM thing ORDER BY id");
DB_STMT(again, "SELECT id FROM thing WHERE n = $2 AND id > $1 AND n < $2 + $1 + 100 ORDER BY id");
DB_STMT(sum, "SELECT SUM(n), COUNT(*), EXISTS (SELECT 1 FROM thing WHERE id = 1), 7 FROM thing");
DB_STMT(bump, "UPDATE thing SET n = n + $1 WHERE id >= $2");
DB_STMT(bump_returning, "UPDATE thing SET n = n + $1 WHERE id >= $2 RETURNING n");
DB_STMT(broken, "SELECT x FROM no_such_table WHERE y = $1");
DB_STMT(quoted, "SELECT id FROM thing WHERE name = '$9 it' AND id = $1");

static const struct db_migration steps[] = {
    {1,
     "CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE, bytes BLOB, n BIGINT NOT NULL)",
     "CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT UNIQUE, bytes BYTEA, n BIGINT NOT "
     "NULL)"},
    {2, "CREATE INDEX thing_n ON thing (n); CREATE INDEX thing_b ON thing (bytes)",
     "CREATE INDEX thing_n ON thing (n); CREATE INDEX thing_b ON thing (bytes)", "0.3.0"},
};
static const struct db_migration bad_step[] = {
    {1, "CREATE TABLE half (id INTEGER); CREATE TABLE half (id INTEGER)",
     "CREATE TABLE half (id INTEGER); CREATE TABLE half (id INTEGER)"},
};

SETTING_DECLARE(db, busy_timeout);
SETTING_DECLARE(db, sqlite_cache);

static struct pg_test cluster;
static bool have_pg;

static void needs_postgres(void)
{
    if (!have_pg && pg_test_is_needed())
        fail_msg("no PostgreSQL");
    if (!have_pg)
        skip();
}

static struct db *open_engine(enum db_engine engine)
{
    struct db *db = NULL;
    struct err e = {0};
    int r = engine == DB_SQLITE ? db_open_sqlite(test_file, DB_CREATE, &db, &e)
                                : db_open_postgres(cluster.conninfo, 0, &db, &e);
    if (r)
        fail_msg("%s", e.text);
    return db;
}

static struct db *fresh(enum db_engine engine)
{
    struct err e = {0};
    if (engine == DB_SQLITE)
        unlink(test_file);
    struct db *db = open_engine(engine);
    db_script(db,
              "DROP TABLE IF EXISTS thing; DROP TABLE IF EXISTS migration;"
              "DROP TABLE IF EXISTS migration_needs",
              &e);
    if (db_migrate(db, "test", steps, 2, &e))
        fail_msg("%s", e.text);
    return db;
}

static int put(struct db *db, int64_t id, const char *name, int64_t n, struct err *e)
{
    return db_run(db, &stmt_put, e, "itbi", id, slice_str(name), S("\0\xff"), n);
}

static int64_t count(struct db *db)
{
    struct db_query *q = db_query(db, &stmt_all);
    int64_t n = 0;
    while (db_next(q, NULL) > 0)
        n++;
    db_end(q);
    return n;
}

static void values_come_back(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    const int64_t numbers[] = {0, -1, INT64_MAX, INT64_MIN, 1LL << 40};
    for (int i = 0; i < 5; i++)
        assert_int_equal(put(db, i + 1, (char[]){(char)('a' + i), 0}, numbers[i], &e), 0);
    assert_int_equal(db_run(db, &stmt_put, &e, "itbi", 9LL, SNONE, SNONE, 3LL), 0);
    assert_int_equal(db_run(db, &stmt_put, &e, "itbi", 10LL, S(""), S(""), 3LL), 0);
    for (int64_t i = 0; i < 5; i++) {
        struct db_query *q = db_query(db, &stmt_get);
        db_bind_i64(q, 1, i + 1);
        assert_int_equal(db_next(q, &e), 1);
        assert_true(db_i64(q, 3) == numbers[i]);
        assert_true(slice_eq(db_blob(q, 2), S("\0\xff")));
        assert_int_equal(db_text(q, 1).n, 1);
        assert_false(db_is_null(q, 1));
        assert_int_equal(db_next(q, &e), 0);
        assert_int_equal(db_next(q, &e), 0);
        db_end(q);
    }
    struct db_query *q = db_query(db, &stmt_get);
    db_bind_i64(q, 1, 9);
    assert_int_equal(db_next(q, &e), 1);
    assert_true(db_is_null(q, 1) && db_is_null(q, 2));
    assert_null(db_text(q, 1).p);
    assert_null(db_blob(q, 2).p);
    db_end(q);
    q = db_query(db, &stmt_get);
    db_bind_i64(q, 1, 10);
    assert_int_equal(db_next(q, &e), 1);
    assert_non_null(db_text(q, 1).p);
    assert_non_null(db_blob(q, 2).p);
    assert_int_equal(db_blob(q, 2).n, 0);
    db_end(q);
    db_close(db);
}

static void parameters_go_by_name(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    int64_t got = 0;
    for (int64_t i = 1; i < 5; i++)
        assert_int_equal(put(db, i, (char[]){(char)('a' + i), 0}, 50, &e), 0);
    assert_int_equal(db_get_i64(db, &stmt_again, &got, &e, "ii", 2LL, 50LL), 1);
    assert_int_equal(got, 3);
    assert_int_equal(db_get_i64(db, &stmt_again, &got, &e, "ii", 2LL, 51LL), 0);
    assert_int_equal(db_get_i64(db, &stmt_quoted, &got, &e, "i", 2LL), 0);
    db_close(db);
}

static void sums_and_exists_are_numbers(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    put(db, 1, "a", 10000, &e);
    put(db, 2, "b", -1234567890123456789, &e);
    struct db_query *q = db_query(db, &stmt_sum);
    assert_int_equal(db_next(q, &e), 1);
    assert_true(db_i64(q, 0) == 10000 - 1234567890123456789);
    assert_int_equal(db_i64(q, 1), 2);
    assert_int_equal(db_i64(q, 2), 1);
    assert_int_equal(db_i64(q, 3), 7);
    db_end(q);
    db_run(db, &stmt_bump, &e, "ii", 1234567890123456789LL, 2LL);
    q = db_query(db, &stmt_sum);
    assert_int_equal(db_next(q, &e), 1);
    assert_true(db_i64(q, 0) == 10000);
    db_end(q);
    db_close(db);
}

static void changes_are_counted(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    int64_t got = 0;
    for (int64_t i = 1; i < 6; i++)
        put(db, i, (char[]){(char)('a' + i), 0}, 1, &e);
    assert_int_equal(db_changes(db), 1);
    assert_int_equal(db_run(db, &stmt_bump, &e, "ii", 4LL, 3LL), 0);
    assert_int_equal(db_changes(db), 3);
    assert_int_equal(db_get_i64(db, &stmt_put_once, &got, &e, "itbi", 3LL, S("z"), S(""), 0LL), 0);
    assert_int_equal(db_changes(db), 0);
    assert_int_equal(db_get_i64(db, &stmt_put_once, &got, &e, "itbi", 6LL, S("z"), S(""), 0LL), 1);
    assert_int_equal(got, 6);
    /* Left before its end, the statement has still done all its work. */
    struct db_query *q = db_query(db, &stmt_bump_returning);
    db_bind_i64(q, 1, 100);
    db_bind_i64(q, 2, 2);
    assert_int_equal(db_next(q, &e), 1);
    db_end(q);
    assert_int_equal(db_changes(db), 5);
    db_get_i64(db, &stmt_sum, &got, &e, "");
    assert_int_equal(db_changes(db), 0);
    db_close(db);
}

static void transactions_and_savepoints(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
    put(db, 1, "a", 1, &e);
    db_rollback(db);
    db_rollback(db);
    assert_int_equal(count(db), 0);

    assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
    put(db, 1, "a", 1, &e);
    assert_int_equal(db_savepoint(db, &e), 0);
    put(db, 2, "b", 1, &e);
    /* A statement that fails inside the savepoint takes nothing else with it. */
    assert_int_equal(put(db, 2, "c", 1, &e), -1);
    assert_int_equal(e.code, ERR_EXISTS);
    assert_int_equal(db_savepoint_rollback(db, &e), 0);
    assert_int_equal(db_savepoint(db, &e), 0);
    put(db, 3, "c", 1, &e);
    assert_int_equal(db_savepoint_release(db, &e), 0);
    assert_int_equal(db_commit(db, &e), 0);
    assert_int_equal(count(db), 2);

    /* One snapshot for the whole read. */
    struct db *other = open_engine(engine);
    assert_int_equal(db_begin(db, DB_READ, &e), 0);
    assert_int_equal(count(db), 2);
    assert_int_equal(put(other, 4, "d", 1, &e), 0);
    assert_int_equal(count(db), 2);
    assert_int_equal(db_commit(db, &e), 0);
    assert_int_equal(count(db), 3);
    db_close(other);
    db_close(db);
}

static void errors_are_told_at_next(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    struct db_query *q = db_query(db, &stmt_broken);
    db_bind_i64(q, 1, 1);
    assert_int_equal(db_next(q, &e), -1);
    assert_int_equal(e.code, ERR_BUG);
    db_end(q);
    assert_int_equal(db_run(db, &stmt_put, &e, "itbi", 1LL, S("a\0b"), S(""), 1LL), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
    assert_int_equal(db_run(db, &stmt_put, &e, "itbi", 1LL, S("\xc3("), S(""), 1LL), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
    assert_int_equal(count(db), 0);
    assert_int_equal(put(db, 1, "a", 1, &e), 0);
    assert_int_equal(put(db, 2, "a", 1, &e), -1);
    assert_int_equal(e.code, ERR_EXISTS);
    assert_int_equal(count(db), 1);
    db_close(db);
}

static void hostile_text_is_data(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    struct slice evil = S("'; DROP TABLE thing; -- $1 \" \\ \xf0\x9f\x92\x8e");
    assert_int_equal(db_run(db, &stmt_put, &e, "itbi", 1LL, evil, evil, 1LL), 0);
    struct db_query *q = db_query(db, &stmt_get);
    db_bind_i64(q, 1, 1);
    assert_int_equal(db_next(q, &e), 1);
    assert_true(slice_eq(db_text(q, 1), evil) && slice_eq(db_blob(q, 2), evil));
    db_end(q);
    db_close(db);
}

static void migrations_are_whole_and_once(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    assert_int_equal(db_migrate(db, "test", steps, 2, &e), 0);
    assert_int_equal(db_migrate(db, "bad", bad_step, 1, &e), -1);
    /* Nothing of the step that failed is left. */
    assert_int_equal(db_script(db, "CREATE TABLE half (id INTEGER); DROP TABLE half", &e), 0);
    assert_int_equal(db_migrate(db, "test", steps, 1, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "install carbonado 0.3.0 or newer"));
    db_close(db);
}

#define GROW "ALTER TABLE thing ADD COLUMN more BIGINT"
#define TURN "ALTER TABLE thing RENAME COLUMN n TO m"
static const struct db_migration later[] = {
    {1, "CREATE TABLE thing (id BIGINT, n BIGINT)", "CREATE TABLE thing (id BIGINT, n BIGINT)"},
    {2, GROW, GROW},
    {3, TURN, TURN, "0.4.1"},
    {4, "ALTER TABLE thing ADD COLUMN last BIGINT", "ALTER TABLE thing ADD COLUMN last BIGINT"},
};
static char upgraded[64];

static void note_upgrade(const char *module, int version)
{
    size_t n = strlen(upgraded);
    snprintf(upgraded + n, sizeof upgraded - n, "%s %d;", module, version);
}

/* What two releases that share a database are to each other. */
static void older_and_newer_releases(enum db_engine engine)
{
    struct db *db = fresh(engine);
    struct err e = {0};
    struct db_module small = {.name = "later", .migrations = later, .n = 1},
                     whole = {.name = "later", .migrations = later, .n = 4};
    assert_int_equal(db_script(db, "DROP TABLE thing", &e), 0);
    assert_int_equal(db_migrate(db, "later", later, 1, &e), 0);
    assert_int_equal(db_migrate(db, "later", later, 2, &e), 0);
    /* The first does not know the column, and need not. */
    assert_int_equal(db_migrate(db, "later", later, 1, &e), 0);
    assert_int_equal(db_migrate_look(db, &small, &e), 0);
    /* A step that shuts it out waits for the administrator. */
    assert_int_equal(db_migrate_look(db, &whole, &e), -1);
    assert_int_equal(db_migrate(db, "later", later, 4, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "carbonado upgrade"));
    assert_int_equal(db_migrate(db, "later", later, 2, &e), 0);
    upgraded[0] = 0;
    db_on_upgrade(note_upgrade);
    assert_int_equal(db_migrate_look(db, &whole, &e), 1);
    assert_int_equal(db_migrate(db, "later", later, 4, &e), 0);
    db_on_upgrade(NULL);
    assert_string_equal(upgraded, "later 3;later 4;");
    for (size_t n = 1; n <= 2; n++) {
        e.text[0] = 0;
        assert_int_equal(db_migrate(db, "later", later, n, &e), -1);
        assert_int_equal(e.code, ERR_UNSUPPORTED);
        assert_non_null(strstr(e.text, "install carbonado 0.4.1 or newer"));
    }
    assert_int_equal(db_migrate(db, "later", later, 3, &e), 0);
    assert_int_equal(db_migrate_look(db, &whole, &e), 0);
    db_close(db);
    /* New tables have no older release. */
    db = fresh(engine);
    assert_int_equal(db_script(db, "DROP TABLE thing", &e), 0);
    assert_int_equal(db_migrate(db, "later", later, 4, &e), 0);
    assert_int_equal(db_script(db, "DROP TABLE thing", &e), 0);
    db_close(db);
}

static void (*const both[])(enum db_engine) = {
    values_come_back,     parameters_go_by_name,         sums_and_exists_are_numbers,
    changes_are_counted,  transactions_and_savepoints,   errors_are_told_at_next,
    hostile_text_is_data, migrations_are_whole_and_once, older_and_newer_releases,
};

static void on_sqlite(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
        both[i](DB_SQLITE);
}

static void on_postgres(void **state)
{
    (void)state;
    needs_postgres();
    for (size_t i = 0; i < sizeof(both) / sizeof(both[0]); i++)
        both[i](DB_POSTGRES);
}

DB_STMT(sqlite_sync, "SELECT synchronous FROM pragma_synchronous");
DB_STMT(sqlite_wal, "SELECT journal_mode = 'wal' FROM pragma_journal_mode");

static void sqlite_is_durable(void **state)
{
    (void)state;
    struct db *db = fresh(DB_SQLITE);
    struct err e = {0};
    int64_t v = 0;
    assert_int_equal(db_get_i64(db, &stmt_sqlite_sync, &v, &e, ""), 1);
    assert_int_equal(v, 2);
    assert_int_equal(db_get_i64(db, &stmt_sqlite_wal, &v, &e, ""), 1);
    assert_int_equal(v, 1);
    assert_int_equal(put(db, 1, "a", 1, &e), 0);
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_CUT, &v, &e), 0);
    assert_int_equal(v, 0);
    db_close(db);
}

static void copy_file(const char *from, const char *to)
{
    BUF_SCOPE b = {.max = 64 << 20};
    struct err e = {0};
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    if (file_read(from, &b, &e))
        fail_msg("%s", e.text);
    assert_int_equal(fd_write_all(fd, b.p, b.n), 0);
    close(fd);
}

/* What a crash would leave: the files as they are now. */
static int64_t count_in_copy(void)
{
    char to[80], wal[90], copy_wal[90], copy_index[90];
    struct db *db;
    struct err e = {0};
    snprintf(to, sizeof to, "%s/copy.db", test_dir);
    snprintf(wal, sizeof wal, "%s-wal", test_file);
    snprintf(copy_wal, sizeof copy_wal, "%s-wal", to);
    snprintf(copy_index, sizeof copy_index, "%s-shm", to);
    copy_file(test_file, to);
    copy_file(wal, copy_wal);
    if (db_open_sqlite(to, 0, &db, &e))
        fail_msg("%s", e.text);
    int64_t n = count(db);
    db_close(db);
    unlink(to);
    unlink(copy_wal);
    unlink(copy_index);
    return n;
}

/* With a page cache that is too small for what is written. */
static struct db *fresh_small(void)
{
    struct err e = {0};
    assert_int_equal(setting_parse(&set_db_sqlite_cache, S("64K"), &e), 0);
    struct db *db = fresh(DB_SQLITE);
    setting_reset(&set_db_sqlite_cache);
    return db;
}

static int put_large_or_not(struct db *db, int64_t id)
{
    static char text[12001];
    struct err e = {0};
    memset(text, 'x', sizeof text - 1);
    snprintf(text, 30, "%lld", (long long)id);
    text[strlen(text)] = ' ';
    return put(db, id, text, 1, &e);
}

static void put_large(struct db *db, int64_t id)
{
    assert_int_equal(put_large_or_not(db, id), 0);
}

/* Writes of the log are gathered (wal_vfs.c), over many more pages than the cache has: a
   transaction reads what it wrote, others read it from COMMIT on, and then it is in the file. */
static void sqlite_log_is_gathered(void **state)
{
    (void)state;
    enum { ROWS = 60, ROUNDS = 3 };
    struct err e = {0};
    struct db *db = fresh_small(), *other = open_engine(DB_SQLITE);
    for (int64_t round = 0; round < ROUNDS; round++) {
        assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
        for (int64_t i = 1; i <= ROWS; i++)
            put_large(db, round * ROWS + i);
        assert_int_equal(count(db), (round + 1) * ROWS);
        assert_int_equal(count(other), round * ROWS);
        assert_int_equal(count_in_copy(), round * ROWS);
        assert_int_equal(db_commit(db, &e), 0);
        assert_int_equal(count_in_copy(), (round + 1) * ROWS);
        assert_int_equal(count(other), (round + 1) * ROWS);
    }
    assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
    for (int64_t i = 1; i <= ROWS; i++)
        put_large(db, ROUNDS * ROWS + i);
    db_rollback(db);
    assert_int_equal(count(db), ROUNDS * ROWS);
    assert_int_equal(count_in_copy(), ROUNDS * ROWS);
    db_close(other);
    db_close(db);
}

/* What a transaction that was rolled back had in memory does not come over the commit of another
   connection, which has its place in the log. */
static void sqlite_rollback_leaves_nothing(void **state)
{
    (void)state;
    enum { ROWS = 60 };
    struct err e = {0};
    struct db *db = fresh_small(), *other = NULL;
    assert_int_equal(db_open_sqlite(test_file, DB_NO_CHECKPOINT, &other, &e), 0);
    for (int64_t round = 0; round < 2; round++) {
        assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
        for (int64_t i = 1; i <= ROWS; i++)
            put_large(db, round * ROWS + i);
        db_rollback(db);
        assert_int_equal(db_begin(other, DB_WRITE, &e), 0);
        for (int64_t i = 1; i <= ROWS; i++)
            put_large(other, round * ROWS + i);
        assert_int_equal(db_commit(other, &e), 0);
        assert_int_equal(put(db, 10000 + round, NULL, 1, &e), 0);
        assert_int_equal(count_in_copy(), (round + 1) * (ROWS + 1));
    }
    db_close(other);
    db_close(db);
}

static long writes_until_full;

static ssize_t write_until_full(int fd, const void *p, size_t n, off_t at)
{
    if (--writes_until_full)
        return pwrite(fd, p, n, at);
    errno = ENOSPC;
    return -1;
}

/* One write to the log fails, the n-th: all of the transaction is there, or nothing of it, and the
   connection goes on. */
static void sqlite_write_that_fails(void **state)
{
    (void)state;
    enum { ROWS = 20 };
    struct err e = {0};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    struct db *db = fresh_small();
    int64_t have = 0;
    bool failed = true;
    for (long nth = 1; failed; nth += 1 + nth / 4) {
        int rc = db_begin(db, DB_WRITE, &e);
        writes_until_full = nth;
        vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_until_full);
        vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_until_full);
        for (int64_t i = 1; i <= ROWS && rc == 0; i++) {
            rc = put_large_or_not(db, nth * 1000 + i);
            rc = rc ? rc : db_run(db, &stmt_bump, NULL, "ii", (int64_t)1, nth * 1000 + i);
        }
        rc = rc || db_commit(db, NULL) ? -1 : 0;
        vfs->xSetSystemCall(vfs, NULL, NULL);
        if (rc)
            db_rollback(db);
        failed = writes_until_full <= 0;
        assert_true(failed || rc == 0);
        have += rc ? 0 : count(db) - have;
        assert_int_equal(count(db), have);
        assert_int_equal(count_in_copy(), have);
        assert_int_equal(put(db, nth * 1000, NULL, 1, &e), 0);
        have++;
        assert_int_equal(count_in_copy(), have);
        assert_true(nth < 1000);
    }
    db_close(db);
}

/* A log at rest is cut when nobody has to be waited for. */
static void sqlite_log_is_cut(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat st;
    char wal[90];
    struct db *db = fresh(DB_SQLITE), *reader = open_engine(DB_SQLITE);
    snprintf(wal, sizeof wal, "%s-wal", test_file);
    assert_int_equal(put(db, 1, "a", 1, &e), 0);
    assert_int_equal(db_begin(reader, DB_READ, &e), 0);
    assert_int_equal(count(reader), 1);
    assert_int_equal(put(db, 2, "b", 1, &e), 0);
    int64_t left = 0;
    if (db_checkpoint(db, DB_CHECKPOINT_CUT_FREE, &left, &e))
        fail_msg("%s", e.text);
    assert_int_equal(stat(wal, &st), 0);
    assert_true(st.st_size > 0 && left > 0);
    assert_int_equal(count(reader), 1);
    db_rollback(reader);
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_CUT_FREE, &left, &e), 0);
    assert_int_equal(left, 0);
    assert_int_equal(stat(wal, &st), 0);
    assert_int_equal(st.st_size, 0);
    db_close(reader);
    db_close(db);
}

static void sqlite_lock_is_busy(void **state)
{
    (void)state;
    struct db *db = fresh(DB_SQLITE), *other = NULL;
    struct err e = {0};
    assert_int_equal(setting_parse(&set_db_busy_timeout, S("20ms"), &e), 0);
    other = open_engine(DB_SQLITE);
    setting_reset(&set_db_busy_timeout);
    assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
    assert_int_equal(db_begin(other, DB_WRITE, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    assert_int_equal(count(other), 0);
    db_rollback(db);
    assert_int_equal(db_begin(other, DB_WRITE, &e), 0);
    db_rollback(other);
    db_close(other);
    db_close(db);
}

static void sqlite_files_that_are_none(void **state)
{
    (void)state;
    struct err e = {0};
    struct db *db = NULL;
    unlink(test_file);
    assert_int_equal(db_open_sqlite(test_file, 0, &db, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    char junk[5000];
    memset(junk, 'x', sizeof(junk));
    assert_int_equal(file_replace(test_file, slice_of(junk, sizeof(junk)), 0600, &e), 0);
    assert_int_equal(db_open_sqlite(test_file, 0, &db, &e), -1);
    assert_int_equal(e.code, ERR_CORRUPT);
    unlink(test_file);
}

static void sqlite_reader_cannot_write(void **state)
{
    (void)state;
    struct err e = {0};
    struct db *db = fresh(DB_SQLITE), *ro = NULL;
    assert_int_equal(put(db, 1, "a", 1, &e), 0);
    assert_int_equal(db_open_sqlite(test_file, DB_READONLY, &ro, &e), 0);
    assert_int_equal(count(ro), 1);
    assert_int_equal(put(ro, 2, "b", 1, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    db_close(ro);
    db_close(db);
}

static void postgres_connects_again(void **state)
{
    (void)state;
    needs_postgres();
    struct err e = {0};
    struct db *db = fresh(DB_POSTGRES), *killer = open_engine(DB_POSTGRES);
    assert_int_equal(put(db, 1, "a", 1, &e), 0);
    assert_int_equal(db_script(killer,
                               "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
                               "WHERE pid <> pg_backend_pid() AND usename = 'test'",
                               &e),
                     0);
    assert_int_equal(put(db, 2, "b", 1, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(put(db, 2, "b", 1, &e), 0);
    assert_int_equal(count(db), 2);

    /* A transaction that lost its connection cannot commit. */
    assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
    assert_int_equal(put(db, 3, "c", 1, &e), 0);
    db_script(killer,
              "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
              "WHERE pid <> pg_backend_pid() AND usename = 'test'",
              &e);
    assert_int_equal(db_commit(db, &e), -1);
    assert_int_equal(count(db), 2);

    /* A failed transaction that is committed is none. */
    assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
    assert_int_equal(put(db, 4, "d", 1, &e), 0);
    assert_int_equal(put(db, 4, "d", 1, &e), -1);
    assert_int_equal(db_commit(db, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    assert_int_equal(count(db), 2);
    db_close(killer);
    db_close(db);
}

static int set_up(void **state)
{
    (void)state;
    have_pg = pg_test_start(&cluster);
    return test_db_begin();
}

static int tear_down(void **state)
{
    (void)state;
    if (have_pg)
        pg_test_stop(&cluster);
    return test_db_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(on_sqlite),
        cmocka_unit_test(on_postgres),
        cmocka_unit_test(sqlite_is_durable),
        cmocka_unit_test(sqlite_log_is_gathered),
        cmocka_unit_test(sqlite_rollback_leaves_nothing),
        cmocka_unit_test(sqlite_write_that_fails),
        cmocka_unit_test(sqlite_log_is_cut),
        cmocka_unit_test(sqlite_lock_is_busy),
        cmocka_unit_test(sqlite_files_that_are_none),
        cmocka_unit_test(sqlite_reader_cannot_write),
        cmocka_unit_test(postgres_connects_again),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, set_up, tear_down);
}
