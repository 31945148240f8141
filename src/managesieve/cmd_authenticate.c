/* cmd_authenticate.c - AUTHENTICATE: RFC 5804 2.1. The desk has the exchange; between its answers
   the client sends strings. The server's last word goes into the OK. */
#include "base/base64.h"
#include "mail/login.h"
#include "managesieve/session.h"

void managesieve_auth_end(struct managesieve_session *s)
{
    s->exchange = false;
    if (s->kept)
        desk_tell(s->desk, DESK_LOGIN_END);
    s->kept = false;
}

static void refused(struct managesieve_session *s, const struct err *e)
{
    if (e->code == ERR_UNSUPPORTED || e->code == ERR_SYNTAX)
        managesieve_no(s, NULL, e->text);
    else if (e->code == ERR_AUTH)
        managesieve_no(s, NULL, "wrong name or password");
    else if (e->code == ERR_NOPERM)
        managesieve_no(s, "ENCRYPT-NEEDED", "not allowed on this connection");
    else
        managesieve_no(s, "TRYLATER", "not now, try again later");
}

static void challenge(struct managesieve_session *s, struct slice text)
{
    BUF_SCOPE coded = {0}, out = {0};
    base64_encode(&coded, text);
    managesieve_string(buf_slice(&coded), &out);
    buf_adds(&out, "\r\n");
    conn_write_buf(s->c, &out);
}

static void let_in(struct managesieve_session *s, const struct desk_answer *a)
{
    BUF_SCOPE coded = {0}, code = {0};
    s->who = a->who;
    managesieve_enter(s);
    if (a->challenge.n) {
        base64_encode(&coded, a->challenge);
        buf_adds(&code, "SASL ");
        managesieve_string(buf_slice(&coded), &code);
    }
    managesieve_ok(s, buf_slice(&code), "you are logged in");
}

static void stepped(struct managesieve_session *s, const struct desk_answer *a)
{
    s->kept = s->exchange = a->result == SASL_MORE;
    if (a->result == SASL_MORE)
        challenge(s, a->challenge);
    else if (a->result == SASL_OK)
        let_in(s, a);
    else
        refused(s, &a->err);
}

/* text: base 64; p NULL: there is none. */
static void ask(struct managesieve_session *s, struct desk_question *q, struct slice text)
{
    BUF_SCOPE in = {.max = 16 * 1024};
    struct err e = {0};
    if (text.n && base64_decode(&in, text, &e)) {
        managesieve_auth_end(s);
        managesieve_no(s, e.code == ERR_BUSY ? "TRYLATER" : NULL, "that is not base 64");
    } else {
        q->has_in = text.p != NULL;
        q->in = buf_slice(&in);
        managesieve_ask(s, q, stepped);
    }
    if (in.p)
        explicit_bzero(in.p, in.cap);
}

void managesieve_auth_answer(struct managesieve_session *s, const struct managesieve_command *c)
{
    bool one = !c->name.p && c->n == 1 && c->args[0].is_string;
    s->exchange = false;
    if (!one || slice_eq(c->args[0].text, S("*"))) {
        managesieve_auth_end(s);
        managesieve_no(s, NULL, one ? "cancelled" : "a string is expected");
        return;
    }
    struct slice text = c->args[0].text;
    ask(s, &(struct desk_question){.verb = DESK_LOGIN_ON}, text.n ? text : S(""));
}

void managesieve_cmd_authenticate(struct managesieve_session *s,
                                  const struct managesieve_command *c)
{
    struct login_peer peer;
    if (c->args[0].text.n > 20) {
        managesieve_no(s, NULL, "no such mechanism");
        return;
    }
    struct slice initial = c->n < 2 ? SNONE : c->args[1].text.n ? c->args[1].text : S("");
    login_peer_init(&peer, s->c, "sieve", conn_peer(s->c));
    ask(s,
        &(struct desk_question){
            .verb = DESK_LOGIN, .peer = &peer.peer, .mechanism = c->args[0].text},
        initial);
    login_peer_done(&peer);
}
