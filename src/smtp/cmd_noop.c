/* cmd_noop.c - NOOP: RFC 5321 4.1.1.9. A parameter is allowed and ignored. */
#include "smtp/session.h"

void smtp_cmd_noop(struct smtp_session *s, struct slice args)
{
    (void)args;
    smtp_session_reply(s, 250, "2.0.0", "Ok");
}
