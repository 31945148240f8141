/* cmd_vrfy.c - VRFY and EXPN: RFC 5321 3.5 and 7.3. Who has a mailbox here is not told to
 * strangers. */
#include "base/utf8.h"
#include "smtp/session.h"

void smtp_cmd_vrfy(struct smtp_session *s, struct slice args)
{
    if (args.n == 0 || !ascii_only(args))
        smtp_session_error(s, 501, "5.5.4", "VRFY needs an argument in ASCII");
    else
        smtp_session_reply(s, 252, "2.5.0", "Send the message and see");
}

void smtp_cmd_expn(struct smtp_session *s, struct slice args)
{
    (void)args;
    smtp_session_error(s, 502, "5.5.1", "Lists are not shown");
}
