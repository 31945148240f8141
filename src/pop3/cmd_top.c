/* cmd_top.c - TOP: RFC 1939 7. */
#include "pop3/reading.h"

void pop3_cmd_top(struct pop3_session *s, const struct pop3_command *c)
{
    size_t i;
    uint64_t lines;
    if (slice_u64(c->args[1], &lines))
        pop3_err(s, "", "how many lines?");
    else if (pop3_number(s, c->args[0], &i))
        pop3_reading_top(s, i, lines);
}
