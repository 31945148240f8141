/* cmd_auth.c - AUTH: RFC 4954. The exchange runs as CPU jobs, because passwords are slow on
   purpose; between them the session reads one line, the client's answer. */
#include <stdlib.h>

#include "base/base64.h"
#include "mail/login.h"
#include "smtp/session.h"

struct auth_job {
    struct smtp_job base;
    struct login_step step;
};

/* What is known of somebody who is not logged in yet is forgotten with the exchange. */
void smtp_auth_end(struct smtp_session *s)
{
    if (s->reading == READ_AUTH)
        s->reading = READ_COMMAND;
    login_exchange_free(s->auth);
    s->auth = NULL;
    if (!s->logged_in)
        s->who = (struct identity){0};
}

static void job_clear(struct smtp_job *base)
{
    login_step_done(&list_entry(base, struct auth_job, base)->step);
}

static enum job_next run_step(struct job *job, struct txn *txn)
{
    (void)txn;
    login_step_run(&list_entry(job, struct auth_job, base.job)->step, &job->err);
    return JOB_DONE;
}

static void challenge(struct smtp_session *s, struct slice text)
{
    BUF_SCOPE line = {0};
    base64_encode(&line, text);
    if (line.failed)
        conn_write_buf(s->c, &line);
    else
        smtp_session_reply(s, 334, "", "%.*s", SARG(buf_slice(&line)));
    s->reading = READ_AUTH;
}

static const struct {
    enum err_code code;
    unsigned reply;
    const char *enhanced;
} replies[] = {
    {ERR_UNSUPPORTED, 504, "5.5.4"}, {ERR_NOPERM, 538, "5.7.11"}, /* needs TLS */
    {ERR_BUSY, 454, "4.7.0"},        {ERR_SYNTAX, 501, "5.5.2"},  {ERR_IO, 454, "4.7.0"},
};

static void failed(struct smtp_session *s, const struct err *e)
{
    smtp_auth_end(s);
    for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++)
        if (replies[i].code == e->code) {
            smtp_session_refuse(s, replies[i].reply, replies[i].enhanced, e);
            return;
        }
    smtp_session_error(s, 535, "5.7.8", "Authentication failed");
}

static void welcome(struct smtp_session *s)
{
    s->logged_in = true;
    smtp_auth_end(s);
    smtp_session_reply(s, 235, "2.7.0", "Welcome");
}

static void stepped(struct smtp_session *s, struct smtp_job *base)
{
    const struct login_step *step = &list_entry(base, struct auth_job, base)->step;
    if (step->result == SASL_FAIL) {
        failed(s, &base->job.err);
        return;
    }
    if (step->result == SASL_OK)
        s->who = step->who;
    if (step->result == SASL_MORE || step->out.n) /* the server's last word is a challenge too */
        challenge(s, buf_slice(&step->out));
    else
        welcome(s);
}

static void start(struct smtp_session *s, struct slice text)
{
    struct auth_job *j = calloc(1, sizeof(*j));
    struct err e = {0};
    BUG_IF(!j);
    j->base.clear = job_clear;
    if (login_step_init(&j->step, s->auth, text, &e)) {
        job_clear(&j->base);
        free(j);
        smtp_auth_end(s);
        if (e.code == ERR_BUSY)
            smtp_session_refuse(s, 454, "4.7.0", &e);
        else
            smtp_session_error(s, 501, "5.5.2", "That is not base 64");
        return;
    }
    smtp_session_run(s, &j->base, PLACE_CPU, run_step, stepped);
}

/* The client's answer; "*" cancels (RFC 4954 4). */
void smtp_auth_line(struct smtp_session *s, struct slice line)
{
    s->reading = READ_COMMAND;
    if (slice_eq(line, S("*"))) {
        smtp_auth_end(s);
        smtp_session_error(s, 501, "5.7.0", "Cancelled");
    } else if (s->who.account) { /* the answer to the server's last word */
        welcome(s);
    } else {
        start(s, line);
    }
}

void smtp_cmd_auth(struct smtp_session *s, struct slice args)
{
    struct slice mechanism, initial;
    struct err e = {0};
    if (s->logged_in) {
        smtp_session_error(s, 503, "5.5.1", "You are logged in");
        return;
    }
    if (!s->esmtp) {
        smtp_session_error(s, 503, "5.5.1", "Say EHLO first");
        return;
    }
    if (smtp_auth_parse(args, &mechanism, &initial, &e)) {
        smtp_session_refuse(s, 501, "5.5.4", &e);
        return;
    }
    s->auth = login_exchange_new(s->c, "smtp", smtp_session_peer(s), mechanism);
    start(s, initial);
}
