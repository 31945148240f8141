/* dot.c - dot-stuffing. What is looked for is the dot, which is rarer than the line end: everything
   between two dots that have to be doubled is copied at once. */
#include "proto/text/dot.h"

#include <string.h>

/* Does a line begin at in.p[at]? RFC 5321 4.5.2, RFC 1939 3: the peer undoes a doubled dot behind
   CRLF alone, so a dot behind a bare CR or LF stays single. */
static bool line_begins(const struct dot_writer *w, struct slice in, size_t at)
{
    if (at == 0)
        return w->state == DOT_LINE_START;
    if (in.p[at - 1] != '\n')
        return false;
    return at == 1 ? w->state == DOT_CR : in.p[at - 2] == '\r';
}

/* The first dot from `from` on that has to be doubled; in.n: none. */
static size_t next_dot(const struct dot_writer *w, struct slice in, size_t from)
{
    while (from < in.n) {
        const char *dot = memchr(in.p + from, '.', in.n - from);
        if (!dot)
            break;
        size_t at = (size_t)(dot - in.p);
        if (line_begins(w, in, at))
            return at;
        from = at + 1;
    }
    return in.n;
}

static void pass(struct dot_writer *w, struct slice in)
{
    if (in.n == 0)
        return;
    bool begins = line_begins(w, in, in.n); /* behind the last byte */
    w->state = begins ? DOT_LINE_START : in.p[in.n - 1] == '\r' ? DOT_CR : DOT_TEXT;
}

bool dot_passes(struct dot_writer *w, struct slice in)
{
    if (next_dot(w, in, 0) < in.n)
        return false;
    pass(w, in);
    return true;
}

int dot_write(struct dot_writer *w, struct slice in, struct buf *out)
{
    size_t from = 0, dot;
    while ((dot = next_dot(w, in, from)) < in.n) {
        buf_add(out, slice_sub(in, from, dot));
        buf_add(out, S(".."));
        from = dot + 1;
        if (from == in.n)
            break;
    }
    buf_add(out, slice_from(in, from));
    pass(w, in);
    return out->failed ? -1 : 0;
}

int dot_finish(struct dot_writer *w, struct buf *out)
{
    if (w->state != DOT_LINE_START)
        buf_add(out, S("\r\n"));
    buf_add(out, S(".\r\n"));
    w->state = DOT_LINE_START;
    return out->failed ? -1 : 0;
}
