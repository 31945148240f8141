/* dot.c - dot-stuffing. Runs between line ends are copied whole. */
#include "proto/text/dot.h"

static size_t run_length(struct slice in)
{
    size_t n = 0;
    while (n < in.n && in.p[n] != '\r' && in.p[n] != '\n')
        n++;
    return n;
}

/* RFC 5321 4.5.2, RFC 1939 3. The peer undoes a doubled dot behind CRLF alone, so a dot behind a
   bare CR or LF stays single. */
int dot_write(struct dot_writer *w, struct slice in, struct buf *out)
{
    while (in.n) {
        if (w->state == DOT_LINE_START && in.p[0] == '.')
            buf_addc(out, '.');
        size_t n = run_length(in);
        if (n) {
            buf_add(out, slice_sub(in, 0, n));
            w->state = DOT_TEXT;
            in = slice_from(in, n);
            continue;
        }
        w->state = in.p[0] == '\r' ? DOT_CR : w->state == DOT_CR ? DOT_LINE_START : DOT_TEXT;
        buf_addc(out, in.p[0]);
        in = slice_from(in, 1);
    }
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
