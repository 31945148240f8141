/* fd.c - small file helpers on plain system calls. */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/spent.h"

void fd_closep(int *fd)
{
    int saved = errno;
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
    errno = saved;
}

int fd_write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t put = write(fd, at, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        at += put;
        n -= (size_t)put;
    }
    return 0;
}

int fd_pwrite_all(int fd, const void *p, size_t n, int64_t offset)
{
    const char *at = p;
    while (n) {
        ssize_t put = pwrite(fd, at, n, offset);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        at += put;
        offset += put;
        n -= (size_t)put;
    }
    return 0;
}

static ptrdiff_t pread_full(int fd, void *p, size_t n, int64_t offset)
{
    char *at = p;
    size_t left = n;
    while (left) {
        ssize_t got = pread(fd, at, left, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        at += got;
        offset += got;
        left -= (size_t)got;
    }
    return (ptrdiff_t)(n - left);
}

ptrdiff_t fd_pread_full(int fd, void *p, size_t n, int64_t offset)
{
    int64_t began = clock_mono_us();
    ptrdiff_t got = pread_full(fd, p, n, offset);
    spent_add(SPENT_DISK, clock_mono_us() - began);
    return got;
}

int fd_unnamed(const char *dir, int *ret_fd, struct err *e)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        char path[4096]; /* file systems without O_TMPFILE */
        if (snprintf(path, sizeof(path), "%s/carbonado.XXXXXX", dir) >= (int)sizeof(path))
            return err_set(e, ERR_IO, "the path of a temporary file is too long");
        fd = mkostemp(path, O_CLOEXEC);
        if (fd < 0)
            return err_errno(e, ERR_IO, "temporary file in %s", dir);
        unlink(path);
    }
    *ret_fd = fd;
    return 0;
}

int file_read(const char *path, struct buf *b, struct err *e)
{
    AUTO_FD fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "%s", path);
    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof(chunk));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return err_errno(e, ERR_IO, "%s", path);
        if (got == 0)
            return 0;
        if (buf_add(b, slice_of(chunk, (size_t)got)))
            return err_set(e, ERR_LIMIT, "%s: larger than expected", path);
    }
}

int dir_sync(const char *path, struct err *e)
{
    AUTO_FD fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        return err_errno(e, ERR_IO, "sync %s", path);
    return 0;
}

int file_replace(const char *path, struct slice content, unsigned mode, struct err *e)
{
    char temp[4096], dir[4096];
    if ((size_t)snprintf(temp, sizeof(temp), "%s.new", path) >= sizeof(temp))
        return err_set(e, ERR_LIMIT, "path too long");
    AUTO_FD fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || fchmod(fd, mode) || fd_write_all(fd, content.p, content.n) || fsync(fd) ||
        rename(temp, path)) {
        err_errno(e, ERR_IO, "write %s", path);
        unlink(temp);
        return -1;
    }
    const char *slash = strrchr(path, '/');
    snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) : 1, slash ? path : ".");
    return dir_sync(dir[0] ? dir : "/", e);
}

int dir_make(const char *path, unsigned mode, struct err *e)
{
    char part[4096];
    size_t n = strlen(path);
    if (n >= sizeof(part))
        return err_set(e, ERR_LIMIT, "path too long");
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        struct stat st;
        if (mkdir(part, mode) == 0)
            continue;
        if (errno != EEXIST)
            return err_errno(e, ERR_IO, "create %s", part);
        if (stat(part, &st) == 0 && !S_ISDIR(st.st_mode))
            return err_set(e, ERR_IO, "create %s: a file of that name is in the way", part);
    }
    return 0;
}
