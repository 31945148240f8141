/* desk_here.c - a desk in the process that has the mail: each verb is a job. */
#include "mail/desk_internal.h"

#include <stdlib.h>

#include "base/setting.h"
#include "mail/inbox.h"
#include "mail/login.h"
#include "mail/resolve.h"
#include "mail/submit.h"
#include "store/store.h"

SETTING_STR(
    smtp, verify, "no", "no login",
    "VRFY and EXPN: nobody is told who has a mailbox or is in a list (252), or those who have "
    "logged in are.");
SETTING_DECLARE(store, message_max);

enum { ARENA_MAX = 32 * 1024 * 1024, VERIFY_MAX = 4 * 1024 * 1024, VERIFY_TEXT_MAX = 60 * 1024 };

/* From the first of sender, recipient and body to DESK_RESET. */
struct desk_mail {
    struct arena arena;
    bool sender_allowed;
    bool over;         /* nothing but DESK_RESET goes on from here */
    struct slice from; /* of the sender that was asked about */
    struct mail_recipient *recipients;
    size_t n, cap;
    struct mail_accept accept; /* its body is the spool */
};

struct here {
    struct desk desk;
    struct loop *loop;
    enum mail_accept_kind kind;
    void *user;
    desk_answered *answered;
    bool busy;
    const struct desk_verb_row *row;
    struct job job;
    struct identity who; /* account 0: nobody */
    struct login_exchange *exchange;
    struct login_step step;
    struct desk_mail *mail;
    struct desk_recipient recipient;
    struct delivery_target *targets;
    size_t n_targets;
    bool unqualified;
    struct arena arena; /* of one question */
    struct buf text;    /* of the answer to DESK_VERIFY */
    bool expand;
    struct slice name;
    struct inbox *inbox; /* NULL: it is not this desk's */
};

struct desk_verb_row {
    const char *what;
    enum place place;
    /* On the loop: -1 with *e: that is the answer, and there is no job. */
    int (*begin)(struct here *d, const struct desk_question *q, struct err *e);
    /* On the loop too: what is in memory needs no job. */
    bool (*known)(struct here *d);
    void (*run)(struct here *d, struct txn *txn, struct err *e);
    void (*end)(struct here *d, struct desk_answer *a); /* on the loop again */
};

static struct desk_mail *mail_of(struct here *d)
{
    if (d->mail)
        return d->mail;
    d->mail = calloc(1, sizeof(*d->mail));
    BUG_IF(!d->mail);
    d->mail->arena.limit = ARENA_MAX;
    spool_init(&d->mail->accept.body);
    return d->mail;
}

/* --- log-in ---------------------------------------------------------------------------------- */
static void login_end(struct here *d)
{
    login_exchange_free(d->exchange);
    d->exchange = NULL;
}

static int login_on(struct here *d, const struct desk_question *q, struct err *e)
{
    if (!d->exchange)
        return err_set(e, ERR_SYNTAX, "5.5.1 No log-in is under way");
    login_step_start(&d->step, d->exchange, q->in, q->has_in);
    return 0;
}

static int login_begin(struct here *d, const struct desk_question *q, struct err *e)
{
    if (d->who.account || d->exchange)
        return err_set(e, ERR_SYNTAX, "5.5.1 Logged in already");
    d->exchange = login_exchange_of(q->peer, q->mechanism);
    return login_on(d, q, e);
}

static void login_run(struct here *d, struct txn *txn, struct err *e)
{
    (void)txn;
    login_step_run(&d->step, e);
}

static void login_over(struct here *d, struct desk_answer *a)
{
    a->result = a->err.code ? SASL_FAIL : d->step.result;
    a->challenge = buf_slice(&d->step.out);
    if (a->result == SASL_OK)
        a->who = d->who = d->step.who;
    if (a->result != SASL_MORE)
        login_end(d);
}

/* Name and password at once. */
static int password_begin(struct here *d, const struct desk_question *q, struct err *e)
{
    if (d->who.account || d->exchange)
        return err_set(e, ERR_SYNTAX, "5.5.1 Logged in already");
    d->exchange = login_exchange_of(q->peer, S(""));
    d->name = arena_dup(&d->arena, q->name);
    return login_on(d, q, e);
}

