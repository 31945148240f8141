/* cmd_starttls.c - STARTTLS: RFC 3207 4. What the client sent behind the command in plain text is
   thrown away with it, and what it said before is forgotten when the handshake is done. */
#include "smtp/session.h"

void smtp_cmd_starttls(struct smtp_session *s, struct slice args)
{
    if (args.n) {
        smtp_session_error(s, 501, "5.5.4", "STARTTLS has no arguments");
        return;
    }
    if (!conn_can_tls(s->c)) {
        smtp_session_error(s, conn_is_tls(s->c) ? 503 : 502, "5.5.1",
                           conn_is_tls(s->c) ? "TLS is on already" : "TLS is not offered");
        return;
    }
    smtp_session_reply(s, 220, "2.0.0", "Go on");
    smtp_session_forget(s);
    s->securing = true;
    conn_starttls(s->c);
}
