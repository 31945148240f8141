/* cmd_vrfy.c - VRFY and EXPN: RFC 5321 3.5 and 7.3. Who has a mailbox here and who is in a list is
   not told, and that MUST be 252, whatever the argument. */
#include "base/utf8.h"
#include "smtp/session.h"

/* RFC 6531 3.7.4.2: an argument that is not ASCII says so behind it. */
static void no_answer(struct smtp_session *s, struct slice args, const char *verb)
{
    bool utf8 = args.n > 9 && slice_eqi(slice_from(args, args.n - 9), S(" SMTPUTF8"));
    BUF_SCOPE text = {0};
    buf_addf(&text, "%s needs an argument in ASCII", verb);
    if (args.n == 0 || (utf8 ? !utf8_valid(args) : !ascii_only(args)))
        smtp_session_error(s, 501, "5.5.4", buf_cstr(&text));
    else
        smtp_session_reply(s, 252, "2.5.0", "Send the message and see");
}

void smtp_cmd_vrfy(struct smtp_session *s, struct slice args)
{
    no_answer(s, args, "VRFY");
}

void smtp_cmd_expn(struct smtp_session *s, struct slice args)
{
    no_answer(s, args, "EXPN");
}
