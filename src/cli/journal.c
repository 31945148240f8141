/* journal.c - an append-only text file; a last line that was cut off by a crash is not there. */
#include "cli/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"

/* FNV-1a: a name for the file that is the same every time. The task itself stands inside. */
static uint64_t name_of(struct slice task)
{
    uint64_t h = 14695981039346656037u;
    for (size_t i = 0; i < task.n; i++)
        h = (h ^ (unsigned char)task.p[i]) * 1099511628211u;
    return h;
}

/* Bytes other than visible ASCII, and '%', as %XX. */
static void escape(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c > ' ' && c < 127 && c != '%')
            buf_addc(out, (char)c);
        else
            buf_addf(out, "%%%02X", c);
    }
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void unescape(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        bool code = s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0;
        buf_addc(out, code ? (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2])) : s.p[i]);
        i += code ? 2 : 0;
    }
}

static void note_place(struct journal *j)
{
    struct slice rest = arena_dup(&j->arena, buf_slice(&j->position));
    struct slice place = slice_cut(&rest, '\0');
    if (!rest.p)
        return;
    struct slice *far = hmap_get(&j->places, place);
    if (!far) {
        far = arena_new(&j->arena, struct slice, 1);
        BUG_IF(!far);
        hmap_set(&j->places, place, far);
    }
    *far = rest;
}

struct slice journal_place(const struct journal *j, struct slice place)
{
    const struct slice *far = hmap_get(&j->places, place);
    return far ? *far : SNONE;
}

static void take_line(struct journal *j, struct slice line)
{
    struct slice word = slice_cut(&line, ' ');
    uint64_t n;
    if (slice_eq(word, S("try")) && slice_u64(line, &n) == 0) {
        j->tried = true;
        j->try_number = n;
    } else if (slice_eq(word, S("done"))) {
        struct slice count = slice_cut(&line, ' '), failed = slice_cut(&line, ' ');
        if (slice_u64(count, &j->count) || slice_u64(failed, &j->failed))
            return;
        j->tried = false;
        buf_reset(&j->position);
        unescape(&j->position, line);
        note_place(j);
    }
}

static int append(struct journal *j, struct buf *line, struct err *e)
{
    if (j->fd < 0)
        return 0;
    buf_addc(line, '\n');
    if (fd_write_all(j->fd, line->p, line->n) || fdatasync(j->fd))
        return err_errno(e, ERR_IO, "%s", j->path);
    return 0;
}

int journal_open(struct journal *j, const char *state_dir, struct slice task, bool restart,
                 struct err *e)
{
    BUF_SCOPE text = {0}, first = {0};
    *j = (struct journal){.fd = -1};
    snprintf(j->path, sizeof(j->path), "%s/transfers", state_dir);
    if (dir_make(j->path, 0700, e))
        return -1;
    snprintf(j->path, sizeof(j->path), "%s/transfers/%016llx.journal", state_dir,
             (unsigned long long)name_of(task));
    if (restart)
        unlink(j->path);
    struct err why = {0};
    if (file_read(j->path, &text, &why) && why.code != ERR_NOTFOUND)
        return err_set(e, why.code, "%s", why.text);
    escape(&first, task);
    struct slice rest = buf_slice(&text), line = SNONE;
    if (text.n && slice_eq(slice_cut(&rest, '\n'), buf_slice(&first)) && rest.p) {
        j->found = true;
        for (;;) {
            line = slice_cut(&rest, '\n');
            if (!rest.p)
                break; /* without its end: not written whole */
            take_line(j, line);
        }
    }
    size_t keep = j->found ? text.n - line.n : 0;
    j->fd = open(j->path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (j->fd < 0 || ftruncate(j->fd, (off_t)keep) || lseek(j->fd, 0, SEEK_END) < 0)
        return err_errno(e, ERR_IO, "%s", j->path);
    return j->found ? 0 : append(j, &first, e);
}

int journal_try(struct journal *j, uint64_t number, struct err *e)
{
    BUF_SCOPE line = {0};
    buf_addf(&line, "try %llu", (unsigned long long)number);
    return append(j, &line, e);
}

int journal_done(struct journal *j, uint64_t count, uint64_t failed, struct slice position,
                 struct err *e)
{
    BUF_SCOPE line = {0};
    buf_addf(&line, "done %llu %llu ", (unsigned long long)count, (unsigned long long)failed);
    escape(&line, position);
    return append(j, &line, e);
}

void journal_finish(struct journal *j)
{
    if (j->fd >= 0)
        unlink(j->path);
    journal_close(j);
}

void journal_close(struct journal *j)
{
    fd_closep(&j->fd);
    buf_done(&j->position);
    hmap_done(&j->places);
    arena_reset(&j->arena);
}
