/* request.c - how a command goes through the places and comes back. A step is one call of the
   handler: in a READ step a snapshot is open around it, so that no snapshot outlives a step; a
   WRITE step is the store's, and its output is thrown away when the commit fails. After the
   command's own work, and in the same snapshot when there is one, come the updates (updates.c). */
#include "imap/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "imap/commands.h"
#include "imap/flags.h"
#include "imap/group.h"
#include "imap/idle.h"
#include "imap/idle_share.h"
#include "imap/login.h"
#include "imap/reply.h"
#include "imap/settings.h"
#include "imap/updates.h"
#include "mail/spool.h"
#include "mail/timing.h"
#include "store/store.h"

METRIC_COUNTER_BY(imap_results, "result", "ok no bad", "IMAP commands by result.");

enum { OUTPUT_READY = 64 * 1024 }; /* under so much unsent the next step is made at once */

struct request *request_new(struct session *s)
{
    struct request *r = calloc(1, sizeof(*r));
    BUG_IF(!r);
    r->s = s;
    pace_begin(&r->pace, clock_mono_ms());
    r->arena.limit = (size_t)setting_get(&set_imap_memory_max);
    r->text.max = 2 << 20;
    r->job.loop = s->loop;
    return r;
}

void request_free(struct request *r)
{
    if (r->state_done)
        r->state_done(r->state);
    for (size_t i = 0; i < r->n_literals; i++)
        if (r->literals[i].spool) {
            spool_done(r->literals[i].spool);
            free(r->literals[i].spool);
        }
    free(r->literals);
    updates_free(r->updates);
    if (r->s->state == STATE_NEW && r->text.p)
        explicit_bzero(r->text.p, r->text.n); /* a password */
    buf_done(&r->text);
    buf_done(&r->out);
    arena_reset(&r->arena);
    free(r);
}

