/* fd.h - descriptors that close themselves, whole reads and writes, files replaced durably. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

void fd_closep(int *fd); /* closes when >= 0, sets -1; errno kept */
#define AUTO_FD __attribute__((cleanup(fd_closep))) int
#define TAKE_FD(fd)                                                                                \
    ({                                                                                             \
        int taken_ = (fd);                                                                         \
        (fd) = -1;                                                                                 \
        taken_;                                                                                    \
    })

/* All n bytes or -1 with errno; EINTR is retried. A short read gives the count read so far. */
int fd_write_all(int fd, const void *p, size_t n);
int fd_pwrite_all(int fd, const void *p, size_t n, int64_t at);
ptrdiff_t fd_pread_full(int fd, void *p, size_t n, int64_t at);

/* A file without a name in the directory, for reading and writing; gone with its descriptor. */
int fd_unnamed(const char *dir, int *ret_fd, struct err *e);

/* Whole file into b (its limit applies: ERR_LIMIT). ERR_NOTFOUND when there is none. */
int file_read(const char *path, struct buf *b, struct err *e);

/* Written beside, synced, renamed over, directory synced: after 0 the new content is durable. */
int file_replace(const char *path, struct slice content, unsigned mode, struct err *e);

int dir_sync(const char *path, struct err *e);
int dir_make(const char *path, unsigned mode, struct err *e); /* with parents; there already is 0 */
