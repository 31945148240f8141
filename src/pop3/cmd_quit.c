/* cmd_quit.c - QUIT: RFC 1939 6. In the transaction state what is marked goes, in one change, and
   the answer comes when that is durable. A connection that ends without QUIT removes nothing. */
#include <stdlib.h>

#include "base/list.h"
#include "pop3/lock.h"
#include "pop3/session.h"

struct quit_job {
    struct pop3_job base;
    struct maildrop drop; /* borrowed */
};

static enum job_next expunge(struct job *job, struct txn *txn)
{
    struct quit_job *j = list_entry(job, struct quit_job, base.job);
    maildrop_expunge(&j->drop, txn, &job->err);
    return JOB_DONE;
}

/* Before the answer: whoever has read it may come back at once. */
static void release(struct pop3_session *s)
{
    if (s->locked)
        pop3_unlock(s->who.account);
    s->locked = false;
}

static void finish(struct pop3_session *s, struct pop3_job *base)
{
    release(s);
    if (base->job.err.code) {
        pop3_err(s, "[SYS/TEMP]", "some deleted messages not removed");
    } else {
        s->deleted = s->drop.n - s->drop.kept;
        pop3_ok(s, "bye");
    }
    pop3_end(s);
}

void pop3_cmd_quit(struct pop3_session *s, const struct pop3_command *c)
{
    (void)c;
    if (s->drop.n == s->drop.kept) {
        release(s);
        pop3_ok(s, "bye");
        pop3_end(s);
        return;
    }
    struct quit_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    j->drop = s->drop;
    pop3_run(s, &j->base, PLACE_WRITE, s->drop.account, expunge, finish);
}
