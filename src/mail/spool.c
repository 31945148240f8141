/* spool.c - what is over the memory that there is for all messages that arrive goes to the file, in
   pieces of 64 KB. They go to the page cache; nothing here is synced, because nothing is
   acknowledged before the store has the bytes. */
#include "mail/spool.h"

#include <unistd.h>

#include "base/budget.h"
#include "base/fd.h"
#include "base/setting.h"

SETTING_STR(mail, spool_dir, "/var/tmp", NULL,
            "Directory for the temporary files of messages over 64 KB while they arrive, when they "
            "do not stay in memory.");
SETTING_AT_START(mail, spool_dir); /* the sandbox opens it */
SETTING(mail, spool_memory, SIZE, 64 * MiB, 0, 16 * GiB,
        "So much memory may messages of 64 KB to 2 MB have together while they arrive. Where it "
        "does not do they go to temporary files.");

static struct budget budget;

void spool_init(struct spool *s)
{
    *s = (struct spool){.fd = -1};
}

static void memory_done(struct spool *s)
{
    buf_done(&s->memory);
    budget_give(&budget, (int64_t)s->granted);
    s->granted = 0;
    s->full = false;
}

void spool_done(struct spool *s)
{
    memory_done(s);
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
    if (s->granted || s->memory.cap > 4 * (size_t)SPOOL_MEMORY)
        memory_done(s);
    buf_reset(&s->memory);
    s->full = false;
    return 0;
}

int spool_write(struct spool *s, struct err *e)
{
    if (s->fd < 0 && fd_unnamed(setting_text(&set_mail_spool_dir), &s->fd, e))
        return -1;
    return spool_flush(s, e);
}

/* Whether what is in memory may be there. */
static bool fits(struct spool *s)
{
    size_t n = s->memory.n, cap = s->memory.cap;
    if (n <= SPOOL_MEMORY || (s->fd < 0 && cap <= s->granted))
        return true;
    if (s->fd >= 0 || cap > SPOOL_MOST ||
        !budget_take(&budget, (int64_t)(cap - s->granted), setting_get(&set_mail_spool_memory)))
        return false;
    s->granted = cap;
    return true;
}

struct buf *spool_room(struct spool *s)
{
    return &s->memory; /* it is bounded by what the connection has read */
}

int spool_kept(struct spool *s, size_t before, struct err *e)
{
    if (s->memory.failed)
        return err_set(e, ERR_LIMIT, "out of memory for a message");
    s->size += s->memory.n - before;
    s->full = !fits(s);
    return 0;
}

int spool_keep(struct spool *s, struct slice bytes, struct err *e)
{
    size_t before = s->memory.n;
    buf_add(&s->memory, bytes);
    return spool_kept(s, before, e);
}

int spool_add(struct spool *s, struct slice bytes, struct err *e)
{
    while (bytes.n) {
        struct slice piece = slice_sub(bytes, 0, SPOOL_MEMORY);
        if (spool_keep(s, piece, e) || (s->full && spool_write(s, e)))
            return -1;
        bytes = slice_from(bytes, piece.n);
    }
    return 0;
}

bool spool_is_full(const struct spool *s)
{
    return s->full;
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
