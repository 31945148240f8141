/* enter.c - from the authorization state to the transaction state: one session a mailbox, and INBOX
   as it is now. RFC 1939 4, RFC 2449 8.1.1 and RFC 3206 for the response codes. */
#include <stdlib.h>

#include "base/list.h"
#include "pop3/session.h"

struct enter_job {
    struct pop3_job base;
    struct desk *desk;
    struct maildrop drop;
};

void pop3_refused(struct pop3_session *s, const struct err *e)
{
    if (e->code == ERR_AUTH)
        pop3_err(s, "[AUTH]", "wrong name or password");
    else if (e->code == ERR_NOPERM)
        pop3_err(s, "[AUTH]", "not allowed on this connection");
    else
        pop3_err(s, "[SYS/TEMP]", "not now, try again later");
}

static enum job_next run(struct job *job, struct txn *txn)
{
    struct enter_job *j = list_entry(job, struct enter_job, base.job);
    (void)txn;
    maildrop_open(&j->drop, j->desk, &job->err);
    return JOB_DONE;
}

/* Who was let in and finds no mailbox may try again, as somebody else too. */
static void locked_out(struct pop3_session *s, const struct err *e)
{
    pop3_leave_desk(s);
    s->who = (struct identity){0};
    if (e->code == ERR_CONFLICT)
        pop3_err(s, "[IN-USE]", "another session has the mailbox");
    else
        pop3_err(s, "[SYS/TEMP]", "not now, try again later");
}

static void finish(struct pop3_session *s, struct pop3_job *base)
{
    struct enter_job *j = list_entry(base, struct enter_job, base);
    if (base->job.err.code) {
        locked_out(s, &base->job.err);
        return;
    }
    s->drop = j->drop;
    j->drop = (struct maildrop){0};
    s->state = POP3_TRANSACTION;
    pop3_ok(s, "%zu messages, %llu octets", s->drop.n, (unsigned long long)s->drop.bytes);
}

static void clear(struct pop3_job *base)
{
    maildrop_done(&list_entry(base, struct enter_job, base)->drop);
}

void pop3_enter(struct pop3_session *s)
{
    struct enter_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    j->desk = s->desk;
    j->base.clear = clear;
    pop3_run(s, &j->base, run, finish);
}
