/* cmd_rset.c - RSET: RFC 5321 4.1.1.5. */
#include "smtp/session.h"

void smtp_cmd_rset(struct smtp_session *s, struct slice args)
{
    if (args.n) {
        smtp_session_error(s, 501, "5.5.4", "RSET has no arguments");
        return;
    }
    smtp_transaction_end(s);
    s->owed = 0;
    smtp_session_reply(s, 250, "2.0.0", "Ok");
}
