/* mbox.c - the reader holds back only the start of a line that may be a separator or a quoted "From
   " and one empty line; all else passes through by memchr. */
#include "format/mbox.h"

void mbox_reader_init(struct mbox_reader *r, enum mbox_kind kind, struct mbox_sink sink)
{
    *r = (struct mbox_reader){.kind = kind, .sink = sink, .begun_empty = true};
}

static int give(struct mbox_reader *r, struct slice s)
{
    if (!s.n)
        return 0;
    if (!r->in_message) {
        r->skipped += s.n;
        return 0;
    }
    return r->sink.data(r->sink.ctx, s);
}

static int give_blank(struct mbox_reader *r)
{
    int stop = give(r, slice_of(r->blank, r->n_blank));
    r->n_blank = 0;
    return stop;
}

static bool has_time(struct slice s)
{
    for (size_t i = 0; i + 5 <= s.n; i++)
        if (ascii_digit(s.p[i]) && ascii_digit(s.p[i + 1]) && s.p[i + 2] == ':' &&
            ascii_digit(s.p[i + 3]) && ascii_digit(s.p[i + 4]))
            return true;
    return false;
}

static bool begins_with_day(struct slice s)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    for (size_t i = 0; i < 21; i += 3)
        if (s.n > 3 && s.p[3] == ' ' && memcmp(s.p, days + i, 3) == 0)
            return true;
    return false;
}

/* After an empty line: a time of day, or nothing but a sender. Without one: what no prose is, the
   full form or the bare "From -" of Netscape and its heirs. */
static bool is_separator(const struct mbox_reader *r, struct slice line)
{
    struct slice rest = slice_trim(slice_from(line, 5)), sender = slice_cut(&rest, ' ');
    struct date date;
    rest = slice_trim(rest);
    if (slice_eq(sender, S("-")) && !rest.n)
        return true;
    if (!r->begun_empty)
        return begins_with_day(rest) && has_time(rest) && date_parse(rest, &date);
    return has_time(line) || (!r->any && !r->skipped) || (!rest.n && slice_find(sender, '@') > 0);
}

static int separator(struct mbox_reader *r, struct slice line)
{
    int stop = r->in_message ? r->sink.end(r->sink.ctx) : 0;
    if (stop)
        return stop;
    struct slice rest = slice_trim(slice_from(line, 5)), sender = slice_cut(&rest, ' ');
    struct date date = {0};
    bool has_date = date_parse(rest, &date);
    r->in_message = r->any = true;
    r->n_blank = 0;
    return r->sink.begin(r->sink.ctx, sender, has_date, date);
}

/* The start of a line is held: decide whether it is enough to know what the line is. `whole`: it
   ends with LF, or nothing follows. Returns 1 to wait for more, else 0 or what the sink said. */
static int decide(struct mbox_reader *r, bool whole, int *ret_stop)
{
    struct slice s = slice_of(r->held, r->n_held);
    size_t quotes = 0;
    *ret_stop = 0;
    while (quotes < s.n && s.p[quotes] == '>')
        quotes++;
    struct slice rest = slice_from(s, quotes);
    bool from = slice_starts(rest, S("From "));
    if (!from && !whole && rest.n < 5 && memcmp(rest.p, "From ", rest.n) == 0 &&
        (r->kind == MBOX_RD || r->n_held < MBOX_LINE_MAX)) {
        /* Of many ">" one is enough to remember. */
        if (quotes > 1 && r->kind == MBOX_RD) {
            *ret_stop = give_blank(r);
            if (!*ret_stop)
                *ret_stop = give(r, slice_sub(s, 0, quotes - 1));
            memmove(r->held, r->held + quotes - 1, r->n_held - (quotes - 1));
            r->n_held -= quotes - 1;
        }
        return 1;
    }
    if (from && quotes == 0) {
        if (!whole && r->n_held < MBOX_LINE_MAX)
            return 1;
        if (whole && is_separator(r, s)) {
            *ret_stop = separator(r, s);
            r->n_held = 0;
            return 0;
        }
    }
    *ret_stop = give_blank(r);
    bool unquote = from && (r->kind == MBOX_RD ? quotes > 0 : quotes == 1);
    if (!*ret_stop)
        *ret_stop = give(r, slice_from(s, unquote));
    r->n_held = 0;
    return 0;
}

