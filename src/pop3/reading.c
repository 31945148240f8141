/* reading.c - messages on their way to the client: RETR (RFC 1939 5) and TOP (7). A READ job reads
   as many of the messages that were asked for in a row (RFC 2449 6.6, pipelining) as make one
   piece, or a piece of a large one; the next one is read while it is sent, so that a slow client
   costs two pieces of memory. */
#include "pop3/reading.h"

#include <stdlib.h>

#include "base/list.h"
#include "base/setting.h"

SETTING(pop3, surrogates, BOOL, 1, 0, 1,
        "Whether a client that did not say UTF8 gets header fields that hold UTF-8 in a form for "
        "ASCII (RFC 6858): addresses outside of ASCII cannot be answered then. Off, everybody gets "
        "messages as they are stored, which RFC 6856 2.1 forbids and many servers do.");

enum {
    PIECE = 128 * 1024,
    OUTPUT_READY = 64 * 1024, /* under so much unsent the next piece is read at once */
    ROW = 64,                 /* messages of one job */
    NONE = UINT32_MAX,        /* in place of an index: there is no such message */
    DIGITS = 10,
};

struct read_job {
    struct pop3_job base;
    struct maildrop drop; /* borrowed */
    uint32_t row[ROW];
    size_t n;
    uint64_t bytes; /* of the messages in the row */
    struct pop3_reading r;
    struct buf out;
    unsigned errors, retrieved;
    bool first, last; /* piece of the last message */
    bool utf8;
};

static void reading_close(struct pop3_reading *r)
{
    if (r->bytes)
        message_close(r->bytes);
    surrogate_free(r->surrogate);
    r->bytes = NULL;
    r->surrogate = NULL;
}

void pop3_reading_end(struct pop3_session *s)
{
    reading_close(&s->reading);
    s->reading = (struct pop3_reading){0};
    free(s->gathered);
    s->gathered = NULL;
}

/* The next piece of r->bytes behind j->out; what needs no doubled dots is not copied. */
static int read_piece(struct read_job *j, struct err *e)
{
    struct pop3_reading *r = &j->r;
    size_t from = j->out.n;
    if (surrogate_read(r->surrogate, r->bytes, &r->at, &j->out, e))
        return -1;
    struct slice text = slice_from(buf_slice(&j->out), from);
    if (r->is_top)
        text.n = pop3_top_feed(&r->top, text);
    j->out.n = from + text.n;
    if (!dot_passes(&r->dots, text)) {
        BUF_SCOPE raw = {0};
        buf_add(&raw, text);
        j->out.n = from;
        dot_write(&r->dots, buf_slice(&raw), &j->out);
    }
    j->last = r->at >= message_size(r->bytes) || (r->is_top && r->top.done);
    if (j->last)
        dot_finish(&r->dots, &j->out);
    return j->out.failed ? err_set(e, ERR_LIMIT, "piece is too large") : 0;
}

/* A piece of the message under way, or all of it. */
static int read_on(struct read_job *j, bool all, struct err *e)
{
    do
        if (read_piece(j, e))
            return -1;
    while (!j->last && (all || j->out.n < PIECE));
    return 0;
}

static void refuse(struct read_job *j, size_t from, const struct err *e)
{
    j->out.n = from;
    j->out.failed = false;
    j->errors++;
    j->last = true;
    buf_addf(&j->out, "-ERR %s\r\n",
             e->code == ERR_OK            ? "no such message"
             : e->code == ERR_NOTFOUND    ? "message was removed elsewhere"
             : e->code == ERR_UNSUPPORTED ? "[UTF8] say UTF8 before logging in"
                                          : "[SYS/TEMP] message cannot be read now");
    reading_close(&j->r);
}

/* One message of the row; only the last one may need another job. */
static void read_one(struct read_job *j, struct txn *t, uint32_t index, bool all)
{
    size_t from = j->out.n;
    struct err e = {0};
    j->r.at = 0;
    j->r.dots = (struct dot_writer){0};
    if (index == NONE ||
        maildrop_message(&j->drop, t, index, &j->r.bytes, j->utf8 ? NULL : &j->r.surrogate, &e)) {
        refuse(j, from, &e);
        return;
    }
    buf_addf(&j->out, "+OK %llu octets\r\n",
             (unsigned long long)surrogate_size(j->r.surrogate, j->r.bytes));
    if (read_on(j, all, &e)) {
        refuse(j, from, &e);
        return;
    }
    if (!j->last)
        return;
    j->retrieved++;
    reading_close(&j->r);
}