static void password_run(struct here *d, struct txn *txn, struct err *e)
{
    struct login_step *step = &d->step;
    (void)txn;
    if (step->in.failed)
        err_set(e, ERR_LIMIT, "the password is too long");
    else if (auth_password(&d->exchange->peer.peer, d->name, buf_slice(&step->in), &step->who, e) ==
             0)
        step->result = SASL_OK;
}

/* --- VRFY and EXPN --------------------------------------------------------------------------- */
static int verify_begin(struct here *d, const struct desk_question *q, struct err *e)
{
    if (!d->who.account)
        return err_set(e, ERR_NOPERM, "5.7.0 Authentication required");
    if (!slice_eq(slice_str(setting_text(&set_smtp_verify)), S("login")))
        return err_set(e, ERR_NOPERM, "5.7.1 Not told here");
    d->expand = q->expand;
    d->arena.limit = VERIFY_MAX;
    d->text.max = VERIFY_TEXT_MAX;
    d->recipient.address = arena_dup(&d->arena, q->recipient.address);
    return d->recipient.address.p ? 0 : err_set(e, ERR_BUSY, "4.3.1 Out of memory");
}

static void verify_run(struct here *d, struct txn *txn, struct err *e)
{
    (void)txn;
    mail_resolve(d->recipient.address, false, &d->arena, &d->targets, &d->n_targets, e);
}

/* RFC 5321 3.5.2: addresses in pointed brackets, one a line. */
static void verify_over(struct here *d, struct desk_answer *a)
{
    size_t n = d->expand ? d->n_targets : 1;
    for (size_t i = 0; i < n && a->err.code == ERR_OK; i++)
        buf_addf(&d->text, "%s<%.*s>", i ? "\n" : "",
                 SARG(d->expand ? d->targets[i].address : d->recipient.address));
    a->text = d->text.failed ? S("") : buf_slice(&d->text);
}

/* --- sender and recipients ------------------------------------------------------------------- */
static int sender_begin(struct here *d, const struct desk_question *q, struct err *e)
{
    struct desk_mail *mail = mail_of(d);
    if (d->kind == MAIL_ACCEPT_SUBMISSION && !d->who.account)
        return err_set(e, ERR_NOPERM, "5.7.0 Authentication required");
    mail->sender_allowed = false;
    mail->from = arena_dup(&mail->arena, q->from);
    return mail->from.p ? 0 : err_set(e, ERR_BUSY, "4.3.1 Out of memory");
}

static void sender_run(struct here *d, struct txn *txn, struct err *e)
{
    (void)txn;
    mail_submit_sender(d->who.account, d->mail->from, e);
}

static void sender_over(struct here *d, struct desk_answer *a)
{
    if (d->mail)
        d->mail->sender_allowed = a->err.code == ERR_OK;
}

static int recipient_begin(struct here *d, const struct desk_question *q, struct err *e)
{
    struct desk_mail *mail = mail_of(d);
    d->recipient = q->recipient;
    d->recipient.address = arena_dup(&mail->arena, q->recipient.address);
    d->recipient.orcpt = arena_dup(&mail->arena, q->recipient.orcpt);
    return d->recipient.address.p && d->recipient.orcpt.p
               ? 0
               : err_set(e, ERR_BUSY, "4.5.3 Too many recipients");
}

/* RFC 1870 6.3: with SIZE the answer is final for this message. */
static void check_quota(const struct here *d, struct err *e)
{
    uint64_t account = d->n_targets == 1 ? d->targets[0].account : 0;
    if (account == 0)
        return;
    if (account_over_quota(account, 1))
        err_set(e, ERR_QUOTA, "4.2.2 Mailbox is full");
    else if (d->recipient.size && account_over_quota(account, (int64_t)d->recipient.size))
        err_set(e, ERR_QUOTA, "5.2.2 Mailbox has no room for a message of this size");
}

static bool relays(const struct here *d)
{
    return d->kind == MAIL_ACCEPT_SUBMISSION && d->who.account;
}

