/* enter.c - from the authorization state to the transaction state: one session a mailbox, and INBOX
   as it is now. RFC 1939 4, RFC 2449 8.1.1 and RFC 3206 for the response codes. */
#include "pop3/lock.h"
#include "pop3/session.h"

void pop3_enter(struct pop3_entry *en, struct err *e)
{
    en->locked = pop3_lock(en->who.account);
    en->in_use = !en->locked;
    if (en->locked)
        maildrop_open(&en->drop, en->who.account, e);
}

static void refused(struct pop3_session *s, const struct pop3_entry *en, const struct err *e)
{
    if (!en->logged_in && e->code == ERR_AUTH)
        pop3_err(s, "[AUTH]", "wrong name or password");
    else if (!en->logged_in && e->code == ERR_NOPERM)
        pop3_err(s, "[AUTH]", "not allowed on this connection");
    else
        pop3_err(s, "[SYS/TEMP]", "not now, try again later");
}

void pop3_entered(struct pop3_session *s, struct pop3_entry *en, const struct err *e)
{
    if (en->in_use) {
        pop3_err(s, "[IN-USE]", "another session has the mailbox");
        return;
    }
    if (e->code) {
        refused(s, en, e);
        return;
    }
    s->who = en->who;
    s->drop = en->drop;
    s->locked = true;
    en->drop = (struct maildrop){0};
    en->locked = false;
    s->state = POP3_TRANSACTION;
    pop3_ok(s, "%zu messages, %llu octets", s->drop.n, (unsigned long long)s->drop.bytes);
}

void pop3_entry_clear(struct pop3_entry *en)
{
    if (en->locked)
        pop3_unlock(en->who.account);
    maildrop_done(&en->drop);
}
