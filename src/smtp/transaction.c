/* transaction.c - a message from MAIL to the reply to its end. Text that cannot be accepted any
   more is read to its end and thrown away, so that what follows is understood as commands; only
   then the refusal is said, and the transaction is over in every case. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/utf8.h"
#include "mail/host.h"
#include "mail/prefix.h"
#include "smtp/session.h"
#include "smtp/settings.h"

METRIC_COUNTER_BY(smtp_messages, "result", "accepted refused",
                  "Messages whose end came, by reply.");

enum { ACCEPTED, REFUSED, ARENA_MAX = 32 * 1024 * 1024 };

int smtp_transaction_begin(struct smtp_session *s, struct err *e)
{
    struct smtp_transaction *t = calloc(1, sizeof(*t));
    BUG_IF(!t);
    if (s->profile->kind != KIND_LMTP &&
        s->messages >= (unsigned)setting_get(&set_smtp_messages_max)) {
        free(t);
        return err_set(e, ERR_LIMIT, "4.5.3 Too many messages in one session");
    }
    s->owed = 0;
    pace_begin(&s->pace, clock_mono_ms());
    t->arena.limit = ARENA_MAX;
    t->trace = trace_new();
    t->thrown.max = 4 * MiB;
    spool_init(&t->accept.body);
    s->t = t;
    return 0;
}

void smtp_transaction_end(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    s->t = NULL;
    s->reading = READ_COMMAND;
    s->forward = (struct smtp_client_facts){0};
    if (s->state & (STATE_MAIL | STATE_RCPT | STATE_CHUNK))
        s->state = STATE_READY;
    if (!t)
        return;
    mail_accept_done(&t->accept);
    buf_done(&t->thrown);
    arena_reset(&t->arena);
    free(t);
}

void smtp_transaction_refuse(struct smtp_transaction *t, unsigned code, enum err_code why,
                             const char *text)
{
    if (t->refused_code)
        return;
    t->refused_code = code;
    err_set(&t->refused, why, "%s", text);
    spool_done(&t->accept.body);
}

static void check_limits(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    if (t->data.size > (uint64_t)setting_get(&set_smtp_message_max))
        smtp_transaction_refuse(t, 552, ERR_LIMIT, "5.3.4 Message is too large");
    else if (t->data.header_size > (uint64_t)setting_get(&set_smtp_header_max))
        smtp_transaction_refuse(t, 552, ERR_LIMIT, "5.3.4 Header is too large");
    else if (t->data.longest > (uint64_t)setting_get(&set_smtp_text_line_max))
        smtp_transaction_refuse(t, 554, ERR_LIMIT, "5.3.4 A line is too long");
    else if (t->data.bare && t->data.mode == SMTP_DATA_STRICT)
        smtp_transaction_refuse(t, 554, ERR_SYNTAX,
                                "5.5.2 Bare CR or LF in the message: lines end with CRLF");
}

static void spool_failed(struct smtp_transaction *t, const struct err *e)
{
    LOG(LOG_ERROR, "smtp.spool", LFZ("trace", t->trace.id), LFZ("why", e->text));
    smtp_transaction_refuse(t, 452, ERR_IO, "4.3.1 No room for the message now");
}

/* Where the text goes: what is refused is decoded as well, for its end. */
static struct buf *sink(struct smtp_transaction *t)
{
    return t->refused_code ? &t->thrown : spool_room(&t->accept.body);
}

static void taken(struct smtp_session *s, struct buf *to, size_t before)
{
    struct smtp_transaction *t = s->t;
    struct err e = {0};
    if (to == &t->thrown)
        buf_reset(to);
    else if (spool_kept(&t->accept.body, before, &e))
        spool_failed(t, &e);
    check_limits(s);
}

size_t smtp_transaction_feed(struct smtp_session *s, struct slice in)
{
    struct smtp_transaction *t = s->t;
    struct buf *to = sink(t);
    size_t before = to->n;
    in = slice_sub(in, 0, MiB); /* half of what `thrown` can grow to */
    size_t n = smtp_data_feed(&t->data, in, to);
    taken(s, to, before);
    if (t->data.done)
        smtp_transaction_finish(s);
    return n;
}

