/* spooling.c - large APPENDs go to their temporary file in jobs, so that a slow disk holds no loop.
   While the job runs the session counts as running: its input waits in the socket, and it is freed
   only when the job has come back. */
#include "imap/spooling.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/list.h"
#include "imap/group.h"
#include "imap/request.h"
#include "io/job.h"
#include "mail/spool.h"

struct spooling {
    struct job job;
    struct session *s;
    struct spool *spool;
};

static enum job_next run(struct job *job, struct txn *t)
{
    (void)t;
    spool_write(list_entry(job, struct spooling, job)->spool, &job->err);
    return JOB_DONE;
}

static void done(struct job *job)
{
    struct spooling *w = list_entry(job, struct spooling, job);
    struct session *s = w->s;
    struct err e = job->err;
    free(w);
    bool here = s->conn && !s->closing;
    if (here && e.code && !s->req->refused.code) {
        err_set(&s->req->refused, e.code, "The message cannot be kept");
        s->req->refused_bad = false;
    }
    if (here)
        pace_resume(&s->req->pace, clock_mono_ms());
    session_go_on(s); /* frees it when the client has gone */
    if (here && s->group)
        group_start(s);
}

void spooling_write(struct session *s, struct spool *spool)
{
    struct spooling *w = calloc(1, sizeof(*w));
    BUG_IF(!w);
    w->s = s;
    w->spool = spool;
    w->job = (struct job){
        .loop = s->loop, .place = PLACE_CPU, .run = run, .what = "literal", .done = done};
    session_pause(s);
    job_submit(&w->job);
}
