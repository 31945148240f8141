/* cmd_rcpt.c - RCPT: RFC 5321 4.1.1.3. A recipient is resolved here, so that unknown ones, full
   mailboxes and relaying are refused before the message is sent. */
#include <stdlib.h>

#include "smtp/session.h"
#include "smtp/settings.h"

struct rcpt_job {
    struct smtp_job base;
    struct arena *arena;
    struct smtp_rcpt rcpt;
    uint64_t size;
    bool relay;
    struct delivery_target *targets;
    size_t n;
};

/* RFC 1870 6.3: with SIZE the answer is final for this message. */
static void check_quota(struct rcpt_job *j, struct err *e)
{
    uint64_t account = j->n == 1 ? j->targets[0].account : 0;
    if (account == 0)
        return;
    if (account_over_quota(account, 1))
        err_set(e, ERR_QUOTA, "4.2.2 Mailbox is full");
    else if (j->size && account_over_quota(account, (int64_t)j->size))
        err_set(e, ERR_QUOTA, "5.2.2 Mailbox has no room for a message of this size");
}

static enum job_next resolve(struct job *job, struct txn *txn)
{
    struct rcpt_job *j = list_entry(job, struct rcpt_job, base.job);
    (void)txn;
    if (mail_resolve(j->rcpt.to.address, j->relay, j->arena, &j->targets, &j->n, &job->err) == 0)
        check_quota(j, &job->err);
    return JOB_DONE;
}

static bool make_room(struct smtp_transaction *t)
{
    if (t->n < t->cap)
        return true;
    size_t cap = t->cap ? 2 * t->cap : 8;
    struct mail_recipient *more = arena_new(&t->arena, struct mail_recipient, cap);
    if (!more)
        return false;
    if (t->n)
        memcpy(more, t->recipients, t->n * sizeof(*more));
    t->recipients = more;
    t->cap = cap;
    return true;
}

static unsigned code_of(const struct err *e)
{
    if (e->code == ERR_QUOTA)
        return e->text[0] == '4' ? 452 : 552;
    return e->text[0] == '5' ? 550 : 451;
}

/* RFC 6409 4.2: a domain that is somebody else's must be whole. */
static bool is_unqualified(const struct rcpt_job *j)
{
    ptrdiff_t at = slice_rfind(j->rcpt.to.address, '@');
    struct slice domain = slice_from(j->rcpt.to.address, (size_t)(at + 1));
    return j->relay && j->n == 1 && j->targets[0].account == 0 && at >= 0 &&
           !slice_starts(domain, S("[")) && slice_find(domain, '.') < 0;
}

/* Most recipients are in memory, and no job has to look for them. A postmaster may be somebody
   else (mail/resolve.h). */
static bool resolve_at_once(struct rcpt_job *j)
{
    if (slice_startsi(j->rcpt.to.address, S("postmaster")) ||
        directory_resolve_known(j->rcpt.to.address, j->arena, &j->targets, &j->n))
        return false;
    uint64_t account = j->n == 1 ? j->targets[0].account : 0;
    return !account || account_over_quota_known(account, j->size ? (int64_t)j->size : 1) == 0;
}

static void take(struct smtp_session *s, struct rcpt_job *j)
{
    struct smtp_transaction *t = s->t;
    if (is_unqualified(j)) {
        smtp_session_error(s, 554, "5.1.2", "The domain is not fully qualified");
        return;
    }
    if (!make_room(t)) {
        smtp_session_error(s, 452, "4.5.3", "Too many recipients");
        return;
    }
    t->recipients[t->n++] = (struct mail_recipient){.address = j->rcpt.to.address,
                                                    .orcpt = j->rcpt.orcpt,
                                                    .notify = j->rcpt.notify,
                                                    .targets = j->targets,
                                                    .n_targets = j->n};
    s->state = STATE_RCPT;
    smtp_session_reply(s, 250, "2.1.5", "Recipient ok");
}

static void resolved(struct smtp_session *s, struct smtp_job *base)
{
    if (base->job.err.code)
        smtp_session_refuse(s, code_of(&base->job.err), "4.3.0", &base->job.err);
    else
        take(s, list_entry(base, struct rcpt_job, base));
}

void smtp_cmd_rcpt(struct smtp_session *s, struct slice args)
{
    struct smtp_transaction *t = s->t;
    struct smtp_rcpt rcpt;
    struct err e = {0};
    if (t->n >= (size_t)setting_get(&set_smtp_recipients_max)) {
        smtp_session_error(s, 452, "4.5.3", "Too many recipients");
        return;
    }
    if (smtp_rcpt_parse(args, smtp_session_offer(s), t->mail.utf8, &t->arena, &rcpt, &e)) {
        if (!smtp_session_needs_ascii(s, args, t->mail.utf8, 553))
            smtp_session_refuse(s, e.code == ERR_UNSUPPORTED ? 555 : 501, "5.5.4", &e);
        return;
    }
    struct rcpt_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    j->arena = &t->arena;
    j->rcpt = rcpt;
    j->size = t->mail.size;
    j->relay = s->logged_in;
    if (resolve_at_once(j)) {
        take(s, j);
        free(j);
        return;
    }
    smtp_session_run(s, &j->base, PLACE_READ, resolve, resolved);
}
