/* spool.h - the bytes of a message as they arrive: in memory as long as there is some to spare
   (mail.spool_memory), then in a temporary file that has no name and goes with its descriptor. The
   caller limits the size. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum {
    SPOOL_MEMORY = 64 * 1024,     /* so much is in memory in any case */
    SPOOL_MOST = 2 * 1024 * 1024, /* memory that one message gets at most */
};

/* A zeroed struct is no spool: spool_init first. */
struct spool {
    struct buf memory; /* all of it, or what is not yet written to the file */
    int fd;            /* -1 while all of it is in memory */
    uint64_t size;
    size_t granted; /* of mail.spool_memory */
    bool full;
};

void spool_init(struct spool *s);
void spool_done(struct spool *s); /* harmless twice */
int spool_add(struct spool *s, struct slice bytes, struct err *e);
int spool_flush(struct spool *s, struct err *e); /* after it everything is in one place */

/* For who must not write to a file here: spool_keep only remembers; when spool_is_full, spool_write
   takes what is remembered to the file, on another thread, before more is kept. */
int spool_keep(struct spool *s, struct slice bytes, struct err *e);
bool spool_is_full(const struct spool *s);
int spool_write(struct spool *s, struct err *e);

/* The same as spool_keep in two steps: what is appended to the buffer is kept by spool_kept. */
struct buf *spool_room(struct spool *s);
int spool_kept(struct spool *s, size_t before, struct err *e); /* n of the buffer before */

/* Appends up to n bytes from `from` to out. After spool_flush. */
int spool_read(const struct spool *s, uint64_t from, uint64_t n, struct buf *out, struct err *e);
