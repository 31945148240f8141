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
    spool_init(&t->body);
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
    if (s->desk && (s->logged_in || s->authenticating)) {
        desk_tell(s->desk, DESK_RESET);
    } else { /* an idle session has none */
        desk_close(s->desk);
        s->desk = NULL;
    }
    buf_done(&t->thrown);
    spool_done(&t->body);
    arena_reset(&t->arena);
    free(t);
}

void smtp_transaction_refuse(struct smtp_session *s, unsigned code, enum err_code why,
                             const char *text)
{
    struct smtp_transaction *t = s->t;
    if (t->refused_code)
        return;
    t->refused_code = code;
    err_set(&t->refused, why, "%s", text);
    spool_done(&t->body);
    if (s->desk) /* what it has of the message is not needed any more */
        desk_tell(s->desk, DESK_RESET);
}

static void check_limits(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    if (t->data.size > (uint64_t)setting_get(&set_smtp_message_max))
        smtp_transaction_refuse(s, 552, ERR_LIMIT, "5.3.4 Message is too large");
    else if (t->data.header_size > (uint64_t)setting_get(&set_smtp_header_max))
        smtp_transaction_refuse(s, 552, ERR_LIMIT, "5.3.4 Header is too large");
    else if (t->data.longest > (uint64_t)setting_get(&set_smtp_text_line_max))
        smtp_transaction_refuse(s, 554, ERR_LIMIT, "5.3.4 A line is too long");
    else if (t->data.bare && t->data.mode == SMTP_DATA_STRICT)
        smtp_transaction_refuse(s, 554, ERR_SYNTAX,
                                "5.5.2 Bare CR or LF in the message: lines end with CRLF");
}

static void spool_failed(struct smtp_session *s, const struct err *e)
{
    LOG(LOG_ERROR, "smtp.spool", LFZ("trace", s->t->trace.id), LFZ("why", e->text));
    smtp_transaction_refuse(s, 452, ERR_IO, "4.3.1 No room for the message now");
}

/* Where the text goes: what is refused is decoded as well, for its end. */
static struct buf *sink(struct smtp_transaction *t)
{
    return t->refused_code ? &t->thrown : spool_room(&t->body);
}

static void taken(struct smtp_session *s, struct buf *to, size_t before)
{
    struct smtp_transaction *t = s->t;
    struct err e = {0};
    if (to == &t->thrown)
        buf_reset(to);
    else if (spool_kept(&t->body, before, &e))
        spool_failed(s, &e);
    check_limits(s);
}

size_t smtp_transaction_feed(struct smtp_session *s, struct slice in)
{
    struct smtp_transaction *t = s->t;
    struct buf *to = sink(t);
    size_t before = to->n;
    in = slice_sub(in, 0, SMTP_FEED_MAX);
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

/* --- to the desk, off the loop: a slow disk holds nobody else up ------------------------------ */
static void handed_on(struct smtp_session *s, const struct desk_answer *a)
{
    if (a->err.code)
        spool_failed(s, &a->err);
}

void smtp_transaction_spool(struct smtp_session *s)
{
    if (s->t && !s->busy && spool_is_full(&s->t->body))
        smtp_session_ask(s, &(struct desk_question){.verb = DESK_BODY, .body = &s->t->body},
                         handed_on);
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
    return t->n == 1 && ascii_only(t->recipients[0]) ? t->recipients[0] : S("");
}

static int received_line(struct smtp_session *s, struct buf *out)
{
    struct smtp_transaction *t = s->t;
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
    mail_received_write(&r, out);
    return out->failed ? -1 : 0;
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

static void answer_each(struct smtp_session *s, const struct desk_answer *a)
{
    struct smtp_transaction *t = s->t;
    for (size_t i = 0; i < t->n; i++) {
        const struct err *e = &a->each[i].err;
        unsigned code = smtp_session_code_of(e);
        if (e->code == ERR_OK)
            smtp_session_reply(s, 250, "2.1.5", "<%.*s> delivered, %s", SARG(t->recipients[i]),
                               t->trace.id);
        else
            smtp_session_refuse(s, code,
                                e->code == ERR_QUOTA ? "5.2.2"
                                : code < 500         ? "4.3.0"
                                                     : "5.3.0",
                                e);
    }
}

static void answer(struct smtp_session *s, const struct desk_answer *a)
{
    struct smtp_transaction *t = s->t;
    const struct err *first = &a->err;
    for (size_t i = 0; i < a->n && first->code == ERR_OK; i++)
        first = &a->each[i].err;
    log_message(s, first);
    if (first->code == ERR_OK)
        s->messages++;
    if (a->err.code)
        answer_all(s, smtp_session_code_of(&a->err), &a->err);
    else if (s->profile->kind == KIND_LMTP)
        answer_each(s, a);
    else if (first->code)
        smtp_session_refuse(s, smtp_session_code_of(first),
                            first->code == ERR_QUOTA ? "5.2.2" : "4.3.0", first);
    else
        smtp_session_reply(s, 250, "2.0.0", "Accepted, %s", t->trace.id);
}

static void accepted(struct smtp_session *s, const struct desk_answer *a)
{
    answer(s, a);
    smtp_session_over(s);
    smtp_transaction_end(s);
}

static void ask_to_accept(struct smtp_session *s, struct slice received)
{
    struct smtp_transaction *t = s->t;
    smtp_session_ask(
        s,
        &(struct desk_question){.verb = DESK_ACCEPT,
                                .body = &t->body,
                                .message = {.trace = t->trace,
                                            .from = t->mail.from.address,
                                            .envid = t->mail.envid,
                                            .received = received,
                                            .ret_full = t->mail.ret == SMTP_RET_FULL,
                                            .ret_hdrs = t->mail.ret == SMTP_RET_HDRS,
                                            .smtputf8 = t->mail.utf8,
                                            .eight_bit = t->data.eight_bit,
                                            .binary = t->mail.body == SMTP_BODY_BINARYMIME,
                                            .header_size = t->data.header_size}},
        accepted);
}

void smtp_transaction_finish(struct smtp_session *s)
{
    struct smtp_transaction *t = s->t;
    BUF_SCOPE received = {.max = 8 * 1024};
    s->reading = READ_COMMAND;
    smtp_session_begin(s, S("message"));
    if (!t->refused_code && received_line(s, &received))
        smtp_transaction_refuse(s, 451, ERR_BUSY, "4.3.1 Out of memory");
    if (t->refused_code) {
        log_message(s, &t->refused);
        answer_all(s, t->refused_code, &t->refused);
        smtp_transaction_end(s);
        smtp_session_over(s);
        return;
    }
    ask_to_accept(s, buf_slice(&received));
}