/* A postmaster may be somebody else (mail/resolve.h). */
static bool recipient_known(struct here *d)
{
    if (slice_startsi(d->recipient.address, S("postmaster")) ||
        directory_resolve_known(d->recipient.address, &d->mail->arena, &d->targets, &d->n_targets))
        return false;
    uint64_t account = d->n_targets == 1 ? d->targets[0].account : 0;
    int64_t size = d->recipient.size ? (int64_t)d->recipient.size : 1;
    return !account || account_over_quota_known(account, size) == 0;
}

static void recipient_run(struct here *d, struct txn *txn, struct err *e)
{
    (void)txn;
    if (mail_resolve(d->recipient.address, relays(d), &d->mail->arena, &d->targets, &d->n_targets,
                     e) == 0)
        check_quota(d, e);
}

/* RFC 6409 4.2: a domain that is somebody else's must be whole. */
static bool is_unqualified(const struct here *d)
{
    ptrdiff_t at = slice_rfind(d->recipient.address, '@');
    struct slice domain = slice_from(d->recipient.address, (size_t)(at + 1));
    return relays(d) && d->n_targets == 1 && d->targets[0].account == 0 && at >= 0 &&
           !slice_starts(domain, S("[")) && slice_find(domain, '.') < 0;
}

static bool make_room(struct desk_mail *mail)
{
    if (mail->n < mail->cap)
        return true;
    size_t cap = mail->cap ? 2 * mail->cap : 8;
    struct mail_recipient *more = arena_new(&mail->arena, struct mail_recipient, cap);
    if (!more)
        return false;
    if (mail->n)
        memcpy(more, mail->recipients, mail->n * sizeof(*more));
    mail->recipients = more;
    mail->cap = cap;
    return true;
}

static void recipient_over(struct here *d, struct desk_answer *a)
{
    struct desk_mail *mail = d->mail;
    if (a->err.code)
        return;
    a->unqualified = is_unqualified(d);
    if (a->unqualified)
        err_set(&a->err, ERR_SYNTAX, "5.1.2 The domain is not fully qualified");
    else if (!make_room(mail))
        err_set(&a->err, ERR_BUSY, "4.5.3 Too many recipients");
    else
        mail->recipients[mail->n++] = (struct mail_recipient){.address = d->recipient.address,
                                                              .orcpt = d->recipient.orcpt,
                                                              .notify = d->recipient.notify,
                                                              .targets = d->targets,
                                                              .n_targets = d->n_targets};
}

/* --- the message ----------------------------------------------------------------------------- */
static int take_piece(struct here *d, const struct desk_question *q, struct err *e)
{
    struct spool *body = &mail_of(d)->accept.body;
    if (body->size + q->body->size > (uint64_t)setting_get(&set_store_message_max))
        return err_set(e, ERR_LIMIT, "5.3.4 Message is too large");
    if (body->size) {
        int rc = spool_keep(body, buf_slice(&q->body->memory), e);
        spool_done(q->body);
        return rc ? err_set(e, ERR_BUSY, "4.3.1 No room for the message now") : 0;
    }
    spool_done(body);
    *body = *q->body;
    spool_init(q->body);
    return 0;
}

static bool body_known(struct here *d)
{
    return !spool_is_full(&d->mail->accept.body);
}

static void body_run(struct here *d, struct txn *txn, struct err *e)
{
    (void)txn;
    spool_write(&d->mail->accept.body, e);
}

static void body_over(struct here *d, struct desk_answer *a)
{
    d->mail->over = a->err.code != ERR_OK;
}

static void accepted(struct mail_accept *m);

