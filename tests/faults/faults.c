/* faults.c - a library for LD_PRELOAD that makes calls fail as a test wishes, fills the disk, and
   keeps a journal of everything that is written below a directory, from which faults.py makes the
   disk as a power cut would have left it.

   CARBONADO_FAULTS names the file of the shared page (faults.h), CARBONADO_FAULTS_ROOT the
   directory that it is about, CARBONADO_FAULTS_JOURNAL the journal. Files outside the root are left
   alone. One lock is held over an operation and its record, so that the journal is in the order in
   which things happened. Preloaded behind libasan, it sees what ASan's own interceptors call. */
/* With it `pwrite` would be another name for pwrite64, and both have to be here. */
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "faults.h"

#define EXPORT __attribute__((visibility("default")))

enum { FD_MAX = 65536 };

/* What is known of a descriptor below the root. */
struct tracked {
    bool used, memory; /* memory: SQLite's shared index, which is no part of the disk */
    uint64_t inode;
    uint32_t failures; /* of syncs of this file, as far as this descriptor has heard of them */
    char path[256];
};

/* A sync that failed is told to every descriptor of the file, once, as Linux does. */
static struct failure {
    uint64_t inode;
    uint32_t n;
} failures[1024];
static unsigned failures_n;

static struct faults_page *page;
static struct tracked *fds[FD_MAX];
static char root[PATH_MAX];
static size_t root_n;
static int journal = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* --- the real ones -------------------------------------------------------------------------- */

static void *real(const char *name)
{
    void *p = dlsym(RTLD_NEXT, name);
    if (!p)
        abort();
    return p;
}

