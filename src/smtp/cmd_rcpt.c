/* cmd_rcpt.c - RCPT: RFC 5321 4.1.1.3. A recipient is resolved here, so that unknown ones, full
   mailboxes and relaying are refused before the message is sent. */
#include "smtp/session.h"
#include "smtp/settings.h"

static bool make_room(struct smtp_transaction *t)
{
    if (t->n < t->cap)
        return true;
    size_t cap = t->cap ? 2 * t->cap : 8;
    struct slice *more = arena_new(&t->arena, struct slice, cap);
    if (!more)
        return false;
    if (t->n)
        memcpy(more, t->recipients, t->n * sizeof(*more));
    t->recipients = more;
    t->cap = cap;
    return true;
}

static unsigned code_of(const struct err *e)
{
    if (e->code == ERR_QUOTA)
        return e->text[0] == '4' ? 452 : 552;
    return e->text[0] == '5' ? 550 : 451;
}

static void resolved(struct smtp_session *s, const struct desk_answer *a)
{
    if (a->unqualified) {
        smtp_session_error(s, 554, "5.1.2", "The domain is not fully qualified");
    } else if (a->err.code) {
        smtp_session_refuse(s, code_of(&a->err), "4.3.0", &a->err);
    } else {
        s->t->n++;
        s->state = STATE_RCPT;
        smtp_session_reply(s, 250, "2.1.5", "Recipient ok");
    }
}

void smtp_cmd_rcpt(struct smtp_session *s, struct slice args)
{
    struct smtp_transaction *t = s->t;
    struct smtp_rcpt rcpt;
    struct err e = {0};
    if (t->n >= (size_t)setting_get(&set_smtp_recipients_max)) {
        smtp_session_error(s, 452, "4.5.3", "Too many recipients");
        return;
    }
    if (smtp_rcpt_parse(args, smtp_session_offer(s), t->mail.utf8, &t->arena, &rcpt, &e)) {
        if (!smtp_session_needs_ascii(s, args, t->mail.utf8, 553))
            smtp_session_refuse(s, e.code == ERR_UNSUPPORTED ? 555 : 501, "5.5.4", &e);
        return;
    }
    if (!make_room(t)) {
        smtp_session_error(s, 452, "4.5.3", "Too many recipients");
        return;
    }
    t->recipients[t->n] = rcpt.to.address; /* it counts when it is resolved */
    smtp_session_ask(s,
                     &(struct desk_question){.verb = DESK_RECIPIENT,
                                             .recipient = {.address = rcpt.to.address,
                                                           .orcpt = rcpt.orcpt,
                                                           .notify = rcpt.notify,
                                                           .size = t->mail.size}},
                     resolved);
}
