/* reading.c - messages on their way to the client: RETR (RFC 1939 5) and TOP (7). The desk is asked
   for as many of the messages that were named in a row (RFC 2449 6.6, pipelining) as make one
   piece, or for a piece of a large one; the next one is read while it is sent, so that a slow
   client costs two pieces of memory. What takes more than copying, surrogates, is a job's work. */
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
    DIGITS = 10,
};

struct read_job {
    struct pop3_job base;
    struct desk *desk;
    uint32_t row[DESK_LETTERS_MAX]; /* uids; 0: there is no such message */
    size_t n;
    uint64_t bytes;             /* of the messages in the row */
    struct buf in;              /* what the desk brought: letters, */
    struct slice letters, hand; /* and bytes of the first of them */
    bool waits;                 /* it runs as a job */
    struct pop3_reading r;
    struct buf out;
    unsigned errors, retrieved;
    bool first, last; /* piece of the last message */
    bool utf8;
};

static void reading_close(struct pop3_reading *r)
{
    surrogate_free(r->surrogate);
    r->letter.desk = NULL;
    r->surrogate = NULL;
}

static void job_free(struct read_job *j)
{
    if (!j)
        return;
    reading_close(&j->r);
    buf_done(&j->in);
    buf_done(&j->out);
    free(j);
}

void pop3_reading_end(struct pop3_session *s)
{
    reading_close(&s->reading);
    if (s->reading.kept)
        desk_tell(s->desk, DESK_LETTERS_END);
    s->reading = (struct pop3_reading){0};
    job_free(s->gathered);
    job_free(s->asked);
    s->gathered = s->asked = NULL;
}

/* --- composing the answer -------------------------------------------------------------------- */
/* What was read to the end of j->out; what needs no doubled dots is not copied. */
static int pass_on(struct read_job *j, size_t from, struct err *e)
{
    struct pop3_reading *r = &j->r;
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
    j->last = r->at >= r->letter.size || (r->is_top && r->top.done);
    if (j->last)
        dot_finish(&r->dots, &j->out);
    return j->out.failed ? err_set(e, ERR_LIMIT, "piece is too large") : 0;
}

static int read_piece(struct read_job *j, struct err *e)
{
    struct pop3_reading *r = &j->r;
    size_t from = j->out.n;
    uint64_t least = r->is_top || from >= PIECE ? 1 : PIECE - from;
    return surrogate_read(r->surrogate, &r->letter, &r->at, least, &j->out, e) ||
                   pass_on(j, from, e)
               ? -1
               : 0;
}

static bool has_more(const struct pop3_reading *r)
{
    return r->letter.waits || r->at < r->letter.hand.n;
}

