/* wal_vfs.c - a file layer over SQLite's default one. Files other than write-ahead logs are opened
   by the default layer and never seen again. Of a log, what follows the write before it is kept
   until the page of a commit frame has come, until something else is asked of the file, or until
   there are GATHER bytes; all else is written at once, after what was kept. So the order of writes
   stays, and nothing is kept when a transaction has committed.

   What a transaction without a commit left here must not come later: the place may be another
   connection's by then. And when a write of kept bytes fails, SQLite takes frames for written that
   are not: nothing of this transaction may be written after that, and none of it read. Both end
   when the transaction is rolled back, which SQLite tells. */
#include "db/wal_vfs.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

enum { GATHER = 128 * 1024, FRAME_HEAD = 24 };

struct wal_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    char *kept;
    sqlite3_int64 at; /* where kept bytes belong, or those that were lost */
    size_t n;
    sqlite3_int64 end; /* of the last write */
    int lost;          /* why bytes of this transaction could not be written */
    bool commits;      /* the page that comes is the last of a transaction */
};

static struct wal_file *of(sqlite3_file *f)
{
    return (struct wal_file *)(void *)f;
}

static int write_now(struct wal_file *w, const void *p, int n, sqlite3_int64 at)
{
    return w->real->pMethods->xWrite(w->real, p, n, at);
}

static int flush(struct wal_file *w)
{
    size_t n = w->n;
    w->n = 0;
    if (!w->lost && n)
        w->lost = write_now(w, w->kept, (int)n, w->at);
    return w->lost;
}

/* A frame's head: page number, then the size of the database when the frame commits, else 0. */
static bool head_of_commit(const void *p, int n)
{
    static const char none[4];
    return n == FRAME_HEAD && memcmp((const char *)p + 4, none, sizeof none) != 0;
}

/* What does not follow the write before is not gathered: heads that are written again, pages in
   frames of this transaction, the head of the log. */
static int wal_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct wal_file *w = of(f);
    bool last = w->commits, follows = at == w->end;
    w->commits = head_of_commit(p, n);
    w->end = at + n;
    bool room = w->n + (size_t)n <= GATHER;
    if ((!follows || !room || w->lost) && flush(w))
        return w->lost;
    if (!follows || n > GATHER || (!w->kept && !(w->kept = malloc(GATHER))))
        return write_now(w, p, n, at);
    if (!w->n)
        w->at = at;
    memcpy(w->kept + w->n, p, (size_t)n);
    w->n += (size_t)n;
    return last ? flush(w) : SQLITE_OK;
}

static int wal_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    struct wal_file *w = of(f);
    if (w->n && at < w->at + (sqlite3_int64)w->n && at + n > w->at && flush(w))
        return w->lost;
    if (w->lost && at + n > w->at)
        return w->lost;
    return w->real->pMethods->xRead(w->real, p, n, at);
}

static int wal_close(sqlite3_file *f)
{
    struct wal_file *w = of(f);
    free(w->kept);
    w->kept = NULL;
    return w->real->pMethods->xClose(w->real);
}

static int wal_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = flush(of(f));
    return rc == SQLITE_OK ? of(f)->real->pMethods->xTruncate(of(f)->real, size) : rc;
}

static int wal_sync(sqlite3_file *f, int flags)
{
    int rc = flush(of(f));
    return rc == SQLITE_OK ? of(f)->real->pMethods->xSync(of(f)->real, flags) : rc;
}

static int wal_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    int rc = flush(of(f));
    return rc == SQLITE_OK ? of(f)->real->pMethods->xFileSize(of(f)->real, ret) : rc;
}

static int wal_control(sqlite3_file *f, int op, void *arg)
{
    return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int wal_lock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xLock(of(f)->real, level);
}

static int wal_unlock(sqlite3_file *f, int level)
{
    return of(f)->real->pMethods->xUnlock(of(f)->real, level);
}

static int wal_reserved(sqlite3_file *f, int *ret)
{
    return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, ret);
}

static int wal_sector(sqlite3_file *f)
{
    return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int wal_device(sqlite3_file *f)
{
    return of(f)->real->pMethods->xDeviceCharacteristics(of(f)->real);
}

static const sqlite3_io_methods wal_methods = {
    .iVersion = 1,
    .xClose = wal_close,
    .xRead = wal_read,
    .xWrite = wal_write,
    .xTruncate = wal_truncate,
    .xSync = wal_sync,
    .xFileSize = wal_size,
    .xLock = wal_lock,
    .xUnlock = wal_unlock,
    .xCheckReservedLock = wal_reserved,
    .xFileControl = wal_control,
    .xSectorSize = wal_sector,
    .xDeviceCharacteristics = wal_device,
};

static sqlite3_vfs layer;

static sqlite3_vfs *real_layer(void)
{
    return layer.pAppData;
}

static int layer_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    sqlite3_vfs *real = real_layer();
    (void)v;
    if (!(flags & SQLITE_OPEN_WAL))
        return real->xOpen(real, name, f, flags, ret_flags);
    struct wal_file *w = of(f);
    *w = (struct wal_file){.real = (sqlite3_file *)(void *)(w + 1)};
    int rc = real->xOpen(real, name, w->real, flags, ret_flags);
    w->base.pMethods = rc == SQLITE_OK ? &wal_methods : NULL;
    return rc;
}

/* Counting its memory, SQLite takes one lock of the whole process for each piece. It can be told
   before it is used for the first time; afterwards it goes on counting. */
static void layer_register(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);
    BUG_IF(!real);
    layer = *real;
    layer.pNext = NULL;
    layer.zName = "carbonado";
    layer.pAppData = real;
    layer.szOsFile = real->szOsFile + (int)sizeof(struct wal_file);
    layer.xOpen = layer_open;
    BUG_IF(sqlite3_vfs_register(&layer, 0) != SQLITE_OK);
}

static void rolled_back(void *arg)
{
    sqlite3_file *f = NULL;
    if (sqlite3_file_control(arg, "main", SQLITE_FCNTL_JOURNAL_POINTER, &f) != SQLITE_OK || !f ||
        f->pMethods != &wal_methods)
        return;
    of(f)->n = 0;
    of(f)->lost = SQLITE_OK;
}

void wal_vfs_watch(sqlite3 *h)
{
    sqlite3_rollback_hook(h, rolled_back, h);
}

const char *wal_vfs_name(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, layer_register);
    return layer.zName;
}