enum cmd_next request_fail(struct request *r, enum err_code code, const char *fmt, ...)
{
    char text[sizeof(r->job.err.text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_set(&r->job.err, code, "%s", text);
    return CMD_FAIL;
}

enum cmd_next request_bad(struct request *r, const char *fmt, ...)
{
    char text[sizeof(r->job.err.text)];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    err_set(&r->job.err, ERR_SYNTAX, "%s", text);
    r->bad = true;
    return CMD_FAIL;
}

int request_uid_required(struct request *r)
{
    r->code = "UIDREQUIRED";
    return err_set(&r->job.err, ERR_SYNTAX, "Messages are named by UID in this session");
}

struct imap_parser request_parser(struct request *r, size_t at)
{
    struct slice text = buf_slice(&r->text);
    if (slice_ends(text, S("\r\n")))
        text.n -= 2;
    return (struct imap_parser){.text = text,
                                .at = at,
                                .literals = r->literals,
                                .n_literals = r->n_literals,
                                .arena = &r->arena,
                                .e = &r->job.err,
                                .utf8 = session_utf8(r->s)};
}

void *request_alloc(struct request *r, size_t size, size_t n)
{
    void *p = arena_alloc(&r->arena, size, n, 16);
    if (!p)
        err_set(&r->job.err, ERR_LIMIT, "the command needs too much memory");
    return p;
}

bool request_step_full(const struct request *r)
{
    return r->out.n >= OUTPUT_STEP || clock_mono_ms() - r->step_began >= STEP_MS;
}

/* --- on any thread --------------------------------------------------------------------------- */

/* What follows the handler's own work: the updates, or nothing. True: finished. */
static bool sync_step(struct request *r, struct txn *t)
{
    int more = updates_step(r, t);
    r->again = more > 0;
    return more <= 0;
}

static bool wants_sync(const struct request *r)
{
    return !r->broken && r->cmd && (r->cmd->flags & CMD_SYNC) && r->s->sel && !r->bad;
}

/* One step at READ. True: the request may be finished. */
static bool read_step(struct request *r)
{
    struct txn *t = NULL;
    struct err e = {0};
    if (txn_read(r->s->account, &t, &e)) {
        r->again = false;
        if (r->phase == PHASE_RUN) {
            r->job.err = e;
            r->outcome = CMD_FAIL;
        }
        return true; /* updates come another time */
    }
    bool finished = false;
    r->snapshot = t;
    r->keywords = NULL;
    if (r->phase == PHASE_RUN) {
        r->outcome = r->run(r, t);
        r->again = r->outcome == CMD_AGAIN;
        if (r->outcome == CMD_DONE || r->outcome == CMD_FAIL) {
            finished = !wants_sync(r);
            r->phase = PHASE_SYNC;
        }
    }
    if (r->phase == PHASE_SYNC && !finished) {
        if (request_step_full(r))
            r->again = true;
        else
            finished = sync_step(r, t);
    }
    r->keywords = NULL;
    r->snapshot = NULL;
    txn_end(t);
    return finished;
}

static enum job_next job_run(struct job *job, struct txn *t)
{
    struct request *r = list_entry(job, struct request, job);
    r->step_began = clock_mono_ms();
    if (job->place == PLACE_READ) {
        read_step(r);
    } else {
        if (job->place == PLACE_WRITE) {
            buf_reset(&r->out); /* this may be the second time */
            r->job.err = (struct err){0};
            r->keywords = NULL;
            r->waited = group_waits(r);
        }
        r->outcome = r->waited ? CMD_AGAIN : r->run(r, t);
        r->keywords = NULL;
    }
    bool moves = r->phase == PHASE_RUN && r->outcome == CMD_MOVE && (!r->member || r->straight);
    if (moves && job->place != PLACE_WRITE && r->place != PLACE_LOOP && r->out.n == 0) {
        job->place = r->place;
        job->account = r->s->account;
        return JOB_MOVE;
    }
    return JOB_DONE;
}

/* --- on the loop ----------------------------------------------------------------------------- */

static void job_back(struct job *job);

void request_prepare(struct request *r, enum place place)
{
    r->job.place = place;
    r->job.account = r->s->account;
    r->job.run = job_run;
    r->job.what = r->cmd ? r->cmd->name.p : "IMAP";
    r->job.done = job_back;
}

void request_submit(struct request *r, enum place place)
{
    session_pause(r->s);
    request_prepare(r, place);
    job_submit(&r->job);
}

void request_go(struct request *r, cmd_run *run, enum place place)
{
    r->run = run;
    request_submit(r, place);
}

static void write_out(struct request *r)
{
    session_write_buf(r->s, &r->out);
}

void request_resume(struct request *r)
{
    request_submit(r, PLACE_READ);
}

/* A step ended with more to do. The next one is made while this one's output is sent, but no more
   than that. */
static void go_on(struct request *r)
{
    struct session *s = r->s;
    bool behind = conn_unsent(s->conn) > OUTPUT_READY;
    write_out(r);
    if (behind)
        s->waiting = true;
    else
        request_resume(r);
}

/* The handler's work is over, on the loop or at WRITE or CPU: updates need READ. */
void request_after_run(struct request *r)
{
    r->phase = PHASE_SYNC;
    if (wants_sync(r))
        request_submit(r, PLACE_READ);
    else
        request_finish(r);
}

/* At LOOP a handler that returns CMD_AGAIN waits for the client's next line. */
static void loop_step(struct request *r)
{
    struct session *s = r->s;
    enum cmd_next next = r->run(r, NULL);
    if (next == CMD_GONE)
        return;
    if (next == CMD_MOVE) {
        request_submit(r, r->place);
    } else if (next == CMD_AGAIN) {
        write_out(r);
        if (s->running)
            conn_resume(s->conn);
        s->running = false;
    } else {
        r->outcome = next;
        request_after_run(r);
    }
}

static void move_on(struct request *r)
{
    write_out(r);
    if (r->place == PLACE_LOOP)
        loop_step(r);
    else
        request_submit(r, r->place);
}

/* The answer to a failed login was held back; no thread waited for it. */
static void delayed(struct timer *timer)
{
    struct request *r = list_entry(timer, struct request, delay);
    if (r->s->conn)
        request_after_run(r);
    else
        session_next(r->s);
}

static void job_back(struct job *job)
{
    struct request *r = list_entry(job, struct request, job);
    struct session *s = r->s;
    if (r->member && r->phase == PHASE_RUN) {
        group_back(r);
        return;
    }
    if (r->share) /* too much for one step: then it is not for all */
        idle_share_end(r, !r->again && !r->gone);
    if (!s->conn) {
        session_next(s);
        return;
    }
    if (job->place == PLACE_WRITE) {
        if (job->err.code) { /* rolled back, or the commit failed */
            r->outcome = CMD_FAIL;
            buf_reset(&r->out);
        }
        if (r->outcome == CMD_MOVE)
            move_on(r);
        else
            request_after_run(r);
        return;
    }
    if (r->phase == PHASE_RUN && r->outcome == CMD_MOVE) {
        move_on(r);
    } else if (r->again) {
        go_on(r);
    } else if (job->place == PLACE_CPU && r->delay_ms) {
        timer_start(s->loop, &r->delay, r->delay_ms, delayed);
    } else if (job->place == PLACE_CPU) {
        request_after_run(r);
    } else {
        request_finish(r);
    }
}

static void count(struct request *r)
{
    int64_t us = clock_mono_us() - r->began_us;
    metric_add(&metric_imap_results, r->outcome == CMD_DONE ? 0 : r->bad ? 2 : 1, 1);
    command_count(r->cmd, us);
    timing_over(&(struct timing){.protocol = "imap",
                                 .command = r->cmd ? r->cmd->name : S("?"),
                                 .login = slice_str(r->s->address),
                                 .conn = r->s->conn,
                                 .error = r->outcome == CMD_DONE ? ERR_OK : r->job.err.code,
                                 .spent = &r->job.spent});
    if (r->job.err.code == ERR_IO || r->job.err.code == ERR_CORRUPT || r->job.err.code == ERR_BUG)
        LOG(LOG_ERROR, "imap.command", LF("command", r->cmd ? r->cmd->name : S("?")),
            LFZ("user", r->s->address ? r->s->address : ""), LFZ("error", r->job.err.text));
    LOG(LOG_DEBUG, "imap.command", LFN("session", r->s->conn ? conn_id(r->s->conn) : 0),
        LF("command", r->cmd ? r->cmd->name : S("?")),
        LFZ("result", r->outcome == CMD_DONE ? "ok"
                      : r->bad               ? "bad"
                                             : "no"),
        LFN("us", us), LFZ("error", r->job.err.text));
}

static void apply_after(struct request *r)
{
    struct session *s = r->s;
    if (!s->conn || r->outcome != CMD_DONE)
        return;
    s->upgraded = r->after == AFTER_STARTTLS || r->after == AFTER_COMPRESS;
    if (r->after == AFTER_STARTTLS) {
        conn_starttls(s->conn);
    } else if (r->after == AFTER_COMPRESS) {
        conn_compress(s->conn);
    } else if (r->after == AFTER_UNAUTHENTICATE) {
        login_undo(s);
    } else if (r->after == AFTER_LOGOUT) {
        s->closing = true;
        conn_close(s->conn);
    }
}

void request_finish(struct request *r)
{
    struct session *s = r->s;
    if (r->cmd && r->cmd->done)
        r->cmd->done(r);
    if (r->cmd == &command_idle_sync) {
        write_out(r);
        bool gone = r->gone;
        session_next(s);
        if (gone)
            session_bye(s, "The selected mailbox was deleted");
        else
            idle_synced(s);
        return;
    }
    s->commands++;
    if (r->broken) {
        count(r);
        write_out(r);
        s->closing = true;
        conn_close(s->conn);
        session_next(s);
        return;
    }
    reply_tagged(r, &r->out);
    count(r);
    write_out(r);
    apply_after(r);
    if (r->bad)
        session_bad(s);
    else
        s->bad = 0;
    if (r->gone)
        session_bye(s, "The selected mailbox was deleted");
    if (r->too_many_failures)
        session_bye(s, "Too many failed logins");
    session_next(s);
}

/* --- beginning ------------------------------------------------------------------------------- */

/* tag SP command: finds the row. -1: r->job.err says why it is BAD. */
static int begin_parse(struct request *r, struct imap_parser *p)
{
    struct slice name;
    if (imap_tag(p, &r->tag) || imap_space(p) || imap_atom(p, &name))
        return -1;
    if (slice_eqi(name, S("UID"))) {
        r->uid = true;
        if (imap_space(p) || imap_atom(p, &name))
            return -1;
    }
    r->cmd = command_find(name);
    if (!r->cmd || (r->uid && !(r->cmd->flags & CMD_UID)) ||
        (!r->uid && (r->cmd->flags & CMD_UID_ONLY))) {
        r->cmd = NULL;
        p->at -= name.n;
        return imap_fail(p, "Unknown command");
    }
    if (!(r->cmd->states & r->s->state))
        return err_set(p->e, ERR_SYNTAX, "%s",
                       r->s->state == STATE_NEW    ? "Log in first"
                       : r->s->state == STATE_AUTH ? "Select a mailbox first"
                                                   : "Not in this state");
    if (!r->uid && (r->cmd->flags & CMD_NUMBERS) && (r->s->enabled & ENABLED_UIDONLY))
        return request_uid_required(r);
    return 0;
}

static int parse(struct request *r)
{
    struct imap_parser p = request_parser(r, 0);
    if (r->refused.code) {
        struct err ignored = {0};
        p.e = &ignored;
        if (imap_tag(&p, &r->tag) || imap_space(&p))
            r->tag = SNONE;
        r->job.err = r->refused;
        r->bad = r->refused_bad;
        return -1;
    }
    r->bad = true;
    if (begin_parse(r, &p))
        return -1;
    if (r->scan.bare_lf)
        return err_set(p.e, ERR_SYNTAX, "A line must end with CR LF");
    if (r->cmd->parse && r->cmd->parse(r, &p)) {
        r->bad = p.e->code != ERR_UNSUPPORTED; /* a mailbox name that cannot be */
        return -1;
    }
    if (imap_end(&p))
        return -1;
    r->bad = false;
    return 0;
}

void request_refuse_early(struct request *r)
{
    if (r->answered)
        return;
    r->answered = true;
    r->began_us = clock_mono_us();
    parse(r);
    r->outcome = CMD_FAIL;
    reply_tagged(r, &r->out);
    count(r);
    write_out(r);
    session_bad(r->s);
}

void request_start(struct request *r)
{
    if (r->answered) {
        session_next(r->s);
        return;
    }
    r->began_us = clock_mono_us();
    bool refused = parse(r);
    if (refused) {
        r->cmd = NULL;
        r->outcome = CMD_FAIL;
    } else {
        r->run = r->cmd->run;
    }
    if (group_take(r))
        return;
    if (r->s->group)
        r->s->held = true;
    else if (refused)
        request_finish(r);
    else
        request_run(r);
}

void request_run(struct request *r)
{
    if (r->cmd->place == PLACE_LOOP)
        loop_step(r);
    else
        request_submit(r, r->cmd->place);
}

void request_sync_only(struct request *r)
{
    r->cmd = &command_idle_sync;
    r->outcome = CMD_DONE;
    r->phase = PHASE_SYNC;
    request_submit(r, PLACE_READ);
}
