/* cmd_help.c - HELP: RFC 5321 4.1.1.8. What this is (7.5: the version SHOULD be told in some way,
   and whoever runs the server may think otherwise). */
#include "smtp/session.h"
#include "smtp/settings.h"

void smtp_cmd_help(struct smtp_session *s, struct slice args)
{
    (void)args;
    smtp_session_reply(s, 214, "2.0.0",
                       "Carbonado%s\nRFC 5321, RFC 6409 and RFC 2033 tell what is understood here",
                       setting_get(&set_smtp_show_version) ? " " CARBONADO_VERSION : "");
}
