/* cmd_auth.c - AUTH: RFC 5034. The desk has the exchange; between its answers the session reads one
   line, the client's answer. */
#include "base/base64.h"
#include "mail/login.h"
#include "pop3/session.h"

/* What is known of somebody who is not logged in yet is forgotten with the exchange. */
void pop3_auth_end(struct pop3_session *s)
{
    s->auth_line = false;
    if (s->authenticating)
        desk_tell(s->desk, DESK_LOGIN_END);
    s->authenticating = false;
    if (s->state == POP3_AUTHORIZATION && s->who.account) { /* the desk has let them in already */
        pop3_leave_desk(s);
        s->who = (struct identity){0};
    }
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

static void stepped(struct pop3_session *s, const struct desk_answer *a)
{
    const struct err *e = &a->err;
    s->authenticating = a->result == SASL_MORE;
    if (a->result == SASL_OK)
        s->who = a->who;
    if (a->result == SASL_FAIL && (e->code == ERR_UNSUPPORTED || e->code == ERR_SYNTAX))
        pop3_err(s, "", e->text);
    else if (a->result == SASL_FAIL)
        pop3_refused(s, e);
    else if (a->result == SASL_MORE ||
             a->challenge.n) /* the server's last word is a challenge too */
        challenge(s, a->challenge);
    else
        pop3_enter(s);
}

/* text: base 64; p == NULL: there is none. */
static void ask(struct pop3_session *s, struct desk_question *q, struct slice text)
{
    BUF_SCOPE in = {.max = 16 * 1024};
    struct err e = {0};
    if (text.n && base64_decode(&in, text, &e)) {
        pop3_auth_end(s);
        if (e.code == ERR_BUSY)
            pop3_err(s, "[SYS/TEMP]", "not now, try again later");
        else
            pop3_err(s, "", "that is not base 64");
    } else {
        q->has_in = text.p != NULL;
        q->in = buf_slice(&in);
        pop3_ask(s, q, stepped);
    }
    if (in.p)
        explicit_bzero(in.p, in.cap);
}

void pop3_auth_line(struct pop3_session *s, struct slice line)
{
    s->auth_line = false;
    if (slice_eq(line, S("*"))) {
        pop3_auth_end(s);
        pop3_err(s, "", "cancelled");
    } else if (s->who.account) { /* the answer to the server's last word */
        pop3_enter(s);
    } else {
        ask(s, &(struct desk_question){.verb = DESK_LOGIN_ON}, line);
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
    struct login_peer peer;
    login_peer_init(&peer, s->c, "pop3", conn_peer(s->c));
    ask(s, &(struct desk_question){.verb = DESK_LOGIN, .peer = &peer.peer, .mechanism = c->args[0]},
        initial);
    login_peer_done(&peer);
}