/* Takes one line or what is there of it; *in moves on. */
static int feed_line(struct mbox_reader *r, struct slice *in)
{
    int stop = 0;
    const char *lf = memchr(in->p, '\n', in->n);
    size_t n = lf ? (size_t)(lf + 1 - in->p) : in->n;
    if (r->inside_line) {
        stop = give(r, slice_sub(*in, 0, n));
        *in = slice_from(*in, n);
        r->inside_line = lf == NULL;
        return stop;
    }
    /* An empty line is held back: it may belong to a separator. */
    bool start = r->n_held == 0;
    if (start && (in->p[0] == '\n' || (in->p[0] == '\r' && n == 2 && lf))) {
        stop = give_blank(r);
        memcpy(r->blank, in->p, n);
        r->n_blank = n;
        r->begun_empty = true;
        *in = slice_from(*in, n);
        return stop;
    }
    size_t take = n < MBOX_LINE_MAX - r->n_held ? n : MBOX_LINE_MAX - r->n_held;
    memcpy(r->held + r->n_held, in->p, take);
    r->n_held += take;
    *in = slice_from(*in, take);
    bool whole = lf && take == n;
    if (whole && r->n_held == 2 && r->held[0] == '\r') {
        r->n_held = 0;
        stop = give_blank(r);
        memcpy(r->blank, "\r\n", 2);
        r->n_blank = 2;
        r->begun_empty = true;
        return stop;
    }
    if (!whole && r->n_held == 1 && r->held[0] == '\r')
        return 0;
    if (decide(r, whole, &stop))
        return stop;
    r->begun_empty = false;
    r->inside_line = !whole;
    return stop;
}

int mbox_feed(struct mbox_reader *r, struct slice in)
{
    int stop = 0;
    while (in.n && !stop)
        stop = feed_line(r, &in);
    return stop;
}

int mbox_finish(struct mbox_reader *r)
{
    int stop = 0;
    if (r->n_held)
        decide(r, true, &stop);
    /* The empty line at the end belongs to the format. */
    if (!stop && r->in_message)
        stop = r->sink.end(r->sink.ctx);
    r->in_message = false;
    return stop;
}

void mbox_write_begin(struct mbox_writer *w, struct slice sender, struct date date, struct buf *out)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static const char days[] = "SunMonTueWedThuFriSat";
    date.zone = 0;
    struct date_civil c = date_civil(date);
    *w = (struct mbox_writer){0};
    buf_add(out, S("From "));
    for (size_t i = 0; i < sender.n; i++)
        if ((unsigned char)sender.p[i] > ' ' && sender.p[i] != 127)
            buf_addc(out, sender.p[i]);
    if (!sender.n)
        buf_add(out, S("MAILER-DAEMON"));
    buf_addf(out, " %.3s %.3s %2d %02d:%02d:%02d %d\n", days + c.weekday * 3,
             months + (c.month - 1) * 3, c.day, c.hour, c.minute, c.second, c.year);
}

void mbox_write(struct mbox_writer *w, struct slice in, struct buf *out)
{
    static const char from[] = "From ";
    if (in.n)
        w->open = in.p[in.n - 1] != '\n';
    for (size_t i = 0; i < in.n;) {
        if (w->inside_line) {
            const char *lf = memchr(in.p + i, '\n', in.n - i);
            size_t end = lf ? (size_t)(lf + 1 - in.p) : in.n;
            buf_add(out, slice_sub(in, i, end));
            w->inside_line = lf == NULL;
            i = end;
            continue;
        }
        char c = in.p[i];
        if (c == '>' && w->matched == 0) {
            buf_addc(out, c);
            i++;
            continue;
        }
        if (c == from[w->matched]) {
            i++;
            if (++w->matched < 5)
                continue;
            buf_add(out, S(">From "));
        } else {
            buf_add(out, slice_of(from, w->matched));
        }
        w->matched = 0;
        w->inside_line = true;
    }
}

void mbox_write_end(struct mbox_writer *w, struct buf *out)
{
    buf_add(out, slice_of("From ", w->matched));
    if (w->open)
        buf_addc(out, '\n');
    buf_addc(out, '\n');
}
