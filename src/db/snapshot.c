/* snapshot.c - a copy of a SQLite file as it is at one moment, also while others write it: SQLite's
   own backup, in one step, so that it holds one read snapshot and never begins anew. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include <sqlite3.h>

#include "base/fd.h"
#include "db/db.h"
#include "db/wal.h"

enum { BUSY_MS = 10000 };

static int fail(sqlite3 *h, const char *path, struct err *e)
{
    return err_set(e, ERR_IO, "%s: %s", path, h ? sqlite3_errmsg(h) : "no memory");
}

static int copy(sqlite3 *from, const char *from_path, sqlite3 *to, const char *to_path,
                struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (!b)
        return fail(to, to_path, e);
    int rc = sqlite3_backup_step(b, -1);
    int ended = sqlite3_backup_finish(b);
    if (rc != SQLITE_DONE)
        return err_set(e, ERR_IO, "copy of %s: %s", from_path, sqlite3_errstr(rc));
    return ended == SQLITE_OK ? 0 : fail(to, to_path, e);
}

static int sync_file(const char *path, struct err *e)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 || fsync(fd) ? err_errno(e, ERR_IO, "%s", path) : 0;
}

/* And what belongs to it: a log of an older copy would be read into this one. */
static void unlink_all(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    char name[PATH_MAX];
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        unlink(name);
    }
}

int db_snapshot(const char *from, const char *to, struct err *e)
{
    sqlite3 *a = NULL, *b = NULL;
    int r = 0;
    unlink_all(to);
    if (sqlite3_open_v2(from, &a, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        r = fail(a, from, e);
    else if (sqlite3_open_v2(to, &b, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        r = fail(b, to, e);
    if (r == 0) {
        wal_keep(a);
        sqlite3_busy_timeout(a, BUSY_MS);
        r = copy(a, from, b, to, e);
    }
    sqlite3_close(a);
    sqlite3_close(b);
    return r ? -1 : sync_file(to, e);
}
