/* cmd_list.c - LIST: RFC 1939 5. */
#include "pop3/session.h"

static void line(const struct pop3_message *m, size_t number, struct buf *out)
{
    buf_addf(out, "%zu %llu\r\n", number, (unsigned long long)m->size);
}

void pop3_cmd_list(struct pop3_session *s, const struct pop3_command *c)
{
    size_t i;
    if (c->n == 0) {
        pop3_ok(s, "%zu messages", s->drop.kept);
        pop3_listing_start(s, line);
    } else if (pop3_number(s, c->args[0], &i)) {
        pop3_ok(s, "%zu %llu", i + 1, (unsigned long long)s->drop.list[i].size);
    }
}
