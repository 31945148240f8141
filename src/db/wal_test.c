/* wal_test.c - a disk whose syncs and reads fail, and a kernel that forgets what it could not
   write: nothing committed is lost, and nothing is called damaged that is not. */
#include "base/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/buf.h"
#include "base/fd.h"
#include "db/db.h"
#include "db/test_db.h"
#include "db/wal_vfs.h"

DB_STMT(wal_put, "INSERT INTO thing (id, bytes) VALUES ($1, $2)");
DB_STMT(wal_count, "SELECT COUNT(*) FROM thing");
DB_STMT(wal_sound, "SELECT integrity_check = 'ok' FROM pragma_integrity_check");

static const char *fails; /* how the names of files end whose syncs fail */
static unsigned log_syncs;

/* Before libc's, for SQLite too. */
static int sync_or_not(int fd, long call)
{
    char link[64], name[512];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, name, sizeof name);
    struct slice s = slice_of(name, n > 0 ? (size_t)n : 0);
    log_syncs += slice_ends(s, S("-wal"));
    if (fails && slice_ends(s, slice_str(fails))) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, fd);
}

int fsync(int fd)
{
    return sync_or_not(fd, SYS_fsync);
}

int fdatasync(int fd)
{
    return sync_or_not(fd, SYS_fdatasync);
}

static struct db *opened(unsigned flags)
{
    struct db *db = NULL;
    struct err e = {0};
    if (db_open_sqlite(test_file, flags | DB_NO_CHECKPOINT, &db, &e))
        fail_msg("%s", e.text);
    return db;
}

static struct db *fresh(void)
{
    struct err e = {0};
    test_db_remove();
    struct db *db = opened(DB_CREATE);
    assert_int_equal(
        db_script(db, "CREATE TABLE thing (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)", &e), 0);
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_CUT, NULL, &e), 0);
    return db;
}

static void put(struct db *db, int64_t from, int64_t n)
{
    static const char bytes[3000];
    struct err e = {0};
    for (int64_t i = from; i < from + n; i++)
        if (db_run(db, &stmt_wal_put, &e, "ib", i, slice_of(bytes, sizeof bytes)))
            fail_msg("%s", e.text);
}

static int64_t number(struct db *db, struct db_stmt *s)
{
    int64_t n = 0;
    struct err e = {0};
    if (db_get_i64(db, s, &n, &e, "") < 0)
        fail_msg("%s", e.text);
    return n;
}

static void read_whole(const char *path, struct buf *b)
{
    struct err e = {0};
    b->max = 64 << 20;
    if (file_read(path, b, &e))
        fail_msg("%s", e.text);
}

static void the_disk_has(const struct buf *b)
{
    int fd = open(test_file, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(fd_pwrite_all(fd, b->p, b->n, 0), 0);
    assert_int_equal(ftruncate(fd, (off_t)b->n), 0);
    close(fd);
}

/* Pages of a checkpoint that did not reach the end of the log are synced with a later one. */
static void a_lost_sync_is_made_good(void **state)
{
    (void)state;
    struct err e = {0};
    int64_t left = 0;
    BUF_SCOPE disk = {0};
    struct db *db = fresh(), *reader = opened(DB_READONLY);
    put(db, 1, 50);
    assert_int_equal(db_begin(reader, DB_READ, &e), 0);
    assert_int_equal(number(reader, &stmt_wal_count), 50);
    put(db, 51, 50);
    read_whole(test_file, &disk);
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_MOVE, &left, &e), 0);
    assert_true(left > 0);
    assert_int_equal(db_commit(reader, &e), 0);
    fails = ".db";
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_MOVE, &left, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    fails = NULL;
    the_disk_has(&disk);
    db_close(db);
    db = opened(0);
    assert_int_equal(number(reader, &stmt_wal_count), 100);
    put(db, 101, 5);
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_CUT, &left, &e), 0);
    db_close(reader);
    db_close(db);
    db = opened(0);
    assert_int_equal(number(db, &stmt_wal_count), 105);
    assert_int_equal(number(db, &stmt_wal_sound), 1);
    db_close(db);
}

