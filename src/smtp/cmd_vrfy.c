/* cmd_vrfy.c - VRFY and EXPN: RFC 5321 3.5 and 7.3. Who has a mailbox here is not told to
 * strangers. */
#include "base/utf8.h"
#include "smtp/session.h"

/* RFC 6531 3.7.4.2: an argument that is not ASCII says so behind it. */
void smtp_cmd_vrfy(struct smtp_session *s, struct slice args)
{
    bool utf8 = args.n > 9 && slice_eqi(slice_from(args, args.n - 9), S(" SMTPUTF8"));
    if (args.n == 0 || (utf8 ? !utf8_valid(args) : !ascii_only(args)))
        smtp_session_error(s, 501, "5.5.4", "VRFY needs an argument in ASCII");
    else
        smtp_session_reply(s, 252, "2.5.0", "Send the message and see");
}

void smtp_cmd_expn(struct smtp_session *s, struct slice args)
{
    (void)args;
    smtp_session_error(s, 502, "5.5.1", "Lists are not shown");
}