static int accept_begin(struct here *d, const struct desk_question *q, struct err *e)
{
    struct desk_mail *mail = mail_of(d);
    const struct desk_message *in = &q->message;
    struct arena *a = &mail->arena;
    if (mail->n == 0)
        return err_set(e, ERR_SYNTAX, "5.5.1 No recipients");
    if (d->kind == MAIL_ACCEPT_SUBMISSION &&
        !(mail->sender_allowed && slice_eq(mail->from, in->from)))
        return err_set(e, ERR_NOPERM, "5.7.1 You may not send as this address");
    if (take_piece(d, q, e))
        return -1;
    mail->over = true;
    struct spool body = mail->accept.body;
    mail->accept = (struct mail_accept){.kind = d->kind,
                                        .arena = a,
                                        .loop = d->loop,
                                        .trace = in->trace,
                                        .from = arena_dup(a, in->from),
                                        .envid = arena_dup(a, in->envid),
                                        .ret_full = in->ret_full,
                                        .ret_hdrs = in->ret_hdrs,
                                        .smtputf8 = in->smtputf8,
                                        .eight_bit = in->eight_bit,
                                        .binary = in->binary,
                                        .received = arena_dup(a, in->received),
                                        .sender = relays(d) ? d->who.account : 0,
                                        .body = body,
                                        .header_size = in->header_size,
                                        .recipients = mail->recipients,
                                        .n = mail->n,
                                        .user = d,
                                        .done = accepted};
    return a->failed ? err_set(e, ERR_BUSY, "4.3.1 Out of memory") : 0;
}

static void accept_over(struct here *d, struct desk_answer *a)
{
    a->each = d->mail->recipients;
    a->n = d->mail->n;
}

/* --- INBOX ----------------------------------------------------------------------------------- */
static int maildrop_begin(struct here *d, const struct desk_question *q, struct err *e)
{
    if (!d->who.account)
        return err_set(e, ERR_NOPERM, "Authentication required");
    if (!d->inbox && inbox_open(d->who.account, &d->inbox, e))
        return -1;
    return inbox_take(d->inbox, q, e);
}

static int inbox_begin(struct here *d, const struct desk_question *q, struct err *e)
{
    return d->inbox ? inbox_take(d->inbox, q, e)
                    : err_set(e, ERR_NOPERM, "INBOX is not this desk's");
}

static void inbox_run(struct here *d, struct txn *txn, struct err *e)
{
    inbox_answer(d->inbox, txn, e);
}

static void inbox_over(struct here *d, struct desk_answer *a)
{
    (void)a;
    inbox_close(d->inbox);
    d->inbox = NULL;
}

static bool expunge_known(struct here *d)
{
    return inbox_keeps_all(d->inbox);
}

/* --- questions ------------------------------------------------------------------------------- */
static const struct desk_verb_row rows[DESK_VERBS] = {
    [DESK_LOGIN] = {"AUTH", PLACE_CPU, login_begin, NULL, login_run, login_over},
    [DESK_LOGIN_ON] = {"AUTH", PLACE_CPU, login_on, NULL, login_run, login_over},
    [DESK_VERIFY] = {"VRFY", PLACE_READ, verify_begin, NULL, verify_run, verify_over},
    [DESK_SENDER] = {"MAIL", PLACE_READ, sender_begin, NULL, sender_run, sender_over},
    [DESK_RECIPIENT] = {"RCPT", PLACE_READ, recipient_begin, recipient_known, recipient_run,
                        recipient_over},
    [DESK_BODY] = {"spool", PLACE_CPU, take_piece, body_known, body_run, body_over},
    [DESK_ACCEPT] = {.begin = accept_begin, .end = accept_over}, /* mail/accept.h has the jobs */
    [DESK_PASSWORD] = {"PASS", PLACE_CPU, password_begin, NULL, password_run, login_over},
    [DESK_MAILDROP] = {"maildrop", PLACE_READ, maildrop_begin, NULL, inbox_run, NULL},
    [DESK_LETTERS] = {"letters", PLACE_READ, inbox_begin, NULL, inbox_run, NULL},
    [DESK_BYTES] = {"bytes", PLACE_READ, inbox_begin, NULL, inbox_run, NULL},
    [DESK_EXPUNGE] = {"QUIT", PLACE_WRITE, inbox_begin, expunge_known, inbox_run, inbox_over},
};

