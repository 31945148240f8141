/* recode.c - runs of base 64 are found, taken apart and put together again. */
#include "store/recode.h"

#include <endian.h>

#include "base/base64.h"
#include "base/varint.h"
#include "store/squeeze.h"

enum {
    LINE_LEAST = 16,  /* characters */
    LINE_MOST = 1024, /* RFC 5322 2.1.1 allows 998; RFC 2045 6.8 allows base 64 only 76 */
    RUN_LEAST = 96,   /* bytes: the plan has up to 8 for each */
};

/* A run in the frame. */
struct run {
    size_t line; /* characters */
    size_t n;    /* bytes */
    bool crlf;
};

static size_t coded(size_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

/* Characters of the run, with the ends of its lines. */
static size_t length(const struct run *r)
{
    size_t n = coded(r->n);
    return n + (n - 1) / r->line * (1 + r->crlf);
}

/* --- apart ---------------------------------------------------------------------------------- */

static bool ends_line(struct slice s, bool crlf)
{
    return crlf ? s.n > 1 && s.p[0] == '\r' && s.p[1] == '\n' : s.n && s.p[0] == '\n';
}

/* The run at the front of s, whose first line is `line` characters: its bytes at out, where there
   is room for all of s decoded. Characters that it takes; 0: there is none. */
static size_t run_at(struct slice s, struct run *r, char *out)
{
    size_t at = 0, taken = 0;
    r->n = 0;
    for (;;) {
        size_t left = s.n - at, n = left < r->line ? left / 4 * 4 : r->line;
        size_t good = base64_groups(out + r->n, s.p + at, n), bytes = good / 4 * 3;
        size_t padded = good < n ? base64_padded(out + r->n + bytes, s.p + at + good) : 0;
        size_t line = good + (padded ? 4 : 0);
        /* A line that something else follows is left out, unless the frame cuts it. */
        bool ends = ends_line(slice_from(s, at + line), r->crlf);
        if (line == 0 || (!ends && left - line >= 4))
            break;
        r->n += bytes + padded;
        taken = at + line;
        if (!ends || padded || line < r->line)
            break;
        at = taken + 1 + r->crlf;
    }
    return r->n < RUN_LEAST ? 0 : taken;
}

static void plan_add(struct recode *r, size_t v)
{
    r->plan_n += varint_put(r->plan + r->plan_n, v);
}

static void text_add(struct recode *r, const char *p, size_t n)
{
    memcpy(r->text + r->text_n, p, n);
    r->text_n += n;
}

/* The next line at or behind the beginning of a line that could be the first of a run; the frame's
   end: there is none. */
static size_t line_next(struct slice frame, size_t at, struct run *r)
{
    char some[LINE_LEAST / 4 * 3];
    while (at < frame.n) {
        const char *p = frame.p + at, *end = memchr(p, '\n', frame.n - at);
        if (!end)
            break;
        r->crlf = end > p && end[-1] == '\r';
        r->line = (size_t)(end - p) - r->crlf;
        if (r->line % 4 == 0 && r->line >= LINE_LEAST && r->line <= LINE_MOST &&
            base64_groups(some, p, LINE_LEAST) == LINE_LEAST)
            return at;
        at = (size_t)(end + 1 - frame.p);
    }
    return frame.n;
}

size_t recode_first(struct slice frame)
{
    struct run run;
    return line_next(frame, 0, &run);
}

bool recode_apart(struct slice frame, size_t first, struct recode *r)
{
    r->bytes_n = r->text_n = r->plan_n = 0;
    size_t runs = 0, kept = 0; /* text up to here is in r->text */
    struct run run;
    for (size_t at = first; (at = line_next(frame, at, &run)) < frame.n && runs < RECODE_RUNS;) {
        size_t taken = run_at(slice_from(frame, at), &run, r->bytes + r->bytes_n);
        if (!taken) {
            at += run.line + 1 + run.crlf;
            continue;
        }
        plan_add(r, at - kept);
        text_add(r, frame.p + kept, at - kept);
        bool in_text = squeeze_pays(slice_of(r->bytes + r->bytes_n, run.n), r->text + r->text_n);
        plan_add(r, run.n << 1 | in_text);
        plan_add(r, run.line / 4 << 1 | run.crlf);
        if (in_text)
            text_add(r, r->bytes + r->bytes_n, run.n);
        else
            r->bytes_n += run.n;
        at += taken;
        kept = at;
        runs++;
    }
    if (!runs)
        return false;
    text_add(r, frame.p + kept, frame.n - kept);
    uint16_t n = htole16((uint16_t)r->plan_n);
    memcpy(r->plan + r->plan_n, &n, RECODE_TAIL);
    r->plan_n += RECODE_TAIL;
    return true;
}

/* --- together ------------------------------------------------------------------------------- */

/* The next run of a plan; false: a number is none, or out of its range. */
static bool run_next(struct slice *plan, size_t *ret_text, struct run *ret, bool *ret_in_text)
{
    uint64_t text, n, line;
    if (varint_next(plan, &text) || varint_next(plan, &n) || varint_next(plan, &line))
        return false;
    /* The ranges keep what is reckoned with them from going over. */
    if (text > UINT16_MAX || n >> 1 == 0 || n >> 1 > UINT16_MAX || line >> 1 == 0 ||
        line >> 1 > LINE_MOST / 4)
        return false;
    *ret_text = (size_t)text;
    *ret_in_text = n & 1;
    *ret = (struct run){.n = (size_t)(n >> 1), .line = (size_t)(line >> 1) * 4, .crlf = line & 1};
    return true;
}

static int wrong(struct err *e)
{
    return err_set(e, ERR_CORRUPT, "the plan of a frame is wrong");
}

int recode_plan(struct slice stored, size_t want, struct recode_plan *ret, struct err *e)
{
    uint16_t n;
    if (stored.n < RECODE_TAIL)
        return wrong(e);
    memcpy(&n, stored.p + stored.n - RECODE_TAIL, RECODE_TAIL);
    stored.n -= RECODE_TAIL;
    n = le16toh(n);
    if (n > stored.n || n > RECODE_PLAN)
        return wrong(e);
    struct recode_plan p = {.runs = slice_from(stored, stored.n - n)};
    size_t left = want; /* of the frame */
    for (struct slice rest = p.runs; rest.n;) {
        struct run run;
        size_t text;
        bool in_text;
        if (!run_next(&rest, &text, &run, &in_text) || text > left || length(&run) > left - text)
            return wrong(e);
        left -= text + length(&run);
        p.text_n += text + (in_text ? run.n : 0);
        p.bytes_n += in_text ? 0 : run.n;
    }
    p.text_n += left;
    if (p.bytes_n > stored.n - n)
        return wrong(e);
    *ret = p;
    return 0;
}

static char *run_put(char *out, const struct run *r, const char *bytes)
{
    size_t line = r->line / 4 * 3, left = r->n;
    for (; left > line; left -= line, bytes += line) {
        base64_put(out, bytes, line);
        out += r->line;
        if (r->crlf)
            *out++ = '\r';
        *out++ = '\n';
    }
    base64_put(out, bytes, left);
    return out + coded(left);
}

void recode_together(const struct recode_plan *p, const char *bytes, const char *text, char *out,
                     size_t want)
{
    const char *end = out + want;
    for (struct slice rest = p->runs; rest.n;) {
        struct run run;
        size_t n;
        bool in_text;
        BUG_IF(!run_next(&rest, &n, &run, &in_text));
        memmove(out, text, n);
        text += n;
        const char **from = in_text ? &text : &bytes;
        out = run_put(out + n, &run, *from);
        *from += run.n;
    }
    memmove(out, text, (size_t)(end - out));
}
