/* spool.c - writes to the file are gathered in pieces of 64 KB. They go to the page cache; nothing
   here is synced, because nothing is acknowledged before the store has the bytes. */
#include "mail/spool.h"

#include <unistd.h>

#include "base/fd.h"
#include "base/setting.h"

SETTING_STR(mail, spool_dir, "/var/tmp", NULL,
            "Directory for the temporary files of messages over 64 KB while they arrive.");
SETTING_AT_START(mail, spool_dir); /* the sandbox opens it */

void spool_init(struct spool *s)
{
    *s = (struct spool){.memory = {.max = 2 * SPOOL_MEMORY}, .fd = -1};
}

void spool_done(struct spool *s)
{
    buf_done(&s->memory);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->size = 0;
}

int spool_flush(struct spool *s, struct err *e)
{
    if (s->fd < 0 || s->memory.n == 0)
        return 0;
    if (fd_write_all(s->fd, s->memory.p, s->memory.n))
        return err_errno(e, ERR_IO, "temporary file");
    buf_reset(&s->memory);
    return 0;
}

int spool_add(struct spool *s, struct slice bytes, struct err *e)
{
    while (bytes.n) {
        if (s->memory.n == SPOOL_MEMORY) {
            if (s->fd < 0 && fd_unnamed(setting_text(&set_mail_spool_dir), &s->fd, e))
                return -1;
            if (spool_flush(s, e))
                return -1;
        }
        struct slice piece = slice_sub(bytes, 0, SPOOL_MEMORY - s->memory.n);
        if (buf_add(&s->memory, piece))
            return err_set(e, ERR_LIMIT, "out of memory for a message");
        s->size += piece.n;
        bytes = slice_from(bytes, piece.n);
    }
    return 0;
}

int spool_keep(struct spool *s, struct slice bytes, struct err *e)
{
    s->memory.max = 0; /* it is bounded by what the connection has read */
    if (buf_add(&s->memory, bytes))
        return err_set(e, ERR_LIMIT, "out of memory for a message");
    s->size += bytes.n;
    return 0;
}

bool spool_is_full(const struct spool *s)
{
    return s->memory.n > SPOOL_MEMORY;
}

int spool_write(struct spool *s, struct err *e)
{
    if (s->fd < 0 && fd_unnamed(setting_text(&set_mail_spool_dir), &s->fd, e))
        return -1;
    return spool_flush(s, e);
}

int spool_read(const struct spool *s, uint64_t from, uint64_t n, struct buf *out, struct err *e)
{
    if (from > s->size)
        from = s->size;
    if (n > s->size - from)
        n = s->size - from;
    if (s->fd < 0)
        return buf_add(out, slice_sub(buf_slice(&s->memory), from, from + n))
                   ? err_set(e, ERR_LIMIT, "message is too large for this step")
                   : 0;
    char *space = buf_space(out, n);
    if (!space)
        return err_set(e, ERR_LIMIT, "message is too large for this step");
    ptrdiff_t got = fd_pread_full(s->fd, space, n, (int64_t)from);
    if (got != (ptrdiff_t)n)
        return err_errno(e, ERR_IO, "temporary file");
    out->n += n;
    return 0;
}
