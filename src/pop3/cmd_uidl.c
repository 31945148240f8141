/* cmd_uidl.c - UIDL: RFC 1939 7. */
#include "pop3/session.h"

static void line(const struct pop3_message *m, size_t number, struct buf *out)
{
    buf_addf(out, "%zu ", number);
    maildrop_uidl(m, out);
    buf_add(out, S("\r\n"));
}

void pop3_cmd_uidl(struct pop3_session *s, const struct pop3_command *c)
{
    BUF_SCOPE id = {0};
    size_t i;
    if (c->n == 0) {
        pop3_ok(s, "unique-ids follow");
        pop3_listing_start(s, line);
    } else if (pop3_number(s, c->args[0], &i)) {
        maildrop_uidl(&s->drop.list[i], &id);
        pop3_ok(s, "%zu %.*s", i + 1, SARG(buf_slice(&id)));
    }
}
