/* cmd_quit.c - QUIT: RFC 1939 6. In the transaction state what is marked goes, in one change, and
   the answer comes when that is durable. A connection that ends without QUIT removes nothing. */
#include "pop3/session.h"

/* INBOX is free again before the answer: whoever has read it may come back at once. */
static void expunged(struct pop3_session *s, const struct desk_answer *a)
{
    if (a->err.code) {
        pop3_err(s, "[SYS/TEMP]", "some deleted messages not removed");
    } else {
        s->deleted = s->drop.n - s->drop.kept;
        pop3_ok(s, "bye");
    }
    pop3_end(s);
}

void pop3_cmd_quit(struct pop3_session *s, const struct pop3_command *c)
{
    BUF_SCOPE uids = {0};
    (void)c;
    if (s->state == POP3_AUTHORIZATION) {
        pop3_ok(s, "bye");
        pop3_end(s);
        return;
    }
    maildrop_marked(&s->drop, &uids);
    pop3_ask(s, &(struct desk_question){.verb = DESK_EXPUNGE, .set = buf_slice(&uids)}, expunged);
}
