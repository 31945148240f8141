/* cmd_auth.c - AUTH: RFC 4954. The desk has the exchange; between its answers the session reads one
   line, the client's answer. */
#include "base/base64.h"
#include "mail/login.h"
#include "smtp/session.h"

/* What is known of somebody who is not logged in yet is forgotten with the exchange. */
void smtp_auth_end(struct smtp_session *s)
{
    if (s->reading == READ_AUTH)
        s->reading = READ_COMMAND;
    if (s->authenticating)
        desk_tell(s->desk, DESK_LOGIN_END);
    s->authenticating = false;
    if (!s->logged_in)
        s->who = (struct identity){0};
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

static void stepped(struct smtp_session *s, const struct desk_answer *a)
{
    s->authenticating = a->result == SASL_MORE;
    if (a->result == SASL_FAIL) {
        failed(s, &a->err);
        return;
    }
    if (a->result == SASL_OK)
        s->who = a->who;
    if (a->result == SASL_MORE || a->challenge.n) /* the server's last word is a challenge too */
        challenge(s, a->challenge);
    else
        welcome(s);
}

/* text: base 64; p == NULL: there is none. */
static void ask(struct smtp_session *s, struct desk_question *q, struct slice text)
{
    BUF_SCOPE in = {.max = 16 * 1024};
    struct err e = {0};
    if (text.n && base64_decode(&in, text, &e)) {
        smtp_auth_end(s);
        if (e.code == ERR_BUSY)
            smtp_session_refuse(s, 454, "4.7.0", &e);
        else
            smtp_session_error(s, 501, "5.5.2", "That is not base 64");
    } else {
        q->has_in = text.p != NULL;
        q->in = buf_slice(&in);
        smtp_session_ask(s, q, stepped);
    }
    if (in.p)
        explicit_bzero(in.p, in.cap);
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
        ask(s, &(struct desk_question){.verb = DESK_LOGIN_ON}, line);
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
    struct login_peer peer;
    login_peer_init(&peer, s->c, "smtp", smtp_session_peer(s));
    ask(s, &(struct desk_question){.verb = DESK_LOGIN, .peer = &peer.peer, .mechanism = mechanism},
        initial);
    login_peer_done(&peer);
}