void smtp_transaction_chunks_over(struct smtp_session *s)
{
    struct buf *to = sink(s->t);
    size_t before = to->n;
    smtp_data_finish(&s->t->data, to);
    taken(s, to, before);
    smtp_transaction_finish(s);
}

/* --- to the file, off the loop: a slow disk holds nobody else up ------------------------------ */
static enum job_next run_spool(struct job *job, struct txn *txn)
{
    struct smtp_job *j = list_entry(job, struct smtp_job, job);
    (void)txn;
    spool_write(&j->s->t->accept.body, &job->err);
    return JOB_DONE;
}

static void spooled(struct smtp_session *s, struct smtp_job *j)
{
    if (j->job.err.code)
        spool_failed(s->t, &j->job.err);
}

void smtp_transaction_spool(struct smtp_session *s)
{
    if (!s->t || s->busy || !spool_is_full(&s->t->accept.body))
        return;
    struct smtp_job *j = calloc(1, sizeof(*j));
    BUG_IF(!j);
    smtp_session_run(s, j, PLACE_CPU, run_spool, spooled);
}

/* --- the end -------------------------------------------------------------------------------- */
/* RFC 3848, RFC 6531 4.3. */
static const char *with_protocol(struct smtp_session *s)
{
    bool tls = conn_is_tls(s->c), utf8 = s->t->mail.utf8;
    if (s->profile->kind == KIND_LMTP)
        return utf8 ? (tls ? "UTF8LMTPS" : "UTF8LMTP") : tls ? "LMTPS" : "LMTP";
    if (!s->esmtp)
        return "SMTP";
    if (s->logged_in)
        return utf8 ? (tls ? "UTF8SMTPSA" : "UTF8SMTPA") : tls ? "ESMTPSA" : "ESMTPA";
    return utf8 ? (tls ? "UTF8SMTPS" : "UTF8SMTP") : tls ? "ESMTPS" : "ESMTP";
}

/* RFC 6531 3.7.3: trace lines must do for servers without SMTPUTF8 too, when the message does. */
static struct slice named_recipient(const struct smtp_transaction *t)
{
    return t->n == 1 && ascii_only(t->recipients[0].address) ? t->recipients[0].address : S("");
}

static struct slice received_line(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    BUF_SCOPE line = {.max = 8 * 1024};
    bool hide = s->profile->kind == KIND_SUBMISSION && !setting_get(&set_smtp_show_client);
    struct mail_received r = {
        .helo = slice_str(s->helo),
        .peer_name = hide ? S("") : slice_str(s->client.name),
        .peer = hide ? S("") : smtp_session_peer(s),
        .with = slice_str(with_protocol(s)),
        .tls = conn_tls_summary(s->c),
        .id = slice_str(t->trace.id),
        .recipient = named_recipient(t),
        .at = clock_now(),
    };
    if (hide)
        r.helo = S("");
    mail_received_write(&r, &line);
    return line.failed ? SNONE : arena_dup(&t->arena, buf_slice(&line));
}

static void log_message(struct smtp_session *s, const struct err *e)
{
    struct smtp_transaction *t = s->t;
    LOG(LOG_INFO, "smtp.message", LFZ("trace", t->trace.id), LFZ("service", s->profile->service),
        LF("peer", smtp_session_peer(s)), LFZ("origin", s->forward.address),
        LFZ("login", s->who.address), LF("from", t->mail.from.address), LFN("recipients", t->n),
        LFN("size", t->data.size), LFZ("result", e->code ? err_code_name(e->code) : "ok"),
        LFZ("why", e->text));
    metric_add(&metric_smtp_messages, e->code ? REFUSED : ACCEPTED, 1);
}