static enum job_next run(struct job *job, struct txn *txn)
{
    struct read_job *j = list_entry(job, struct read_job, base.job);
    struct txn *t;
    (void)txn;
    if (!j->first) {
        read_on(j, false, &job->err);
        return JOB_DONE;
    }
    if (txn_read(j->drop.account, &t, &job->err))
        return JOB_DONE;
    for (size_t i = 0; i < j->n; i++)
        read_one(j, t, j->row[i], i + 1 < j->n);
    txn_end(t);
    return JOB_DONE;
}

static void finish(struct pop3_session *s, struct pop3_job *base)
{
    struct read_job *j = list_entry(base, struct read_job, base);
    bool behind = conn_unsent(s->c) > OUTPUT_READY;
    s->reading = j->r;
    j->r.bytes = NULL;
    j->r.surrogate = NULL;
    if (base->job.err.code && !j->first) {
        conn_abort(s->c); /* half a message must not look whole */
        return;
    }
    if (base->job.err.code)
        for (size_t i = 0; i < j->n; i++)
            refuse(j, j->out.n, &base->job.err);
    conn_write_buf(s->c, &j->out);
    s->retrieved += s->reading.is_top ? 0 : j->retrieved;
    if (j->last) {
        s->retrieved += !j->first && !s->reading.is_top;
        pop3_reading_end(s);
    }
    pop3_count_errors(s, j->errors);
    if (!j->last && !behind) /* read while this piece is sent, but no more than one ahead */
        pop3_piece(s);
}

static void clear(struct pop3_job *base)
{
    struct read_job *j = list_entry(base, struct read_job, base);
    reading_close(&j->r);
    buf_done(&j->out);
}

static struct read_job *job_new(struct pop3_session *s)
{
    struct read_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    j->drop = s->drop;
    j->utf8 = s->utf8 || !setting_get(&set_pop3_surrogates);
    j->base.clear = clear;
    return j;
}

/* While the job runs it alone has the open message. */
static void start(struct pop3_session *s, struct read_job *j)
{
    j->r = s->reading;
    s->reading.bytes = NULL;
    s->reading.surrogate = NULL;
    pop3_run(s, &j->base, PLACE_READ, 0, run, finish);
}

void pop3_reading_top(struct pop3_session *s, size_t index, uint64_t lines)
{
    struct read_job *j = job_new(s);
    j->first = true;
    j->row[j->n++] = (uint32_t)index;
    s->reading = (struct pop3_reading){.is_top = true, .top = {.lines = lines}};
    start(s, j);
}

/* Is the next line another RETR that can go with those before? */
static bool goes_on(const struct read_job *j, struct slice in)
{
    if (j->n == ROW || j->bytes >= PIECE || !slice_startsi(in, S("RETR ")))
        return false;
    in = slice_from(in, 5);
    size_t n = 0;
    while (n < in.n && in.p[n] >= '0' && in.p[n] <= '9')
        n++;
    return n > 0 && n <= DIGITS && slice_starts(slice_from(in, n), S("\r\n"));
}

void pop3_reading_retr(struct pop3_session *s, struct slice number)
{
    struct read_job *j = s->gathered;
    uint64_t n = 0;
    if (!j) {
        s->gathered = j = job_new(s);
        j->first = true;
    }
    if (slice_u64(number, &n) || n == 0 || n > s->drop.n || s->drop.list[n - 1].deleted) {
        j->row[j->n++] = NONE;
        return;
    }
    j->row[j->n++] = (uint32_t)n - 1;
    j->bytes += s->drop.list[n - 1].size;
}

void pop3_reading_go(struct pop3_session *s, struct slice in)
{
    struct read_job *j = s->gathered;
    if (!j || goes_on(j, in))
        return;
    s->gathered = NULL;
    s->reading = (struct pop3_reading){0};
    start(s, j);
}

void pop3_piece(struct pop3_session *s)
{
    start(s, job_new(s));
}
