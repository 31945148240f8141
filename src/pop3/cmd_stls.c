/* cmd_stls.c - STLS: RFC 2595 4. What stands behind it in plain text is thrown away. */
#include "pop3/session.h"

void pop3_cmd_stls(struct pop3_session *s, const struct pop3_command *c)
{
    (void)c;
    if (!conn_can_tls(s->c)) {
        pop3_err(s, "", conn_is_tls(s->c) ? "TLS is on already" : "TLS is not offered");
        return;
    }
    pop3_ok(s, "go on");
    s->securing = true;
    conn_starttls(s->c);
}
