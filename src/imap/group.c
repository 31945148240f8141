/* group.c - the members in order, those that have no commit yet sent to the writer as one chain.
   docs/architecture.md, Where work runs; RFC 9051 5.5 (pipelining). */
#include "imap/group.h"

#include "base/metric.h"
#include "imap/commands.h"

METRIC_COUNTER(imap_write_groups, "Groups of write commands sent for one commit.");
METRIC_COUNTER(imap_write_group_commands, "Write commands in those groups.");

enum { /* request.member */
       MEMBER_NEW = 1,
       MEMBER_READY, /* for the writer */
       MEMBER_OUT,   /* its job is away */
       MEMBER_DONE,  /* only the answer is missing */
};

static bool tells_expunges(const struct request *r)
{
    return r->uid || (r->cmd->flags & CMD_EXPUNGE);
}

/* STORE, whose FETCH responses need the messages to be there still. */
static bool wants_messages(const struct request *r)
{
    return !(r->cmd->flags & CMD_EXPUNGE) &&
           !(r->is_silent && !(r->s->enabled & ENABLED_CONDSTORE));
}

/* A uid that is not in the announced view may be that of a message which is on its way. */
static bool names_unknown(const struct request *r)
{
    if (!r->set || !r->uid || r->set->saved)
        return false;
    uint32_t next = view_uidnext(r->s->sel->view);
    for (size_t i = 0; i < r->set->n; i++) {
        uint32_t a = r->set->r[i].first, b = r->set->r[i].last; /* 0 is "*" */
        if (!a || !b || a >= next || b >= next)
            return true;
    }
    return false;
}

static bool joins(const struct request *r)
{
    unsigned flags = r->cmd->flags;
    if (!(flags & CMD_JOIN))
        return false;
    bool unknown = names_unknown(r);
    for (const struct request *q = r->s->group; q; q = q->group_next) {
        if (!q->cmd)
            continue;
        if (!(q->cmd->flags & CMD_JOIN) ||
            ((flags & CMD_NUMBERS) && !r->uid && tells_expunges(q)) ||
            ((flags & CMD_TAKES) && wants_messages(q)) || ((q->cmd->flags & CMD_ADDS) && unknown))
            return false;
    }
    return true;
}

bool group_is_full(const struct session *s)
{
    return s->group_n >= GROUP_MAX;
}

bool group_take(struct request *r)
{
    struct session *s = r->s;
    bool refused = !r->cmd;
    if (s->group ? !refused && !joins(r) : refused || !(r->cmd->flags & CMD_WRITES))
        return false;
    struct request **at = &s->group;
    for (r->group_prev = NULL; *at; at = &(*at)->group_next)
        r->group_prev = *at;
    *at = r;
    r->group_next = NULL;
    r->member = refused ? MEMBER_DONE : r->cmd->place == PLACE_WRITE ? MEMBER_READY : MEMBER_NEW;
    s->group_n++;
    s->req = NULL;
    return true;
}

bool group_waits(const struct request *r)
{
    return r->group_prev && r->group_prev->outcome == CMD_AGAIN;
}

/* One chain of all that are ready, so that one commit takes them. */
static void send_ready(struct session *s)
{
    struct job *first = NULL, **end = &first;
    for (struct request *r = s->group; r; r = r->group_next) {
        if (r->member != MEMBER_READY)
            continue;
        r->member = MEMBER_OUT;
        s->group_out++;
        request_prepare(r, PLACE_WRITE);
        *end = &r->job;
        end = &r->job.queued_next;
    }
    *end = NULL;
    metric_inc(&metric_imap_write_groups);
    metric_add(&metric_imap_write_group_commands, 0, s->group_out);
    job_submit_writes(first);
}

static struct request *pop(struct session *s)
{
    struct request *r = s->group;
    s->group = r->group_next;
    if (s->group)
        s->group->group_prev = NULL;
    return r;
}

/* The first member is answered, or all that can go to the writer goes. Of a client that has gone
   the work is finished, without answers. */
static void go_on(struct session *s)
{
    while (s->group) {
        struct request *r = s->group;
        if (r->member == MEMBER_READY) {
            if (s->closing)
                buf_reset(&r->out);
            session_write_buf(s, &r->out); /* of the slice before */
            send_ready(s);
            return;
        }
        if (s->conn && !s->closing) {
            request_after_run(r);
            return;
        }
        request_free(pop(s));
    }
    s->group_n = 0;
    session_go_on(s);
}

void group_start(struct session *s)
{
    session_pause(s);
    bool alone = s->group_n == 1;
    for (struct request *r = s->group, *next; r; r = next) {
        next = r->group_next;
        if (r->member != MEMBER_NEW)
            continue;
        r->member = MEMBER_OUT;
        r->straight = alone;
        s->group_out++;
    }
    if (!s->group_out) {
        go_on(s);
        return;
    }
    for (struct request *r = s->group, *next; r; r = next) {
        next = r->group_next; /* r belongs to the pool once it is sent */
        if (r->member == MEMBER_OUT)
            request_submit(r, r->cmd->place);
    }
}

void group_back(struct request *r)
{
    struct session *s = r->s;
    bool wrote = r->job.place == PLACE_WRITE;
    s->group_out--;
    if (wrote && r->job.err.code) { /* rolled back, or the commit failed */
        if (r->outcome != CMD_FAIL)
            r->code = NULL; /* it tells of a success */
        r->outcome = CMD_FAIL;
        buf_reset(&r->out);
    }
    r->member = MEMBER_DONE;
    if (r->outcome == CMD_MOVE || r->outcome == CMD_AGAIN)
        r->member = MEMBER_READY;
    if (wrote && !r->waited) {
        r->slice++;
        r->log_from = r->log_at;
    }
    if (!s->group_out)
        go_on(s);
}

void group_next(struct session *s)
{
    request_free(pop(s));
    go_on(s);
}

void group_free(struct session *s)
{
    while (s->group)
        request_free(pop(s));
}
