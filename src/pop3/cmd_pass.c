/* cmd_pass.c - PASS: RFC 1939 7, RFC 3206. The password is all that stands behind the first blank.
 */
#include <stdlib.h>

#include "base/list.h"
#include "mail/login.h"
#include "pop3/session.h"

struct pass_job {
    struct pop3_job base;
    struct login_peer peer;
    char name[1024];
    struct buf password;
    struct pop3_entry entry;
};

static enum job_next enter(struct job *job, struct txn *txn)
{
    struct pass_job *j = list_entry(job, struct pass_job, base.job);
    (void)txn;
    pop3_enter(&j->entry, &job->err);
    return JOB_DONE;
}

/* RFC 6856 2.2: what is not UTF-8, or has characters that SASLprep forbids, MUST be rejected. */
static int may_be_password(struct slice text, struct err *e)
{
    BUF_SCOPE prepared = {0};
    bool good = text.n == 0 || auth_prepare(text, &prepared);
    if (prepared.p)
        explicit_bzero(prepared.p, prepared.cap);
    if (prepared.failed)
        return err_set(e, ERR_BUSY, "out of memory");
    return good ? 0 : err_set(e, ERR_AUTH, "characters that no password may have");
}

static enum job_next check(struct job *job, struct txn *txn)
{
    struct pass_job *j = list_entry(job, struct pass_job, base.job);
    (void)txn;
    if (j->password.failed) {
        err_set(&job->err, ERR_BUSY, "out of memory");
        return JOB_DONE;
    }
    if (may_be_password(buf_slice(&j->password), &job->err))
        return JOB_DONE;
    if (auth_password(&j->peer.peer, slice_str(j->name), buf_slice(&j->password), &j->entry.who,
                      &job->err))
        return JOB_DONE;
    j->entry.logged_in = true;
    job->place = PLACE_READ;
    job->run = enter;
    return JOB_MOVE;
}

static void finish(struct pop3_session *s, struct pop3_job *base)
{
    pop3_entered(s, &list_entry(base, struct pass_job, base)->entry, &base->job.err);
}

static void clear(struct pop3_job *base)
{
    struct pass_job *j = list_entry(base, struct pass_job, base);
    if (j->password.p)
        explicit_bzero(j->password.p, j->password.cap);
    buf_done(&j->password);
    login_peer_done(&j->peer);
    pop3_entry_clear(&j->entry);
}

void pop3_cmd_pass(struct pop3_session *s, const struct pop3_command *c)
{
    if (s->user[0] == '\0') {
        pop3_err(s, "", "USER comes before PASS");
        return;
    }
    struct pass_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    login_peer_init(&j->peer, s->c, "pop3", conn_peer(s->c));
    memcpy(j->name, s->user, sizeof(j->name));
    s->user[0] = '\0';
    buf_add(&j->password, c->rest);
    j->base.clear = clear;
    pop3_run(s, &j->base, PLACE_CPU, 0, check, finish);
}