#define REAL(ret, name, ...)                                                                       \
    static ret (*real_##name)(__VA_ARGS__);                                                        \
    static ret (*get_##name(void))(__VA_ARGS__)                                                    \
    {                                                                                              \
        if (!real_##name)                                                                          \
            real_##name = (ret(*)(__VA_ARGS__))real(#name);                                        \
        return real_##name;                                                                        \
    }

REAL(int, open, const char *, int, ...)
REAL(int, openat, int, const char *, int, ...)
REAL(int, close, int)
REAL(ssize_t, write, int, const void *, size_t)
REAL(ssize_t, pwrite, int, const void *, size_t, off_t)
REAL(ssize_t, writev, int, const struct iovec *, int)
REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t)
REAL(ssize_t, read, int, void *, size_t)
REAL(ssize_t, pread, int, void *, size_t, off_t)
REAL(int, fsync, int)
REAL(int, fdatasync, int)
REAL(int, rename, const char *, const char *)
REAL(int, unlink, const char *)
REAL(int, mkdir, const char *, mode_t)
REAL(int, ftruncate, int, off_t)
REAL(int, fallocate, int, int, off_t, off_t)
REAL(int, posix_fallocate, int, off_t, off_t)
REAL(int, statvfs, const char *, struct statvfs *)
REAL(int, accept, int, struct sockaddr *, socklen_t *)
REAL(int, accept4, int, struct sockaddr *, socklen_t *, int)
REAL(void *, mmap, void *, size_t, int, int, int, off_t)

__attribute__((constructor)) static void begin(void)
{
    const char *name = getenv("CARBONADO_FAULTS"), *dir = getenv("CARBONADO_FAULTS_ROOT");
    const char *to = getenv("CARBONADO_FAULTS_JOURNAL");
    if (!name || !dir || !realpath(dir, root))
        return;
    root_n = strlen(root);
    int fd = get_open()(name, O_RDWR | O_CLOEXEC);
    void *p = fd < 0 ? MAP_FAILED
                     : get_mmap()(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        get_close()(fd);
    if (p == MAP_FAILED || ((struct faults_page *)p)->magic != FAULTS_MAGIC ||
        ((struct faults_page *)p)->layout != FAULTS_LAYOUT) {
        static const char text[] = "faults: CARBONADO_FAULTS is not a page of this layout\n";
        if (get_write()(2, text, sizeof(text) - 1) < 0)
            abort();
        _exit(99);
    }
    if (to) {
        fd = get_open()(to, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        journal =
            fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 900); /* out of the way of small numbers */
        if (fd >= 0)
            get_close()(fd);
    }
    page = p;
}

/* --- what fails ----------------------------------------------------------------------------- */

static void off(void)
{
    for (;;)
        pause();
}

static void enter(void)
{
    pthread_mutex_lock(&lock);
    if (page->cut) {
        pthread_mutex_unlock(&lock);
        off();
    }
}

static void leave(void)
{
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static bool rule_fires(struct faults_rule *r, unsigned op, const char *path, size_t size)
{
    if (!(r->ops & op) || !r->action)
        return false;
    if (r->behind && !page->rules[r->behind - 1].fired)
        return false;
    if (r->match[0] && !(path && strstr(path, r->match)))
        return false;
    if (op == OP_MEMORY && size < r->min)
        return false;
    if (__atomic_load_n(&r->times, __ATOMIC_RELAXED) == 0)
        return false;
    if (__atomic_fetch_sub(&r->after, 1, __ATOMIC_RELAXED) > 0)
        return false;
    if (r->per_million && next_random(&r->seed) % 1000000 >= r->per_million)
        return false;
    if (r->times > 0 && __atomic_fetch_sub(&r->times, 1, __ATOMIC_RELAXED) <= 0)
        return false;
    __atomic_fetch_add(&r->fired, 1, __ATOMIC_RELAXED);
    return true;
}

/* 0: go on; an errno; ACT_SHORT. */
static int fault(unsigned op, const char *path, size_t size)
{
    __atomic_fetch_add(&page->calls[__builtin_ctz(op)], 1, __ATOMIC_RELAXED);
    for (int i = 0; i < FAULTS_RULES; i++) {
        struct faults_rule *r = &page->rules[i];
        if (!rule_fires(r, op, path, size))
            continue;
        if (r->action == ACT_PASS)
            continue;
        if (r->action == ACT_KILL) {
            kill(getpid(), SIGKILL);
            off();
        }
        if (r->action == ACT_CUT) {
            page->cut = 1;
            pthread_mutex_unlock(&lock);
            off();
        }
        return r->action;
    }
    if (page->readonly && op & (OP_WRITE | OP_RENAME | OP_TRUNCATE | OP_UNLINK | OP_MKDIR))
        return EROFS;
    return 0;
}

static int fails(int why)
{
    errno = why;
    return -1;
}

/* --- the journal ---------------------------------------------------------------------------- */

static void record(uint32_t kind, const char *path, uint64_t inode, uint64_t at,
                   const struct iovec *data, int data_n)
{
    if (!page->record || journal < 0)
        return;
    struct iovec v[66];
    struct faults_head h = {.kind = kind, .seq = ++page->seq, .inode = inode, .at = at};
    h.path = path ? (uint32_t)strlen(path) : 0;
    int n = 2;
    for (int i = 0; i < data_n; i++) {
        if (n == 66)
            abort();
        v[n++] = data[i];
        h.data += data[i].iov_len;
    }
    v[0] = (struct iovec){&h, sizeof(h)};
    v[1] = (struct iovec){(void *)(uintptr_t)path, h.path};
    ssize_t put = get_writev()(journal, v, n);
    if (put != (ssize_t)(sizeof(h) + h.path + h.data))
        abort();
}

/* What a write gave, with at most `put` of its bytes. */
static void record_write(const struct tracked *t, uint64_t at, const struct iovec *v, int n,
                         size_t put)
{
    while (n && put) {
        struct iovec part[64];
        int k = 0;
        uint64_t bytes = 0;
        for (; n && put && k < 64; v++, n--, k++) {
            part[k] = *v;
            if (part[k].iov_len > put)
                part[k].iov_len = put;
            put -= part[k].iov_len;
            bytes += part[k].iov_len;
        }
        record(REC_WRITE, NULL, t->inode, at, part, k);
        at += bytes;
    }
}

/* --- descriptors ---------------------------------------------------------------------------- */

static struct tracked *of(int fd)
{
    return page && fd >= 0 && fd < FD_MAX && fds[fd] && fds[fd]->used ? fds[fd] : NULL;
}

/* The absolute path in `out` when it is below the root. */
static bool below(const char *path, char *out)
{
    if (!page || !root_n || !path)
        return false;
    if (path[0] != '/') {
        if (!getcwd(out, PATH_MAX / 2))
            return false;
        size_t n = strlen(out);
        if ((size_t)snprintf(out + n, PATH_MAX - n, "/%s", path) >= PATH_MAX - n)
            return false;
    } else if (snprintf(out, PATH_MAX, "%s", path) >= PATH_MAX) {
        return false;
    }
    return strncmp(out, root, root_n) == 0 && (out[root_n] == '/' || out[root_n] == '\0');
}

static bool is_memory(const char *path)
{
    size_t n = strlen(path);
    return n > 4 && strcmp(path + n - 4, "-shm") == 0;
}

static uint32_t *failures_of(uint64_t inode)
{
    for (unsigned i = 0; i < failures_n; i++)
        if (failures[i].inode == inode)
            return &failures[i].n;
    if (failures_n == sizeof(failures) / sizeof(*failures))
        failures_n = 0;
    failures[failures_n] = (struct failure){.inode = inode};
    return &failures[failures_n++].n;
}

static void track(int fd, const char *path)
{
    struct stat st;
    if (fd < 0 || fd >= FD_MAX || fstat(fd, &st))
        return;
    if (!fds[fd])
        fds[fd] = calloc(1, sizeof(*fds[fd]));
    if (!fds[fd])
        abort();
    struct tracked *t = fds[fd];
    t->inode = st.st_ino;
    t->memory = is_memory(path);
    t->failures = *failures_of(t->inode);
    snprintf(t->path, sizeof(t->path), "%s", path + root_n);
    t->used = true;
}

static int open_tracked(int dir, const char *path, const char *full, int flags, mode_t mode)
{
    enter();
    bool write = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    int why = fault(OP_OPEN, full + root_n, 0);
    if (!why && page->readonly && write)
        why = EROFS;
    bool unnamed = (flags & O_TMPFILE) == O_TMPFILE;
    bool is_new = flags & O_CREAT && !unnamed && access(full, F_OK) != 0;
    if (!why && page->full && (is_new || unnamed) && page->room <= 0)
        why = (int)page->full;
    int fd = why ? fails(why) : get_openat()(dir, path, flags, mode);
    if (fd >= 0) {
        track(fd, full);
        struct tracked *t = of(fd);
        if (t && is_new && !t->memory)
            record(REC_CREATE, full, t->inode, 0, NULL, 0);
        else if (t && flags & O_TRUNC && !t->memory)
            record(REC_TRUNCATE, NULL, t->inode, 0, NULL, 0);
    }
    leave();
    return fd;
}

static int open_any(int dir, const char *path, int flags, mode_t mode)
{
    char full[PATH_MAX];
    if (dir == AT_FDCWD && below(path, full))
        return open_tracked(dir, path, full, flags, mode);
    int fd = get_openat()(dir, path, flags, mode);
    if (page && fd >= 0 && fd < FD_MAX && fds[fd])
        fds[fd]->used = false;
    return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
    return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

#define OPEN(name)                                                                                 \
    EXPORT int name(const char *path, int flags, ...);                                             \
    EXPORT int name(const char *path, int flags, ...)                                              \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode_t mode = mode_of(flags, ap);                                                          \
        va_end(ap);                                                                                \
        return open_any(AT_FDCWD, path, flags, mode);                                              \
    }
OPEN(open)
OPEN(open64)

#define OPENAT(name)                                                                               \
    EXPORT int name(int dir, const char *path, int flags, ...);                                    \
    EXPORT int name(int dir, const char *path, int flags, ...)                                     \
    {                                                                                              \
        va_list ap;                                                                                \
        va_start(ap, flags);                                                                       \
        mode_t mode = mode_of(flags, ap);                                                          \
        va_end(ap);                                                                                \
        return open_any(dir, path, flags, mode);                                                   \
    }
OPENAT(openat)
OPENAT(openat64)

/* With _FORTIFY_SOURCE. */
EXPORT int __open_2(const char *path, int flags);
EXPORT int __open_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}
EXPORT int __open64_2(const char *path, int flags);
EXPORT int __open64_2(const char *path, int flags)
{
    return open_any(AT_FDCWD, path, flags, 0);
}

EXPORT int close(int fd)
{
    if (of(fd))
        fds[fd]->used = false;
    return get_close()(fd);
}

/* --- writing -------------------------------------------------------------------------------- */

/* How many of n bytes at `at` may be written on this disk; below 0: none, with errno. */
static ssize_t room_for(int fd, uint64_t at, size_t n)
{
    struct stat st;
    if (!page->full || fstat(fd, &st))
        return (ssize_t)n;
    /* A write into a file that is long enough needs no room, as on most file systems. */
    uint64_t size = (uint64_t)st.st_size, end = at + n;
    int64_t grows = end > size ? (int64_t)(end - size) : 0;
    if (grows <= page->room) {
        page->room -= grows;
        return (ssize_t)n;
    }
    int64_t fits = (int64_t)n - (grows - page->room);
    if (fits <= 0)
        return fails((int)page->full);
    page->room = 0;
    return (ssize_t)fits;
}

/* A full disk has room again for what went. */
static void room_again(const struct stat *st, off_t size)
{
    if (page->full && S_ISREG(st->st_mode) && st->st_size > size)
        page->room += st->st_size - size;
}

#define STATVFS(name, type)                                                                        \
    EXPORT int name(const char *path, type *v);                                                    \
    EXPORT int name(const char *path, type *v)                                                     \
    {                                                                                              \
        char full[PATH_MAX];                                                                       \
        int rc = get_statvfs()(path, (struct statvfs *)v); /* the same on 64 bits */               \
        if (rc == 0 && below(path, full) && page->full) {                                          \
            v->f_bavail = page->room > 0 ? (fsblkcnt_t)page->room / v->f_frsize : 0;               \
            v->f_bfree = v->f_bavail;                                                              \
        }                                                                                          \
        return rc;                                                                                 \
    }
STATVFS(statvfs, struct statvfs)
STATVFS(statvfs64, struct statvfs64)

static ssize_t write_tracked(struct tracked *t, int fd, const struct iovec *v, int n, int64_t at)
{
    size_t total = 0;
    struct iovec one;
    for (int i = 0; i < n; i++)
        total += v[i].iov_len;
    enter();
    int why = fault(OP_WRITE, t->path, total);
    ssize_t take = (ssize_t)total;
    bool here = at < 0;
    if (here) {
        struct stat st;
        at = fcntl(fd, F_GETFL) & O_APPEND && fstat(fd, &st) == 0 ? st.st_size
                                                                  : lseek(fd, 0, SEEK_CUR);
    }
    if (why == ACT_SHORT)
        take = total > 1 ? (ssize_t)(total / 2) : (ssize_t)total;
    else if (why)
        take = fails(why);
    if (take > 0)
        take = room_for(fd, (uint64_t)at, (size_t)take);
    ssize_t put = take;
    if (take >= 0) {
        if ((size_t)take < total) { /* only the beginning, of one piece */
            one = v[0];
            if (one.iov_len > (size_t)take)
                one.iov_len = (size_t)take;
            v = &one;
            n = 1;
        }
        put = here ? get_writev()(fd, v, n) : get_pwritev()(fd, v, n, at);
        if (put > 0 && !t->memory)
            record_write(t, (uint64_t)at, v, n, (size_t)put);
    }
    leave();
    return put;
}

EXPORT ssize_t write(int fd, const void *p, size_t n)
{
    struct tracked *t = of(fd);
    struct iovec v = {(void *)(uintptr_t)p, n};
    return t ? write_tracked(t, fd, &v, 1, -1) : get_write()(fd, p, n);
}

#define PWRITE(name)                                                                               \
    EXPORT ssize_t name(int fd, const void *p, size_t n, off_t at);                                \
    EXPORT ssize_t name(int fd, const void *p, size_t n, off_t at)                                 \
    {                                                                                              \
        struct tracked *t = of(fd);                                                                \
        struct iovec v = {(void *)(uintptr_t)p, n};                                                \
        return t ? write_tracked(t, fd, &v, 1, at) : get_pwrite()(fd, p, n, at);                   \
    }
PWRITE(pwrite)
PWRITE(pwrite64)

EXPORT ssize_t writev(int fd, const struct iovec *v, int n)
{
    struct tracked *t = of(fd);
    return t ? write_tracked(t, fd, v, n, -1) : get_writev()(fd, v, n);
}

#define PWRITEV(name)                                                                              \
    EXPORT ssize_t name(int fd, const struct iovec *v, int n, off_t at);                           \
    EXPORT ssize_t name(int fd, const struct iovec *v, int n, off_t at)                            \
    {                                                                                              \
        struct tracked *t = of(fd);                                                                \
        return t ? write_tracked(t, fd, v, n, at) : get_pwritev()(fd, v, n, at);                   \
    }
PWRITEV(pwritev)
PWRITEV(pwritev64)

static int cut_tracked(struct tracked *t, int fd, off_t size)
{
    enter();
    int why = fault(OP_TRUNCATE, t->path, 0);
    struct stat st;
    bool known = fstat(fd, &st) == 0;
    int rc = why ? fails(why) : get_ftruncate()(fd, size);
    if (rc == 0 && known)
        room_again(&st, size);
    if (rc == 0 && !t->memory)
        record(REC_TRUNCATE, NULL, t->inode, (uint64_t)size, NULL, 0);
    leave();
    return rc;
}

#define FTRUNCATE(name)                                                                            \
    EXPORT int name(int fd, off_t size);                                                           \
    EXPORT int name(int fd, off_t size)                                                            \
    {                                                                                              \
        struct tracked *t = of(fd);                                                                \
        return t ? cut_tracked(t, fd, size) : get_ftruncate()(fd, size);                           \
    }
FTRUNCATE(ftruncate)
FTRUNCATE(ftruncate64)

/* 0 or an errno. Growing is what the journal must know of it. */
static int allocate(struct tracked *t, int fd, int mode, off_t at, off_t n, bool posix)
{
    struct stat st;
    enter();
    int why = fault(OP_TRUNCATE, t->path, 0);
    if (!why && page->full && fstat(fd, &st) == 0 && at + n > st.st_size) {
        if (at + n - st.st_size > page->room)
            why = (int)page->full;
        else
            page->room -= at + n - st.st_size;
    }
    if (!why)
        why = posix                                  ? get_posix_fallocate()(fd, at, n)
              : get_fallocate()(fd, mode, at, n) < 0 ? errno
                                                     : 0;
    if (!why && !t->memory && fstat(fd, &st) == 0)
        record(REC_TRUNCATE, NULL, t->inode, (uint64_t)st.st_size, NULL, 0);
    leave();
    return why;
}

#define POSIX_FALLOCATE(name)                                                                      \
    EXPORT int name(int fd, off_t at, off_t n);                                                    \
    EXPORT int name(int fd, off_t at, off_t n)                                                     \
    {                                                                                              \
        struct tracked *t = of(fd);                                                                \
        return t ? allocate(t, fd, 0, at, n, true) : get_posix_fallocate()(fd, at, n);             \
    }
POSIX_FALLOCATE(posix_fallocate)
POSIX_FALLOCATE(posix_fallocate64)

#define FALLOCATE(name)                                                                            \
    EXPORT int name(int fd, int mode, off_t at, off_t n);                                          \
    EXPORT int name(int fd, int mode, off_t at, off_t n)                                           \
    {                                                                                              \
        struct tracked *t = of(fd);                                                                \
        if (!t)                                                                                    \
            return get_fallocate()(fd, mode, at, n);                                               \
        int why = allocate(t, fd, mode, at, n, false);                                             \
        return why ? fails(why) : 0;                                                               \
    }
FALLOCATE(fallocate)
FALLOCATE(fallocate64)

static void record_sync(const struct tracked *t, bool dir, bool lost, uint64_t upto)
{
    if (dir && !lost) {
        char full[PATH_MAX];
        if (snprintf(full, sizeof(full), "%s%s", root, t->path) < (int)sizeof(full))
            record(REC_DIR_SYNC, full, 0, upto, NULL, 0);
    } else if (!dir && !t->memory) {
        record(lost ? REC_SYNC_LOST : REC_SYNC, NULL, t->inode, upto, NULL, 0);
    }
}

/* While the journal is kept nothing need reach the real disk: the journal says what would have, and
   whether a sync failed is decided and recorded at once. */
static int sync_tracked(struct tracked *t, int fd, int (*sync)(int))
{
    struct stat st;
    enter();
    int why = fault(OP_SYNC, t->path, 0);
    uint32_t *failed = failures_of(t->inode);
    bool lost = why != 0, late = !lost && *failed != t->failures;
    *failed += lost;
    t->failures = *failed;
    if (late)
        why = EIO;
    bool journaled = page->record && journal >= 0;
    if (journaled && !page->lies && !late)
        record_sync(t, fstat(fd, &st) == 0 && S_ISDIR(st.st_mode), lost, page->seq);
    leave();
    return why ? fails(why) : journaled ? 0 : sync(fd);
}

EXPORT int fsync(int fd)
{
    struct tracked *t = of(fd);
    return t ? sync_tracked(t, fd, get_fsync()) : get_fsync()(fd);
}

EXPORT int fdatasync(int fd)
{
    struct tracked *t = of(fd);
    return t ? sync_tracked(t, fd, get_fdatasync()) : get_fdatasync()(fd);
}

/* --- reading -------------------------------------------------------------------------------- */

static bool read_fails(int fd, size_t n)
{
    struct tracked *t = of(fd);
    if (!t)
        return false;
    enter();
    int why = fault(OP_READ, t->path, n);
    leave();
    if (why)
        errno = why;
    return why != 0;
}

EXPORT ssize_t read(int fd, void *p, size_t n)
{
    return read_fails(fd, n) ? -1 : get_read()(fd, p, n);
}

#define PREAD(name)                                                                                \
    EXPORT ssize_t name(int fd, void *p, size_t n, off_t at);                                      \
    EXPORT ssize_t name(int fd, void *p, size_t n, off_t at)                                       \
    {                                                                                              \
        return read_fails(fd, n) ? -1 : get_pread()(fd, p, n, at);                                 \
    }
PREAD(pread)
PREAD(pread64)

#define PREAD_CHK(name)                                                                            \
    EXPORT ssize_t name(int fd, void *p, size_t n, off_t at, size_t space);                        \
    EXPORT ssize_t name(int fd, void *p, size_t n, off_t at, size_t space)                         \
    {                                                                                              \
        if (n > space)                                                                             \
            abort();                                                                               \
        return pread(fd, p, n, at);                                                                \
    }
PREAD_CHK(__pread_chk)
PREAD_CHK(__pread64_chk)

EXPORT ssize_t __read_chk(int fd, void *p, size_t n, size_t space);
EXPORT ssize_t __read_chk(int fd, void *p, size_t n, size_t space)
{
    if (n > space)
        abort();
    return read(fd, p, n);
}

#define MMAP(name)                                                                                 \
    EXPORT void *name(void *p, size_t n, int prot, int flags, int fd, off_t at);                   \
    EXPORT void *name(void *p, size_t n, int prot, int flags, int fd, off_t at)                    \
    {                                                                                              \
        struct tracked *t = of(fd);                                                                \
        if (t) {                                                                                   \
            enter();                                                                               \
            int why = fault(OP_MMAP, t->path, n);                                                  \
            leave();                                                                               \
            if (why) {                                                                             \
                errno = why;                                                                       \
                return MAP_FAILED;                                                                 \
            }                                                                                      \
        }                                                                                          \
        return get_mmap()(p, n, prot, flags, fd, at);                                              \
    }
MMAP(mmap)
MMAP(mmap64)

/* --- names ---------------------------------------------------------------------------------- */

EXPORT int rename(const char *from, const char *to)
{
    char a[PATH_MAX], b[PATH_MAX];
    if (!below(from, a) || !below(to, b))
        return get_rename()(from, to);
    enter();
    int why = fault(OP_RENAME, b + root_n, 0);
    int rc = why ? fails(why) : get_rename()(from, to);
    if (rc == 0) {
        struct iovec v = {b, strlen(b)};
        record(REC_RENAME, a, 0, 0, &v, 1);
    }
    leave();
    return rc;
}

EXPORT int unlink(const char *path)
{
    char full[PATH_MAX];
    if (!below(path, full))
        return get_unlink()(path);
    enter();
    int why = fault(OP_UNLINK, full + root_n, 0);
    struct stat st;
    bool known = lstat(full, &st) == 0;
    int rc = why ? fails(why) : get_unlink()(path);
    if (rc == 0 && known)
        room_again(&st, 0);
    if (rc == 0 && !is_memory(full))
        record(REC_UNLINK, full, 0, 0, NULL, 0);
    leave();
    return rc;
}

EXPORT int mkdir(const char *path, mode_t mode)
{
    char full[PATH_MAX];
    if (!below(path, full))
        return get_mkdir()(path, mode);
    enter();
    int why = access(full, F_OK) == 0 ? 0 : fault(OP_MKDIR, full + root_n, 0);
    int rc = why ? fails(why) : get_mkdir()(path, mode);
    if (rc == 0)
        record(REC_MKDIR, full, 0, 0, NULL, 0);
    leave();
    return rc;
}

/* --- connections ---------------------------------------------------------------------------- */

static int accept_fails(void)
{
    if (!page)
        return 0;
    enter();
    int why = fault(OP_ACCEPT, NULL, 0);
    leave();
    return why;
}

static int accepted(int fd)
{
    if (fd >= 0 && of(fd))
        fds[fd]->used = false;
    return fd;
}

EXPORT int accept(int fd, struct sockaddr *a, socklen_t *n)
{
    int why = accept_fails();
    return why ? fails(why) : accepted(get_accept()(fd, a, n));
}

EXPORT int accept4(int fd, struct sockaddr *a, socklen_t *n, int flags)
{
    int why = accept_fails();
    return why ? fails(why) : accepted(get_accept4()(fd, a, n, flags));
}

/* --- memory --------------------------------------------------------------------------------- */

/* Without the lock: memory is asked for by everybody. */
static bool no_memory(size_t n)
{
    if (!page || !n)
        return false;
    for (int i = 0; i < FAULTS_RULES; i++) {
        struct faults_rule *r = &page->rules[i];
        if (r->ops & OP_MEMORY && rule_fires(r, OP_MEMORY, NULL, n)) {
            errno = ENOMEM;
            return true;
        }
    }
    return false;
}

/* For arena and buf in a build with -Dfaults=true, where malloc belongs to a sanitizer. */
EXPORT int carbonado_fault_memory(size_t n);
EXPORT int carbonado_fault_memory(size_t n)
{
    if (page)
        __atomic_fetch_add(&page->calls[__builtin_ctz(OP_MEMORY)], 1, __ATOMIC_RELAXED);
    return no_memory(n);
}

/* Behind libasan these are never called: its own come first. */
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

EXPORT void *malloc(size_t n)
{
    return no_memory(n) ? NULL : __libc_malloc(n);
}

EXPORT void *calloc(size_t k, size_t n)
{
    return no_memory(k * n) ? NULL : __libc_calloc(k, n);
}

EXPORT void *realloc(void *p, size_t n)
{
    return no_memory(n) ? NULL : __libc_realloc(p, n);
}
