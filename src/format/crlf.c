/* crlf.c - runs without CR and LF pass by memory copy. */
#include "format/crlf.h"

static size_t plain_run(struct slice s, size_t from)
{
    size_t i = from;
    while (i < s.n && s.p[i] != '\r' && s.p[i] != '\n')
        i++;
    return i;
}

void crlf_feed(struct crlf *c, struct slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n;) {
        if (c->cr) {
            c->cr = false;
            buf_add(out, S("\r\n"));
            if (in.p[i] == '\n') {
                i++;
                continue;
            }
        }
        size_t run = plain_run(in, i);
        buf_add(out, slice_sub(in, i, run));
        i = run;
        if (i == in.n)
            break;
        if (in.p[i] == '\r')
            c->cr = true;
        else
            buf_add(out, S("\r\n"));
        i++;
    }
}

void crlf_finish(struct crlf *c, struct buf *out)
{
    if (c->cr)
        buf_add(out, S("\r\n"));
    c->cr = false;
}

bool crlf_clean(struct slice s)
{
    for (size_t i = plain_run(s, 0); i < s.n; i = plain_run(s, i + 2))
        if (s.p[i] != '\r' || i + 1 == s.n || s.p[i + 1] != '\n')
            return false;
    return true;
}
