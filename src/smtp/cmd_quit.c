/* cmd_quit.c - QUIT: RFC 5321 4.1.1.10. */
#include "smtp/session.h"

void smtp_cmd_quit(struct smtp_session *s, struct slice args)
{
    if (args.n) {
        smtp_session_error(s, 501, "5.5.4", "QUIT has no arguments");
        return;
    }
    smtp_session_end(s, 221, "2.0.0", "Bye");
}
