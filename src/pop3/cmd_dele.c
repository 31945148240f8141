/* cmd_dele.c - DELE: RFC 1939 5. Only marks; QUIT removes. */
#include "pop3/session.h"

void pop3_cmd_dele(struct pop3_session *s, const struct pop3_command *c)
{
    size_t i;
    if (!pop3_number(s, c->args[0], &i))
        return;
    maildrop_mark(&s->drop, i);
    pop3_ok(s, "marked");
}
