/* cmd_stat.c - STAT: RFC 1939 5. */
#include "pop3/session.h"

void pop3_cmd_stat(struct pop3_session *s, const struct pop3_command *c)
{
    (void)c;
    pop3_ok(s, "%zu %llu", s->drop.kept, (unsigned long long)s->drop.bytes);
}
