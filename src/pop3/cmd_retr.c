/* cmd_retr.c - RETR: RFC 1939 5. */
#include "pop3/reading.h"

void pop3_cmd_retr(struct pop3_session *s, const struct pop3_command *c)
{
    pop3_reading_retr(s, c->args[0]);
}