static void answer(struct here *d, const struct err *e, const struct spending *spent)
{
    struct desk_answer a = {.err = *e, .spent = *spent, .result = SASL_FAIL};
    struct login_step step = {0};
    if (d->row->end)
        d->row->end(d, &a);
    d->busy = false;
    step = d->step; /* the challenge lives until it is told */
    d->step = (struct login_step){0};
    struct buf text = d->text; /* ... and this */
    struct arena arena = d->arena;
    d->text = (struct buf){0};
    d->arena = (struct arena){0};
    d->answered(d->user, &a);
    login_step_done(&step);
    buf_done(&text);
    arena_reset(&arena);
}

static enum job_next job_run(struct job *job, struct txn *txn)
{
    struct here *d = list_entry(job, struct here, job);
    d->row->run(d, txn, &job->err);
    return JOB_DONE;
}

static void job_done(struct job *job)
{
    answer(list_entry(job, struct here, job), &job->err, &job->spent);
}

static void accepted(struct mail_accept *m)
{
    answer(m->user, &m->err, &m->spent);
}

/* An answer that is known at once comes by the loop all the same. */
static enum job_next nothing(struct job *job, struct txn *txn)
{
    (void)job;
    (void)txn;
    return JOB_DONE;
}

static int is_out_of_order(const struct here *d, enum desk_verb verb, struct err *e)
{
    if (verb < DESK_SENDER || verb > DESK_ACCEPT)
        return 0;
    if (d->kind == MAIL_ACCEPT_NONE)
        return err_set(e, ERR_NOPERM, "5.7.0 No mail is taken here");
    return d->mail && d->mail->over ? err_set(e, ERR_SYNTAX, "5.5.1 This mail is over") : 0;
}

static bool ask(struct desk *desk, const struct desk_question *q, desk_answered *answered,
                struct desk_answer *ret)
{
    struct here *d = list_entry(desk, struct here, desk);
    struct err e = {0};
    BUG_IF(d->busy || q->verb >= DESK_LOGIN_END);
    d->row = &rows[q->verb];
    int bad = is_out_of_order(d, q->verb, &e) || d->row->begin(d, q, &e);
    if (!bad && d->row->known && d->row->known(d)) {
        *ret = (struct desk_answer){0};
        d->row->end(d, ret);
        return true;
    }
    d->busy = true;
    d->answered = answered;
    if (!bad && q->verb == DESK_ACCEPT) {
        mail_accept_start(&d->mail->accept);
        return false;
    }
    d->job = (struct job){.loop = d->loop,
                          .place = bad ? PLACE_LOOP : d->row->place,
                          .account = d->who.account,
                          .run = bad ? nothing : job_run,
                          .what = d->row->what,
                          .err = e,
                          .done = job_done};
    job_submit(&d->job);
    return false;
}

static void call(struct desk *desk, const struct desk_question *q, struct err *e)
{
    struct here *d = list_entry(desk, struct here, desk);
    const struct desk_verb_row *row = &rows[q->verb];
    BUG_IF(d->busy || row->place != PLACE_READ || row->end);
    if (row->begin(d, q, e) == 0)
        row->run(d, NULL, e);
}

static void forget_mail(struct here *d)
{
    if (!d->mail)
        return;
    mail_accept_done(&d->mail->accept);
    arena_reset(&d->mail->arena);
    free(d->mail);
    d->mail = NULL;
}

static void tell(struct desk *desk, enum desk_verb verb)
{
    struct here *d = list_entry(desk, struct here, desk);
    BUG_IF(d->busy);
    if (verb == DESK_LOGIN_END)
        login_end(d);
    else if (verb == DESK_RESET)
        forget_mail(d);
    else if (d->inbox)
        inbox_forget_letters(d->inbox);
}

static void close_desk(struct desk *desk)
{
    struct here *d = list_entry(desk, struct here, desk);
    BUG_IF(d->busy);
    login_end(d);
    forget_mail(d);
    inbox_close(d->inbox);
    free(d);
}

static const struct desk_ops ops = {ask, call, tell, close_desk};

struct desk *desk_here(struct loop *l, enum mail_accept_kind kind, void *user)
{
    struct here *d = calloc(1, sizeof(*d));
    BUG_IF(!d);
    d->desk.ops = &ops;
    d->loop = l;
    d->kind = kind;
    d->user = user;
    return &d->desk;
}
