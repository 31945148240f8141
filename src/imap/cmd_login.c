/* cmd_login.c - LOGIN: RFC 9051 6.2.3. */
#include "auth/auth.h"
#include "imap/capability.h"
#include "imap/cmds.h"
#include "imap/login.h"

struct login {
    struct slice name, password;
    struct auth_peer peer;
};

int cmd_login_parse(struct request *r, struct imap_parser *p)
{
    struct login *l = request_new_of(r, struct login, 1);
    if (!l || imap_space(p) || imap_astring(p, &l->name) || imap_space(p) ||
        imap_astring(p, &l->password))
        return -1;
    session_peer(r->s, &r->arena, &l->peer);
    r->args = l;
    return 0;
}

enum cmd_next cmd_login(struct request *r, struct txn *t)
{
    (void)t;
    struct login *l = r->args;
    struct identity id = {0};
    if (!l->peer.plain_ok) {
        r->code = "PRIVACYREQUIRED";
        return request_fail(r, ERR_NOPERM, "LOGIN needs TLS");
    }
    if (auth_password(&l->peer, l->name, l->password, &id, &r->job.err)) {
        r->delay_ms = id.delay_ms;
        return CMD_FAIL;
    }
    return login_accept(r, &id);
}
