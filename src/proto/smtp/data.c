/* data.c - one state a position in the line; lines that need no change are copied together, runs
   without CR and LF whole. */
#include "proto/smtp/data.h"

#include "base/utf8.h"

void smtp_data_init(struct smtp_data *d, enum smtp_data_mode mode, bool dots)
{
    *d = (struct smtp_data){.mode = mode, .dots = dots};
}

static void line_over(struct smtp_data *d)
{
    if (d->line > d->longest)
        d->longest = d->line;
    if (!d->body && d->line == 0)
        d->body = true;
    d->line = 0;
}

static void put(struct smtp_data *d, struct slice s, struct buf *out)
{
    buf_add(out, s);
    d->size += s.n;
    if (!d->body)
        d->header_size += s.n;
}

static void put_crlf(struct smtp_data *d, struct buf *out)
{
    put(d, S("\r\n"), out);
    line_over(d);
    d->open_line = false;
}

static void note_high(struct smtp_data *d, struct slice s)
{
    if (ascii_only(s))
        return;
    d->eight_bit = true;
    if (!d->body)
        d->eight_bit_header = true;
}

static void put_run(struct smtp_data *d, struct slice s, struct buf *out)
{
    note_high(d, s);
    put(d, s, out);
    d->open_line = true;
    d->line += s.n;
    if (d->line > d->longest)
        d->longest = d->line;
}

/* A CR without LF, or a LF without CR. */
static void put_bare(struct smtp_data *d, char c, struct buf *out)
{
    d->bare = true;
    if (d->mode == SMTP_DATA_NORMALISE) {
        put_crlf(d, out);
        return;
    }
    put(d, (struct slice){&c, 1}, out);
    line_over(d);
    d->open_line = true;
}

static size_t run_length(struct slice s)
{
    const char *lf = memchr(s.p, '\n', s.n);
    size_t n = lf ? (size_t)(lf - s.p) : s.n;
    const char *cr = memchr(s.p, '\r', n);
    return cr ? (size_t)(cr - s.p) : n;
}

/* Bytes up to the CR of the line that begins at `at`, where it ends in `in`, has no dot in front
   and no bare CR or LF; else -1. */
static ptrdiff_t plain_line(const struct smtp_data *d, struct slice in, size_t at)
{
    const char *p = in.p + at;
    const char *lf = at < in.n && !(d->dots && *p == '.') ? memchr(p, '\n', in.n - at) : NULL;
    if (!lf || lf == p || lf[-1] != '\r')
        return -1;
    ptrdiff_t n = lf - p - 1;
    return memchr(p, '\r', (size_t)n) ? -1 : n;
}

/* At the start of a line: takes the lines that need no change. Those of the header are put before
   it is said to be over. */
static size_t put_lines(struct smtp_data *d, struct slice in, struct buf *out)
{
    size_t from = 0, at = 0;
    for (ptrdiff_t n; (n = plain_line(d, in, at)) >= 0;) {
        at += (size_t)n + 2;
        if ((uint64_t)n > d->longest)
            d->longest = (uint64_t)n;
        if (n > 0 || d->body)
            continue;
        note_high(d, slice_sub(in, from, at));
        put(d, slice_sub(in, from, at), out);
        d->body = true;
        from = at;
    }
    if (at > from) {
        note_high(d, slice_sub(in, from, at));
        put(d, slice_sub(in, from, at), out);
    }
    return at;
}

/* What follows a CR that has been taken: true when c belonged to it. */
static bool after_cr(struct smtp_data *d, char c, struct buf *out)
{
    if (c == '\n') {
        put_crlf(d, out);
        d->state = DATA_BOL;
        return true;
    }
    put_bare(d, '\r', out);
    d->state = DATA_TEXT;
    return false;
}

/* RFC 5321 4.5.2. "." alone between two CRLF is the end; in front of anything else it is dropped. A
   dot and a bare CR are text: the dot was stuffed, or should have been. */
static bool at_dot(struct smtp_data *d, char c, struct buf *out)
{
    if (d->state == DATA_DOT && c == '\r') {
        d->state = DATA_DOT_CR;
        return true;
    }
    if (d->state == DATA_DOT_CR && c == '\n') {
        d->done = true;
        return true;
    }
    if (d->state == DATA_DOT_CR)
        put_bare(d, '\r', out);
    d->state = DATA_TEXT;
    return false;
}

/* True when c was used up by the state; else it is a byte of text. */
static bool by_state(struct smtp_data *d, char c, struct buf *out)
{
    switch (d->state) {
    case DATA_BOL:
        if (d->dots && c == '.') {
            d->state = DATA_DOT;
            return true;
        }
        d->state = DATA_TEXT;
        return false;
    case DATA_DOT:
    case DATA_DOT_CR:
        return at_dot(d, c, out);
    case DATA_CR:
        return after_cr(d, c, out);
    case DATA_TEXT:
        return false;
    }
    return false;
}

size_t smtp_data_feed(struct smtp_data *d, struct slice in, struct buf *out)
{
    size_t at = 0;
    while (at < in.n && !d->done) {
        if (d->state == DATA_BOL && (at += put_lines(d, slice_from(in, at), out)) == in.n)
            break;
        if (by_state(d, in.p[at], out)) {
            at++;
            continue;
        }
        if (in.p[at] == '\r') {
            d->state = DATA_CR;
            at++;
        } else if (in.p[at] == '\n') {
            put_bare(d, '\n', out);
            at++;
        } else {
            size_t n = run_length(slice_from(in, at));
            put_run(d, slice_sub(in, at, at + n), out);
            at += n;
        }
    }
    return at;
}

void smtp_data_finish(struct smtp_data *d, struct buf *out)
{
    if (d->state == DATA_CR)
        put_bare(d, '\r', out);
    if (d->mode != SMTP_DATA_RAW && d->open_line)
        put_crlf(d, out);
    d->state = DATA_BOL;
}
