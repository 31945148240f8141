/* cmd_auth.c - AUTH: RFC 5034. */
#include <stdlib.h>

#include "base/base64.h"
#include "base/list.h"
#include "mail/login.h"
#include "pop3/session.h"

struct auth_job {
    struct pop3_job base;
    struct login_step step;
    struct pop3_entry entry;
    bool entering;
};

void pop3_auth_end(struct pop3_session *s)
{
    login_exchange_free(s->auth);
    s->auth = NULL;
    s->auth_line = false;
    if (s->state == POP3_AUTHORIZATION)
        s->who = (struct identity){0};
}

static enum job_next run_enter(struct job *job, struct txn *txn)
{
    struct auth_job *j = list_entry(job, struct auth_job, base.job);
    (void)txn;
    pop3_enter(&j->entry, &job->err);
    return JOB_DONE;
}

/* With nothing more to say to the client, the mailbox is opened in the same go. */
static enum job_next run_step(struct job *job, struct txn *txn)
{
    struct auth_job *j = list_entry(job, struct auth_job, base.job);
    (void)txn;
    login_step_run(&j->step, &job->err);
    if (j->step.result != SASL_OK || j->step.out.n)
        return JOB_DONE;
    j->entry.who = j->step.who;
    j->entry.logged_in = j->entering = true;
    job->place = PLACE_READ;
    job->run = run_enter;
    return JOB_MOVE;
}

static void clear(struct pop3_job *base)
{
    struct auth_job *j = list_entry(base, struct auth_job, base);
    login_step_done(&j->step);
    pop3_entry_clear(&j->entry);
}

static void challenge(struct pop3_session *s, struct slice text)
{
    BUF_SCOPE line = {0};
    buf_add(&line, S("+ "));
    base64_encode(&line, text);
    buf_add(&line, S("\r\n"));
    conn_write_buf(s->c, &line);
    s->auth_line = true;
}

static void stepped(struct pop3_session *s, struct pop3_job *base)
{
    struct auth_job *j = list_entry(base, struct auth_job, base);
    const struct err *e = &base->job.err;
    if (j->entering) {
        pop3_auth_end(s);
        pop3_entered(s, &j->entry, e);
    } else if (j->step.result == SASL_FAIL) {
        pop3_auth_end(s);
        if (e->code == ERR_UNSUPPORTED || e->code == ERR_SYNTAX)
            pop3_err(s, "", e->text);
        else
            pop3_entered(s, &j->entry, e);
    } else {
        if (j->step.result == SASL_OK) /* the server's last word is a challenge too */
            s->who = j->step.who;
        challenge(s, buf_slice(&j->step.out));
    }
}

static struct auth_job *job_new(void)
{
    struct auth_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    j->base.clear = clear;
    return j;
}

static void start(struct pop3_session *s, struct slice text)
{
    struct auth_job *j = job_new();
    struct err e = {0};
    if (login_step_init(&j->step, s->auth, text, &e)) {
        clear(&j->base);
        free(j);
        pop3_auth_end(s);
        if (e.code == ERR_BUSY)
            pop3_err(s, "[SYS/TEMP]", "not now, try again later");
        else
            pop3_err(s, "", "that is not base 64");
        return;
    }
    pop3_run(s, &j->base, PLACE_CPU, 0, run_step, stepped);
}

void pop3_auth_line(struct pop3_session *s, struct slice line)
{
    s->auth_line = false;
    if (slice_eq(line, S("*"))) {
        pop3_auth_end(s);
        pop3_err(s, "", "cancelled");
    } else if (s->who.account) { /* the answer to the server's last word */
        struct auth_job *j = job_new();
        j->entry.who = s->who;
        j->entry.logged_in = j->entering = true;
        pop3_run(s, &j->base, PLACE_READ, 0, run_enter, stepped);
    } else {
        start(s, line);
    }
}

static void list_mechanisms(struct pop3_session *s)
{
    struct login_peer peer;
    BUF_SCOPE names = {0};
    login_peer_init(&peer, s->c, "pop3", conn_peer(s->c));
    sasl_list(&peer.peer, "", &names);
    login_peer_done(&peer);
    pop3_ok(s, "mechanisms follow");
    struct slice rest = buf_slice(&names);
    while (rest.n) {
        struct slice name = slice_cut(&rest, ' ');
        conn_printf(s->c, "%.*s\r\n", SARG(name));
    }
    conn_write(s->c, S(".\r\n"));
}

void pop3_cmd_auth(struct pop3_session *s, const struct pop3_command *c)
{
    if (c->n == 0) {
        list_mechanisms(s);
        return;
    }
    if (c->args[0].n > 20) {
        pop3_err(s, "", "no such mechanism");
        return;
    }
    struct slice initial = c->n < 2 ? SNONE : slice_eq(c->args[1], S("=")) ? S("") : c->args[1];
    s->auth = login_exchange_new(s->c, "pop3", conn_peer(s->c), c->args[0]);
    start(s, initial);
}
