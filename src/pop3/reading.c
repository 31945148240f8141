/* reading.c - a message on its way to the client: RETR (RFC 1939 5) and TOP (7). A READ job reads
   one piece and makes it ready; the next one follows when the client has taken it, so that a slow
   client costs one piece of memory. */
#include "pop3/reading.h"

#include <stdlib.h>

#include "base/list.h"

enum { PIECE = 128 * 1024 };

struct read_job {
    struct pop3_job base;
    struct maildrop drop; /* borrowed */
    size_t index;
    struct pop3_reading r;
    struct buf out;
    bool first, last;
};

void pop3_reading_end(struct pop3_session *s)
{
    if (s->reading.bytes)
        message_close(s->reading.bytes);
    s->reading = (struct pop3_reading){0};
}

static int read_piece(struct read_job *j, struct err *e)
{
    BUF_SCOPE raw = {.max = PIECE};
    struct pop3_reading *r = &j->r;
    if (message_read(r->bytes, r->at, PIECE, &raw, e))
        return -1;
    struct slice text = buf_slice(&raw);
    r->at += text.n;
    if (r->is_top)
        text.n = pop3_top_feed(&r->top, text);
    dot_write(&r->dots, text, &j->out);
    j->last = r->at >= message_size(r->bytes) || (r->is_top && r->top.done) || raw.n == 0;
    if (j->last)
        dot_finish(&r->dots, &j->out);
    return j->out.failed ? err_set(e, ERR_LIMIT, "piece is too large") : 0;
}

static enum job_next run(struct job *job, struct txn *txn)
{
    struct read_job *j = list_entry(job, struct read_job, base.job);
    (void)txn;
    if (j->first && maildrop_message(&j->drop, j->index, &j->r.bytes, &job->err))
        return JOB_DONE;
    if (j->first)
        buf_addf(&j->out, "+OK %llu octets\r\n", (unsigned long long)message_size(j->r.bytes));
    read_piece(j, &job->err);
    return JOB_DONE;
}

static void finish(struct pop3_session *s, struct pop3_job *base)
{
    struct read_job *j = list_entry(base, struct read_job, base);
    s->reading = j->r;
    j->r.bytes = NULL;
    if (base->job.err.code) {
        pop3_reading_end(s);
        if (j->first)
            pop3_err(s, base->job.err.code == ERR_NOTFOUND ? "" : "[SYS/TEMP]",
                     base->job.err.code == ERR_NOTFOUND ? "message was removed elsewhere"
                                                        : "message cannot be read now");
        else
            conn_abort(s->c); /* half a message must not look whole */
        return;
    }
    conn_write_buf(s->c, &j->out);
    if (!j->last)
        return;
    s->retrieved += !s->reading.is_top;
    pop3_reading_end(s);
}

static void clear(struct pop3_job *base)
{
    struct read_job *j = list_entry(base, struct read_job, base);
    if (j->r.bytes)
        message_close(j->r.bytes);
    buf_done(&j->out);
}

/* While the job runs it alone has the open message. */
static void start(struct pop3_session *s, size_t index, bool first)
{
    struct read_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    j->drop = s->drop;
    j->index = index;
    j->first = first;
    j->r = s->reading;
    s->reading.bytes = NULL;
    j->base.clear = clear;
    pop3_run(s, &j->base, PLACE_READ, 0, run, finish);
}

void pop3_reading_start(struct pop3_session *s, size_t index, const uint64_t *top)
{
    s->reading = (struct pop3_reading){.is_top = top != NULL, .top = {.lines = top ? *top : 0}};
    start(s, index, true);
}

void pop3_piece(struct pop3_session *s)
{
    start(s, 0, false);
}
