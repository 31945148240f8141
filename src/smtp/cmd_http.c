/* cmd_http.c - a web browser that was talked into speaking here must not get a second line in. */
#include "smtp/session.h"

void smtp_cmd_http(struct smtp_session *s, struct slice args)
{
    (void)args;
    smtp_session_end(s, 421, "4.7.0", "This is not a web server");
}
