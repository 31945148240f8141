/* sink_mbox.c - a file PATH.mbox for each mailbox, levels as folders; mboxrd: a line that is '>'s
   and "From " gets one '>' more. Flags go into Status, X-Status and X-Keywords on top, the date
   into the From line (UTC). */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/ask.h"
#include "cli/sink.h"

struct mbox {
    struct sink sink;
    char *root;
    int fd;
    struct buf path;
};

static struct mbox *of(struct sink *s)
{
    return (struct mbox *)(void *)s;
}

/* Levels that are file names: no '.' in front, no NUL or '/' (a path has none). */
static void add_path(struct buf *out, struct slice mailbox)
{
    while (mailbox.p) {
        struct slice level = slice_cut(&mailbox, '/');
        buf_addc(out, '/');
        if (slice_starts(level, S(".")))
            buf_addc(out, '_');
        buf_add(out, level);
    }
    buf_adds(out, ".mbox");
}

static int mbox_open(struct sink *s, const json_t *mailbox, uint64_t offset, struct err *e)
{
    struct mbox *m = of(s);
    buf_reset(&m->path);
    buf_adds(&m->path, m->root);
    add_path(&m->path, slice_str(json_text(mailbox, "path")));
    struct slice folder = buf_slice(&m->path);
    folder.n = (size_t)slice_rfind(folder, '/');
    BUF_SCOPE dir = {0};
    buf_add(&dir, folder);
    if (dir_make(buf_cstr(&dir), 0700, e))
        return -1;
    fd_closep(&m->fd);
    m->fd = open(buf_cstr(&m->path), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (m->fd < 0 || ftruncate(m->fd, (off_t)offset) || lseek(m->fd, 0, SEEK_END) < 0)
        return err_errno(e, ERR_IO, "%s", buf_cstr(&m->path));
    return 0;
}

static void add_flags(struct buf *out, const json_t *flags)
{
    static const struct {
        const char *flag;
        char letter;
    } known[] = {{"\\Answered", 'A'}, {"\\Flagged", 'F'}, {"\\Draft", 'T'}, {"\\Deleted", 'D'}};
    BUF_SCOPE letters = {0}, keywords = {0};
    bool seen = false;
    size_t i;
    const json_t *v;
    json_array_foreach(flags, i, v)
    {
        const char *flag = json_string_value(v);
        for (size_t k = 0; k < 4; k++)
            if (strcasecmp(flag, known[k].flag) == 0)
                buf_addc(&letters, known[k].letter);
        seen |= strcasecmp(flag, "\\Seen") == 0;
        if (flag[0] != '\\')
            buf_addf(&keywords, " %s", flag);
    }
    buf_addf(out, "Status: %sO\n", seen ? "R" : "");
    if (letters.n)
        buf_addf(out, "X-Status: %.*s\n", SARG(buf_slice(&letters)));
    if (keywords.n)
        buf_addf(out, "X-Keywords:%.*s\n", SARG(buf_slice(&keywords)));
}

static bool needs_quote(struct slice line)
{
    size_t marks = 0;
    while (marks < line.n && line.p[marks] == '>')
        marks++;
    return slice_starts(slice_from(line, marks), S("From "));
}

static void add_body(struct buf *out, struct slice bytes)
{
    while (bytes.n) {
        ptrdiff_t lf = slice_find(bytes, '\n');
        struct slice line = slice_sub(bytes, 0, lf < 0 ? bytes.n : (size_t)lf);
        bytes = slice_from(bytes, line.n + (lf >= 0));
        if (lf >= 0 && slice_ends(line, S("\r")))
            line.n--;
        if (needs_quote(line))
            buf_addc(out, '>');
        buf_add(out, line);
        buf_addc(out, '\n');
    }
    buf_addc(out, '\n');
}

static int put(struct sink *s, const json_t *message, struct slice bytes, struct err *e)
{
    struct mbox *m = of(s);
    BUF_SCOPE out = {.max = 4 * bytes.n + 65536};
    char when[64];
    struct tm tm;
    time_t at = (time_t)(json_number(message, "received_at") / 1000);
    gmtime_r(&at, &tm);
    strftime(when, sizeof(when), "%a %b %e %H:%M:%S %Y", &tm);
    buf_addf(&out, "From MAILER-DAEMON %s\n", when);
    add_flags(&out, json_object_get(message, "flags"));
    add_body(&out, bytes);
    if (out.failed || fd_write_all(m->fd, out.p, out.n))
        return err_errno(e, ERR_IO, "%s", buf_cstr(&m->path));
    return 0;
}

static int sync_(struct sink *s, uint64_t *ret_offset, struct err *e)
{
    struct mbox *m = of(s);
    off_t at = lseek(m->fd, 0, SEEK_CUR);
    if (at < 0 || fdatasync(m->fd))
        return err_errno(e, ERR_IO, "%s", buf_cstr(&m->path));
    *ret_offset = (uint64_t)at;
    return 0;
}

static void mbox_close(struct sink *s)
{
    struct mbox *m = of(s);
    fd_closep(&m->fd);
    buf_done(&m->path);
    free(m->root);
    free(m);
}

int sink_mbox(const char *path, struct sink **ret, struct err *e)
{
    (void)e;
    struct mbox *m = calloc(1, sizeof(*m));
    BUG_IF(!m);
    m->sink = (struct sink){.open = mbox_open, .put = put, .sync = sync_, .close = mbox_close};
    m->fd = -1;
    m->root = strdup(path);
    BUG_IF(!m->root);
    *ret = &m->sink;
    return 0;
}
