/* wal_vfs.c - a file layer over SQLite's default one. Files other than write-ahead logs are opened
   by the default layer and never seen again. A log's writes that follow each other are kept until
   the head of a commit frame has its page, until something else is asked of the file, or until
   there are GATHER bytes. An error of a write that was kept is reported by the call that made it
   due; SQLite treats both as a failed commit. */
#include "db/wal_vfs.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "base/err.h"

enum { GATHER = 128 * 1024, FRAME_HEAD = 24 };

struct wal_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct */
    char *kept;
    sqlite3_int64 at; /* where kept bytes belong */
    size_t n;
    bool commits; /* the page that comes is the last of a transaction */
};

static struct wal_file *of(sqlite3_file *f)
{
    return (struct wal_file *)(void *)f;
}

static int flush(struct wal_file *w)
{
    size_t n = w->n;
    w->n = 0;
    return n ? w->real->pMethods->xWrite(w->real, w->kept, (int)n, w->at) : SQLITE_OK;
}

/* A frame's head: page number, then the size of the database when the frame commits, else 0. */
static bool head_of_commit(const void *p, int n)
{
    static const char none[4];
    return n == FRAME_HEAD && memcmp((const char *)p + 4, none, sizeof none) != 0;
}

static int wal_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    struct wal_file *w = of(f);
    int rc = SQLITE_OK;
    bool last = w->commits;
    w->commits = head_of_commit(p, n);
    if (w->n && (at != w->at + (sqlite3_int64)w->n || w->n + (size_t)n > GATHER))
        rc = flush(w);
    if (rc != SQLITE_OK)
        return rc;
    if ((size_t)n > GATHER || (!w->kept && !(w->kept = malloc(GATHER))))
        return w->real->pMethods->xWrite(w->real, p, n, at);
    if (!w->n)
        w->at = at;
    memcpy(w->kept + w->n, p, (size_t)n);
    w->n += (size_t)n;
    return last ? flush(w) : SQLITE_OK;
}

static int wal_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    struct wal_file *w = of(f);
    bool meets = w->n && at < w->at + (sqlite3_int64)w->n && at + n > w->at;
    int rc = meets ? flush(w) : SQLITE_OK;
    return rc == SQLITE_OK ? w->real->pMethods->xRead(w->real, p, n, at) : rc;
}

static int wal_close(sqlite3_file *f)
{
    struct wal_file *w = of(f);
    flush(w); /* of a transaction that did not commit: nobody reads it */
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
    int rc = flush(of(f));
    return rc == SQLITE_OK ? of(f)->real->pMethods->xFileControl(of(f)->real, op, arg) : rc;
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

static void layer_register(void)
{
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

const char *wal_vfs_name(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, layer_register);
    return layer.zName;
}
