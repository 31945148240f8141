/* spool.h - the bytes of a message as they arrive: in memory up to 64 KB, then in a temporary file
   that has no name and goes with its descriptor. The caller limits the size. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

enum { SPOOL_MEMORY = 64 * 1024 };

/* A zeroed struct is no spool: spool_init first. */
struct spool {
    struct buf memory; /* all of it, or what is not yet written to the file */
    int fd;            /* -1 while it fits into memory */
    uint64_t size;
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

/* Appends up to n bytes from `from` to out. After spool_flush. */
int spool_read(const struct spool *s, uint64_t from, uint64_t n, struct buf *out, struct err *e);