static void a_log_keeps_its_name(void **state)
{
    (void)state;
    struct err e = {0};
    struct stat a, b;
    struct db *db = fresh();
    put(db, 1, 3);
    assert_int_equal(stat(test_log, &a), 0);
    db_close(db);
    assert_int_equal(stat(test_log, &b), 0);
    assert_true(a.st_ino == b.st_ino && b.st_size > 0);
    assert_int_equal(db_open_sqlite(test_file, 0, &db, &e), 0);
    assert_int_equal(number(db, &stmt_wal_count), 3);
    db_close(db); /* this one checkpoints */
    assert_int_equal(stat(test_log, &b), 0);
    assert_true(a.st_ino == b.st_ino && b.st_size == 0);
    fails = test_dir; /* whose names cannot be made durable is not written to */
    assert_int_equal(db_open_sqlite(test_file, 0, &db, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    fails = NULL;
}

static void a_log_is_written_again(void **state)
{
    (void)state;
    struct err e = {0};
    BUF_SCOPE before = {0};
    BUF_SCOPE after = {0};
    struct db *db = fresh();
    put(db, 1, 20);
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_MOVE, NULL, &e), 0);
    put(db, 21, 3); /* the log begins anew, and old frames stand behind */
    db_close(db);
    read_whole(test_log, &before);
    log_syncs = 0;
    assert_int_equal(db_renew_log(test_file, &e), 0);
    assert_int_equal(log_syncs, 1);
    read_whole(test_log, &after);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    fails = "-wal";
    assert_int_equal(db_renew_log(test_file, &e), -1);
    fails = NULL;
    db = opened(0);
    assert_int_equal(number(db, &stmt_wal_count), 23);
    db_close(db);
    unlink(test_log);
    assert_int_equal(db_renew_log(test_file, &e), 0);
    assert_int_equal(access(test_log, F_OK), -1);
}

static ssize_t no_read(int fd, void *p, size_t n, off_t at)
{
    (void)fd;
    (void)p;
    (void)n;
    (void)at;
    errno = EIO;
    return -1;
}

static void what_cannot_be_read_is_not_damaged(void **state)
{
    (void)state;
    struct err e = {0};
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    struct db *db = fresh();
    put(db, 1, 50);
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_CUT, NULL, &e), 0);
    db_close(db);
    db = opened(0);
    int64_t n = 0;
    vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)no_read);
    vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)no_read);
    assert_int_equal(db_get_i64(db, &stmt_wal_count, &n, &e, ""), -1);
    vfs->xSetSystemCall(vfs, NULL, NULL);
    assert_int_equal(e.code, ERR_IO);
    assert_true(db_is_ailing(db));
    db_close(db);
    db = opened(0);
    assert_int_equal(number(db, &stmt_wal_count), 50);
    assert_false(db_is_ailing(db));
    db_close(db);
}

static ssize_t no_write(int fd, const void *p, size_t n, off_t at)
{
    (void)fd;
    (void)p;
    (void)n;
    (void)at;
    errno = ENOSPC;
    return -1;
}

/* Gathered bytes that could not be written take all that follows with them. */
static void what_was_not_written_is_not_used(void **state)
{
    (void)state;
    static char page[4096];
    char head[24] = {0};
    struct stat st;
    sqlite3_vfs *vfs = sqlite3_vfs_find(wal_vfs_name());
    sqlite3_file *f = calloc(1, (size_t)vfs->szOsFile);
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_WAL;
    unlink(test_log);
    assert_int_equal(vfs->xOpen(vfs, test_log, f, flags, NULL), SQLITE_OK);
    const sqlite3_io_methods *m = f->pMethods;
    assert_int_equal(m->xWrite(f, head, sizeof head, 0), SQLITE_OK);
    assert_int_equal(m->xWrite(f, page, sizeof page, 24), SQLITE_OK);
    assert_int_equal(stat(test_log, &st), 0);
    assert_int_equal(st.st_size, 0); /* gathered */
    vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)no_write);
    vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)no_write);
    assert_int_equal(m->xRead(f, page, sizeof page, 24), SQLITE_FULL);
    vfs->xSetSystemCall(vfs, NULL, NULL);
    assert_int_equal(m->xRead(f, page, sizeof page, 24), SQLITE_FULL);
    assert_int_equal(m->xWrite(f, head, sizeof head, 4120), SQLITE_FULL);
    assert_int_equal(m->xWrite(f, head, sizeof head, 0), SQLITE_FULL);
    assert_int_equal(m->xSync(f, SQLITE_SYNC_FULL), SQLITE_FULL);
    assert_int_equal(m->xClose(f), SQLITE_OK);
    assert_int_equal(stat(test_log, &st), 0);
    assert_int_equal(st.st_size, 0);
    unlink(test_log);
    free(f);
}

static int set_up(void **state)
{
    (void)state;
    return test_db_begin();
}

static int tear_down(void **state)
{
    (void)state;
    return test_db_end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lost_sync_is_made_good),
        cmocka_unit_test(a_log_keeps_its_name),
        cmocka_unit_test(a_log_is_written_again),
        cmocka_unit_test(what_cannot_be_read_is_not_damaged),
        cmocka_unit_test(what_was_not_written_is_not_used),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, set_up, tear_down);
}
