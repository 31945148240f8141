/* cmd_pass.c - PASS: RFC 1939 7, RFC 3206. The password is all that stands behind the first blank.
 */
#include "mail/login.h"
#include "pop3/session.h"

/* RFC 6856 2.2: what is not UTF-8, or has characters that SASLprep forbids, MUST be rejected. */
static int may_be_password(struct slice text, struct err *e)
{
    BUF_SCOPE prepared = {0};
    bool good = text.n == 0 || auth_prepare(text, &prepared);
    if (prepared.p)
        explicit_bzero(prepared.p, prepared.cap);
    if (prepared.failed)
        return err_set(e, ERR_BUSY, "out of memory");
    return good ? 0 : err_set(e, ERR_AUTH, "characters that no password may have");
}

static void checked(struct pop3_session *s, const struct desk_answer *a)
{
    if (a->result != SASL_OK) {
        pop3_refused(s, &a->err);
        return;
    }
    s->who = a->who;
    pop3_enter(s);
}

void pop3_cmd_pass(struct pop3_session *s, const struct pop3_command *c)
{
    if (s->user[0] == '\0') {
        pop3_err(s, "", "USER comes before PASS");
        return;
    }
    struct err e = {0};
    struct login_peer peer;
    login_peer_init(&peer, s->c, "pop3", conn_peer(s->c));
    if (may_be_password(c->rest, &e))
        pop3_refused(s, &e);
    else
        pop3_ask(s,
                 &(struct desk_question){.verb = DESK_PASSWORD,
                                         .peer = &peer.peer,
                                         .name = slice_str(s->user),
                                         .has_in = true,
                                         .in = c->rest},
                 checked);
    login_peer_done(&peer);
    s->user[0] = '\0';
}
