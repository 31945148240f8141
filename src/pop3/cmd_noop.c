/* cmd_noop.c - NOOP: RFC 1939 5. */
#include "pop3/session.h"

void pop3_cmd_noop(struct pop3_session *s, const struct pop3_command *c)
{
    (void)c;
    pop3_ok(s, "nothing done");
}
