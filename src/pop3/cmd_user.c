/* cmd_user.c - USER: RFC 1939 7, RFC 6856 2.2. Whether there is such a user is not told. */
#include <stdio.h>

#include "mail/login.h"
#include "pop3/session.h"

void pop3_cmd_user(struct pop3_session *s, const struct pop3_command *c)
{
    struct login_peer peer;
    login_peer_init(&peer, s->c, "pop3", conn_peer(s->c));
    bool plain_ok = peer.peer.plain_ok;
    login_peer_done(&peer);
    if (!plain_ok) {
        pop3_err(s, "[AUTH]", "passwords only under TLS: say STLS first");
        return;
    }
    BUF_SCOPE name = {.max = sizeof(s->user) - 1};
    struct err e = {0};
    bool good = auth_prepare(c->args[0], &name);
    if (name.failed && err_set(&e, ERR_LIMIT, "too long") && e.code == ERR_BUSY) {
        pop3_err(s, "[SYS/TEMP]", "not now, try again later");
        return;
    }
    if (!good || name.failed) {
        pop3_err(s, "[AUTH]", "that is no name: wrong characters, or too many");
        return;
    }
    snprintf(s->user, sizeof(s->user), "%.*s", SARG(buf_slice(&name)));
    pop3_ok(s, "and the password?");
}
