/* cmd_help.c - HELP: RFC 5321 4.1.1.8. */
#include "smtp/session.h"

void smtp_cmd_help(struct smtp_session *s, struct slice args)
{
    (void)args;
    smtp_session_reply(s, 214, "2.0.0",
                       "RFC 5321, RFC 6409 and RFC 2033 tell what is understood here");
}