/* A piece of the message under way, or all of it. */
static int read_on(struct read_job *j, bool all, struct err *e)
{
    do
        if (read_piece(j, e))
            return -1;
    while (!j->last && has_more(&j->r) && (all || j->out.n < PIECE));
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

/* One message of the row; only the last one may need another piece. */
static void read_one(struct read_job *j, uint32_t index, bool all)
{
    struct pop3_reading *r = &j->r;
    size_t from = j->out.n;
    struct err e = {0};
    struct desk_letter told = {.err = ERR_BUSY};
    struct slice prefix, parts;
    r->at = 0;
    r->dots = (struct dot_writer){0};
    if (desk_letter_next(&j->letters, &told, &prefix, &parts) || told.err) {
        err_set(&e, told.err, "the message cannot be had");
        refuse(j, from, &e);
        return;
    }
    uint64_t hand = told.size < j->hand.n ? told.size : j->hand.n;
    r->letter = (struct letter){.desk = j->desk,
                                .index = index,
                                .size = told.size,
                                .hand = slice_sub(j->hand, 0, hand),
                                .waits = j->waits};
    j->hand = slice_from(j->hand, hand);
    if (!j->utf8 && surrogate_make(prefix, parts, &r->letter, &r->surrogate, &e)) {
        refuse(j, from, &e);
        return;
    }
    buf_addf(&j->out, "+OK %llu octets\r\n",
             (unsigned long long)surrogate_size(r->surrogate, &r->letter));
    if (read_on(j, all, &e)) {
        refuse(j, from, &e);
        return;
    }
    if (!j->last)
        return;
    j->retrieved++;
    reading_close(r);
}

static void read_row(struct read_job *j)
{
    uint32_t index = 0;
    for (size_t i = 0; i < j->n; i++)
        if (j->row[i])
            read_one(j, index++, i + 1 < j->n);
        else
            refuse(j, j->out.n, &(struct err){0});
}

/* Finds the letters in j->in. Is there more to do with them than to copy what is here? Only of the
   last message of the row may a part be missing, and some of it is here. */
static bool look_at_letters(struct read_job *j)
{
    struct slice rest = buf_slice(&j->in), prefix, parts;
    struct desk_letter told;
    bool more = false;
    uint64_t size = 0, last = 0;
    for (size_t i = 0; i < j->n; i++) {
        last = 0;
        if (!j->row[i] || desk_letter_next(&rest, &told, &prefix, &parts) || told.err)
            continue;
        more = more || (!j->utf8 && surrogate_is_needed(prefix, parts));
        size += last = told.size;
    }
    j->letters = slice_sub(buf_slice(&j->in), 0, j->in.n - rest.n);
    j->hand = rest;
    j->r.kept = rest.n < size;
    return more || (j->r.kept && rest.n <= size - last);
}

/* --- to the client --------------------------------------------------------------------------- */
static void send(struct pop3_session *s, struct read_job *j, const struct err *e)
{
    bool behind = conn_unsent(s->c) > OUTPUT_READY;
    s->reading = j->r;
    s->reading.letter.hand = SNONE;
    j->r.surrogate = NULL;
    if (e->code && !j->first) {
        conn_abort(s->c); /* half a message must not look whole */
        return;
    }
    if (e->code)
        for (size_t i = 0; i < j->n; i++)
            refuse(j, j->out.n, e);
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

static enum job_next run(struct job *job, struct txn *txn)
{
    struct read_job *j = list_entry(job, struct read_job, base.job);
    (void)txn;
    if (j->first)
        read_row(j);
    else
        read_on(j, false, &job->err);
    return JOB_DONE;
}

static void finish(struct pop3_session *s, struct pop3_job *base)
{
    send(s, list_entry(base, struct read_job, base), &base->job.err);
}

static void clear(struct pop3_job *base)
{
    struct read_job *j = list_entry(base, struct read_job, base);
    reading_close(&j->r);
    buf_done(&j->in);
    buf_done(&j->out);
}

static void run_as_job(struct pop3_session *s, struct read_job *j)
{
    j->waits = j->r.letter.waits = true;
    pop3_run(s, &j->base, run, finish);
}

static struct read_job *job_new(struct pop3_session *s)
{
    struct read_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    j->desk = s->desk;
    j->utf8 = s->utf8 || !setting_get(&set_pop3_surrogates);
    j->base.clear = clear;
    return j;
}

static struct read_job *take_asked(struct pop3_session *s)
{
    struct read_job *j = s->asked;
    s->asked = NULL;
    return j;
}

static void letters_came(struct pop3_session *s, const struct desk_answer *a)
{
    struct read_job *j = take_asked(s);
    if (a->err.code == ERR_OK && look_at_letters(j)) {
        run_as_job(s, j);
        return;
    }
    if (a->err.code == ERR_OK)
        read_row(j);
    send(s, j, &a->err);
    job_free(j);
}

static void start(struct pop3_session *s, struct read_job *j)
{
    uint32_t uids[DESK_LETTERS_MAX];
    struct desk_question q = {.verb = DESK_LETTERS,
                              .uids = uids,
                              .whole = !j->utf8,
                              .ahead = s->reading.is_top ? 1 : PIECE,
                              .into = &j->in};
    for (size_t i = 0; i < j->n; i++)
        if (j->row[i])
            uids[q.n_uids++] = j->row[i];
    j->first = true;
    j->r = s->reading;
    s->asked = j;
    if (q.n_uids)
        pop3_ask(s, &q, letters_came);
    else
        letters_came(s, &(struct desk_answer){0});
}

static void piece_came(struct pop3_session *s, const struct desk_answer *a)
{
    struct read_job *j = take_asked(s);
    struct err e = a->err;
    j->r.at += j->out.n;
    if (e.code == ERR_OK && j->out.n == 0)
        err_set(&e, ERR_CORRUPT, "the message is not whole");
    if (e.code == ERR_OK)
        pass_on(j, 0, &e);
    send(s, j, &e);
    job_free(j);
}

void pop3_piece(struct pop3_session *s)
{
    struct read_job *j = job_new(s);
    j->r = s->reading;
    s->reading.surrogate = NULL;
    if (j->r.surrogate) {
        run_as_job(s, j);
        return;
    }
    s->asked = j;
    pop3_ask(s,
             &(struct desk_question){.verb = DESK_BYTES,
                                     .piece = {.letter = j->r.letter.index,
                                               .from = j->r.at,
                                               .least = PIECE,
                                               .end = j->r.letter.size},
                                     .into = &j->out},
             piece_came);
}

void pop3_reading_top(struct pop3_session *s, size_t index, uint64_t lines)
{
    struct read_job *j = job_new(s);
    j->row[j->n++] = s->drop.list[index].uid;
    s->reading = (struct pop3_reading){.is_top = true, .top = {.lines = lines}};
    start(s, j);
}

/* Is the next line another RETR that can go with those before? */
static bool goes_on(const struct read_job *j, struct slice in)
{
    if (j->n == DESK_LETTERS_MAX || j->bytes >= PIECE || !slice_startsi(in, S("RETR ")))
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
    if (!j)
        s->gathered = j = job_new(s);
    if (slice_u64(number, &n) || n == 0 || n > s->drop.n || s->drop.list[n - 1].deleted) {
        j->row[j->n++] = 0;
        return;
    }
    j->row[j->n++] = s->drop.list[n - 1].uid;
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
