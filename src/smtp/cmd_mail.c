/* cmd_mail.c - MAIL: RFC 5321 4.1.1.2, RFC 1870, RFC 6409 4.3 and 6.1. On submission the sender
   must be logged in, and the address theirs. */
#include <stdlib.h>

#include "mail/submit.h"
#include "smtp/session.h"
#include "smtp/settings.h"

struct mail_job {
    struct smtp_job base;
    uint64_t account;
    struct slice from;
};

static enum job_next check_sender(struct job *job, struct txn *txn)
{
    struct mail_job *j = list_entry(job, struct mail_job, base.job);
    (void)txn;
    mail_submit_sender(j->account, j->from, &job->err);
    return JOB_DONE;
}

static void take(struct smtp_session *s)
{
    s->state = STATE_MAIL;
    smtp_session_reply(s, 250, "2.1.0", "Sender ok");
}

static void checked(struct smtp_session *s, struct smtp_job *base)
{
    if (base->job.err.code == ERR_OK) {
        take(s);
        return;
    }
    smtp_session_refuse(s, smtp_session_code_of(&base->job.err), "4.3.0", &base->job.err);
    smtp_transaction_end(s);
}

static void check(struct smtp_session *s)
{
    struct mail_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    j->account = s->who.account;
    j->from = s->t->mail.from.address;
    smtp_session_run(s, &j->base, PLACE_READ, check_sender, checked);
}

static void refuse(struct smtp_session *s, unsigned code, const struct err *e)
{
    smtp_session_refuse(s, code, "5.5.4", e);
    smtp_transaction_end(s);
}

static bool asks_for_utf8(struct slice args)
{
    for (struct slice word; args.p;) {
        word = slice_cut(&args, ' ');
        if (slice_eqi(word, S("SMTPUTF8")))
            return true;
    }
    return false;
}

void smtp_cmd_mail(struct smtp_session *s, struct slice args)
{
    struct err e = {0};
    if (s->profile->kind == KIND_SUBMISSION && !s->logged_in) {
        smtp_session_error(s, 530, "5.7.0", "Authentication required");
        return;
    }
    if (smtp_transaction_begin(s, &e)) {
        smtp_session_refuse(s, 452, "4.5.3", &e);
        return;
    }
    struct smtp_transaction *t = s->t;
    if (smtp_mail_parse(args, smtp_session_offer(s), &t->arena, &t->mail, &e)) {
        if (smtp_session_needs_ascii(s, args, asks_for_utf8(args), 550))
            smtp_transaction_end(s);
        else
            refuse(s, e.code == ERR_UNSUPPORTED ? 555 : 501, &e);
    } else if (t->mail.size > (uint64_t)setting_get(&set_smtp_message_max)) {
        err_set(&e, ERR_LIMIT, "5.3.4 Message is too large");
        refuse(s, 552, &e);
    } else if (s->profile->kind == KIND_SUBMISSION)
        check(s);
    else
        take(s);
}
