/* wal.c - what SQLite does not do by itself when a sync fails.

   A checkpoint that does not reach the end of the log copies pages into the file and notes that in
   nBackfill, but leaves the sync to a later one. When that sync fails, the kernel forgets the
   pages, and the next checkpoint begins behind nBackfill: the log is used anew, the pages are
   nowhere. So nBackfill is put back to 0 here, which makes the whole log be copied again.

   The last connection that closes unlinks the log, the next one makes a new one, and an error of
   the directory's sync is ignored: after a power cut there would be the old log, or none. So logs
   stay, and names are synced by those who open for writing.

   The bytes of a commit whose sync failed may stay in memory only. They are overwritten by the next
   commit; but when all connections are gone first, the log is read anew and what was never on the
   disk counts as written. db_renew_log writes it again before. */
#include "db/wal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/slice.h"
#include "db/db.h"

/* https://www.sqlite.org/walformat.html: numbers of the files and of the locks. */
enum {
    INDEX_PAGE = 32768,
    INDEX_BACKFILL = 96,
    INDEX_LOCK_CHECKPOINT = 1,
    INDEX_LOCK_IN_USE = 128, /* the byte of the -shm file that every process holds a lock on */
    LOG_HEAD = 32,
    LOG_HEAD_PAGE_SIZE = 8,
    LOG_HEAD_SALT = 16,
    FRAME_HEAD = 24,
    FRAME_SALT = 8,
    SALT = 8,
    AUTO_FRAMES = 1000,
};

/* A checkpoint of a file and what follows its failure are one step for this process. */
static pthread_mutex_t locks[16] = {[0 ... 15] = PTHREAD_MUTEX_INITIALIZER};

static pthread_mutex_t *lock_of(sqlite3 *h)
{
    const char *path = sqlite3_db_filename(h, "main");
    unsigned sum = 0;
    while (path && *path)
        sum = sum * 31 + (unsigned char)*path++;
    return &locks[sum % 16];
}

void wal_keep(sqlite3 *h)
{
    int on = 1;
    sqlite3_file_control(h, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
    sqlite3_db_config(h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* Nothing of the log is in the file for certain. A writer that begins the log anew at this moment
   has put 0 there too. */
static void forget_backfill(sqlite3 *h)
{
    sqlite3_file *f = NULL;
    void volatile *page = NULL;
    if (sqlite3_file_control(h, "main", SQLITE_FCNTL_FILE_POINTER, &f) != SQLITE_OK || !f ||
        !f->pMethods || f->pMethods->iVersion < 2)
        return;
    if (f->pMethods->xShmMap(f, 0, INDEX_PAGE, 0, &page) != SQLITE_OK || !page)
        return;
    __atomic_store_n((uint32_t *)(void *)((char *)(uintptr_t)page + INDEX_BACKFILL), 0,
                     __ATOMIC_SEQ_CST);
}

int wal_checkpoint(sqlite3 *h, int how, int *ret_log, int *ret_moved)
{
    pthread_mutex_t *lock = lock_of(h);
    pthread_mutex_lock(lock);
    int rc = sqlite3_wal_checkpoint_v2(h, NULL, how, ret_log, ret_moved);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY && rc != SQLITE_LOCKED)
        forget_backfill(h);
    pthread_mutex_unlock(lock);
    return rc;
}

static int committed(void *arg, sqlite3 *h, const char *name, int frames)
{
    (void)arg;
    (void)name;
    if (frames >= AUTO_FRAMES) /* the commit is done, whatever comes of this */
        wal_checkpoint(h, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    return SQLITE_OK;
}

void wal_checkpoint_by_itself(sqlite3 *h)
{
    sqlite3_wal_hook(h, committed, NULL);
}

int wal_sync_names(const char *path, struct err *e)
{
    char dir[PATH_MAX];
    const char *end = strrchr(path, '/');
    snprintf(dir, sizeof dir, "%.*s", end ? (int)(end - path) : 1, end ? path : ".");
    return dir_sync(*dir ? dir : "/", e);
}

static int last_errno(sqlite3_file *f)
{
    int why = 0;
    if (!f || !f->pMethods ||
        f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &why) != SQLITE_OK)
        return 0;
    return why;
}

int wal_read_errno(sqlite3 *h)
{
    sqlite3_file *file = NULL, *log = NULL;
    sqlite3_file_control(h, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    sqlite3_file_control(h, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    int why = last_errno(file);
    return why ? why : last_errno(log);
}

/* --- the log at the start ------------------------------------------------------------------- */

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Reads and writes the head and the frames that belong to it. -1 with errno */
static int write_again(int fd)
{
    unsigned char head[LOG_HEAD];
    ptrdiff_t n = fd_pread_full(fd, head, sizeof head, 0);
    if (n != LOG_HEAD)
        return n < 0 ? -1 : 0;
    uint32_t page = get32(head + LOG_HEAD_PAGE_SIZE);
    if (page < 512 || page > 65536 || (page & (page - 1)))
        return 0;
    if (fd_pwrite_all(fd, head, sizeof head, 0))
        return -1;
    size_t frame_n = FRAME_HEAD + (size_t)page;
    unsigned char *frame = malloc(frame_n);
    BUG_IF(!frame);
    int rc = 0;
    for (int64_t at = LOG_HEAD; rc == 0; at += (int64_t)frame_n) {
        n = fd_pread_full(fd, frame, frame_n, at);
        if (n < 0)
            rc = -1;
        if (n != (ptrdiff_t)frame_n || memcmp(frame + FRAME_SALT, head + LOG_HEAD_SALT, SALT) != 0)
            break;
        rc = fd_pwrite_all(fd, frame, frame_n, at);
    }
    free(frame);
    return rc || fdatasync(fd) ? -1 : 0;
}

/* Keeps other processes from opening the file while *ret_fd is open. False: one has it open; it
   writes to the log, and has begun with this too. */
static bool keep_out(const char *index_path, int *ret_fd)
{
    struct flock l = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = INDEX_LOCK_IN_USE, .l_len = 1};
    *ret_fd = open(index_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return *ret_fd >= 0 && fcntl(*ret_fd, F_SETLK, &l) == 0;
}

int db_renew_log(const char *path, struct err *e)
{
    char log[PATH_MAX], index[PATH_MAX];
    snprintf(log, sizeof log, "%s-wal", path);
    snprintf(index, sizeof index, "%s-shm", path);
    AUTO_FD fd = open(log, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_errno(e, ERR_IO, "%s", log);
    AUTO_FD lock = -1;
    if (!keep_out(index, &lock))
        return lock < 0 ? err_errno(e, ERR_IO, "%s", index) : 0;
    return write_again(fd) ? err_errno(e, ERR_IO, "%s", log) : 0;
}