/* RFC 2033 4.2: LMTP has one reply for each recipient, whatever the reason. */
static void answer_all(struct smtp_session *s, unsigned code, const struct err *e)
{
    size_t n = s->profile->kind == KIND_LMTP ? s->t->n : 1;
    for (size_t i = 0; i < n && !s->ended; i++)
        smtp_session_refuse(s, code, code < 500 ? "4.3.0" : "5.3.0", e);
}

static void answer_each(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    for (size_t i = 0; i < t->n; i++) {
        struct mail_recipient *r = &t->recipients[i];
        unsigned code = smtp_session_code_of(&r->err);
        if (r->err.code == ERR_OK)
            smtp_session_reply(s, 250, "2.1.5", "<%.*s> delivered, %s", SARG(r->address),
                               t->trace.id);
        else
            smtp_session_refuse(s, code,
                                r->err.code == ERR_QUOTA ? "5.2.2"
                                : code < 500             ? "4.3.0"
                                                         : "5.3.0",
                                &r->err);
    }
}

static void answer(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    const struct err *first = &t->accept.err;
    for (size_t i = 0; i < t->n && first->code == ERR_OK; i++)
        first = &t->recipients[i].err;
    log_message(s, first);
    if (first->code == ERR_OK)
        s->messages++;
    if (t->accept.err.code)
        answer_all(s, smtp_session_code_of(&t->accept.err), &t->accept.err);
    else if (s->profile->kind == KIND_LMTP)
        answer_each(s);
    else if (first->code)
        smtp_session_refuse(s, smtp_session_code_of(first),
                            first->code == ERR_QUOTA ? "5.2.2" : "4.3.0", first);
    else
        smtp_session_reply(s, 250, "2.0.0", "Accepted, %s", t->trace.id);
}

static void accepted(struct mail_accept *m)
{
    struct smtp_session *s = m->user;
    s->spent = m->spent;
    if (!smtp_session_resume(s))
        return;
    answer(s);
    smtp_session_over(s);
    smtp_transaction_end(s);
    if (s->stopping)
        smtp_session_end(s, 421, "4.3.2", "The server stops");
}

static enum mail_accept_kind accept_kind(const struct smtp_session *s)
{
    return s->profile->kind == KIND_LMTP         ? MAIL_ACCEPT_LMTP
           : s->profile->kind == KIND_SUBMISSION ? MAIL_ACCEPT_SUBMISSION
                                                 : MAIL_ACCEPT_RELAY;
}

static int fill_accept(struct smtp_session *s, struct err *e)
{
    struct smtp_transaction *t = s->t;
    struct spool body = t->accept.body;
    t->accept = (struct mail_accept){.kind = accept_kind(s),
                                     .arena = &t->arena,
                                     .loop = conn_loop(s->c),
                                     .trace = t->trace,
                                     .from = t->mail.from.address,
                                     .envid = t->mail.envid,
                                     .ret_full = t->mail.ret == SMTP_RET_FULL,
                                     .ret_hdrs = t->mail.ret == SMTP_RET_HDRS,
                                     .smtputf8 = t->mail.utf8,
                                     .eight_bit = t->data.eight_bit,
                                     .binary = t->mail.body == SMTP_BODY_BINARYMIME,
                                     .received = received_line(s),
                                     .sender = s->logged_in ? s->who.account : 0,
                                     .body = body,
                                     .header_size = t->data.header_size,
                                     .recipients = t->recipients,
                                     .n = t->n,
                                     .user = s,
                                     .done = accepted};
    if (!t->accept.received.p)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    return 0;
}

void smtp_transaction_finish(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    struct err e = {0};
    s->reading = READ_COMMAND;
    smtp_session_begin(s, S("message"));
    if (!t->refused_code && fill_accept(s, &e))
        smtp_transaction_refuse(t, 451, ERR_IO, "4.3.0 Not now");
    if (t->refused_code) {
        log_message(s, &t->refused);
        answer_all(s, t->refused_code, &t->refused);
        smtp_transaction_end(s);
        smtp_session_over(s);
        return;
    }
    smtp_session_wait(s);
    mail_accept_start(&t->accept);
}
