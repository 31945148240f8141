/* cmd_rset.c - RSET: RFC 1939 5. */
#include "pop3/session.h"

void pop3_cmd_rset(struct pop3_session *s, const struct pop3_command *c)
{
    (void)c;
    maildrop_reset(&s->drop);
    pop3_ok(s, "%zu messages", s->drop.kept);
}
