/* flowed.c - a line is looked at from its start: quote marks (RFC 3676 4.5), a stuffed blank (4.4),
   then text, of which the last blank says whether the next line goes on with it (4.1). The line
   "-- " never does and is never gone on with (4.3). A paragraph goes on over lines of the same
   quote depth only. */
#include "format/flowed.h"

static const char signature[] = "-- ";
enum { SIGNATURE = 3 };

static void put_mark(struct flowed *f, struct buf *out)
{
    for (size_t i = 0; i < f->depth; i++)
        buf_addc(out, '>');
    if (f->depth)
        buf_addc(out, ' ');
}

/* The line's text begins: with the paragraph before, or as one of its own. */
static void begin_text(struct flowed *f, bool alone, struct buf *out)
{
    bool goes_on = f->open && f->depth == f->of_open && !alone;
    if (f->open && !goes_on)
        buf_addc(out, '\n');
    if (!goes_on)
        put_mark(f, out);
    f->open = false;
    f->blank = false;
    f->state = FLOWED_TEXT;
}

/* The line is not the signature's after all, or it is and ends here. */
static void begin_after_dashes(struct flowed *f, bool alone, struct buf *out)
{
    unsigned n = f->signature;
    begin_text(f, alone, out);
    if (n == SIGNATURE && !alone) {
        f->blank = true;
        n--;
    }
    buf_add(out, slice_of(signature, n));
}

static void end_line(struct flowed *f, struct buf *out)
{
    if (f->state != FLOWED_TEXT)
        begin_after_dashes(f, f->signature == SIGNATURE, out);
    f->open = f->blank;
    f->of_open = f->depth;
    if (f->blank && !f->delsp)
        buf_addc(out, ' ');
    if (!f->open)
        buf_addc(out, '\n');
    f->state = FLOWED_QUOTES;
    f->depth = 0;
    f->blank = false;
    f->signature = 0;
}

/* Takes text up to the end of the line, all but a blank at its end. */
static size_t take_text(struct flowed *f, struct slice in, struct buf *out)
{
    const char *lf = memchr(in.p, '\n', in.n);
    size_t n = lf ? (size_t)(lf - in.p) : in.n;
    if (n == 0)
        return 0;
    if (f->blank)
        buf_addc(out, ' ');
    f->blank = in.p[n - 1] == ' ';
    buf_add(out, slice_sub(in, 0, n - f->blank));
    return n;
}

void flowed_feed(struct flowed *f, struct slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n;) {
        char c = in.p[i];
        if (c == '\n') {
            end_line(f, out);
            i++;
        } else if (f->state == FLOWED_QUOTES) {
            if (c == '>')
                f->depth++;
            else
                f->state = FLOWED_STUFFED;
            i += c == '>';
        } else if (f->state == FLOWED_STUFFED) {
            f->state = FLOWED_SIGNATURE;
            i += c == ' ';
        } else if (f->state == FLOWED_SIGNATURE && f->signature < SIGNATURE &&
                   c == signature[f->signature]) {
            f->signature++;
            i++;
        } else {
            if (f->state == FLOWED_SIGNATURE)
                begin_after_dashes(f, false, out);
            i += take_text(f, slice_from(in, i), out);
        }
    }
}

void flowed_finish(struct flowed *f, struct buf *out)
{
    if (f->state == FLOWED_QUOTES && f->depth == 0) {
        if (f->open)
            buf_addc(out, '\n');
    } else {
        if (f->state != FLOWED_TEXT)
            begin_after_dashes(f, f->signature == SIGNATURE, out);
        if (f->blank)
            buf_addc(out, ' ');
    }
    *f = (struct flowed){.delsp = f->delsp};
}
