/* cmd_mail.c - MAIL: RFC 5321 4.1.1.2, RFC 1870, RFC 6409 4.3 and 6.1. On submission the sender
   must be logged in, and the address theirs. */
#include "smtp/session.h"
#include "smtp/settings.h"

static void take(struct smtp_session *s)
{
    s->state = STATE_MAIL;
    smtp_session_reply(s, 250, "2.1.0", "Sender ok");
}

static void checked(struct smtp_session *s, const struct desk_answer *a)
{
    if (a->err.code == ERR_OK) {
        take(s);
        return;
    }
    smtp_session_refuse(s, smtp_session_code_of(&a->err), "4.3.0", &a->err);
    smtp_transaction_end(s);
}

static void refuse(struct smtp_session *s, unsigned code, const struct err *e)
{
    smtp_session_refuse(s, code, "5.5.4", e);
    smtp_transaction_end(s);
}

static bool asks_for_utf8(struct slice args)
{
    for (struct slice word; args.p;) {
        word = slice_cut(&args, ' ');
        if (slice_eqi(word, S("SMTPUTF8")))
            return true;
    }
    return false;
}

void smtp_cmd_mail(struct smtp_session *s, struct slice args)
{
    struct err e = {0};
    if (s->profile->kind == KIND_SUBMISSION && !s->logged_in) {
        smtp_session_error(s, 530, "5.7.0", "Authentication required");
        return;
    }
    if (smtp_transaction_begin(s, &e)) {
        smtp_session_refuse(s, 452, "4.5.3", &e);
        return;
    }
    struct smtp_transaction *t = s->t;
    if (smtp_mail_parse(args, smtp_session_offer(s), &t->arena, &t->mail, &e)) {
        if (smtp_session_needs_ascii(s, args, asks_for_utf8(args), 550))
            smtp_transaction_end(s);
        else
            refuse(s, e.code == ERR_UNSUPPORTED ? 555 : 501, &e);
    } else if (t->mail.size > (uint64_t)setting_get(&set_smtp_message_max)) {
        err_set(&e, ERR_LIMIT, "5.3.4 Message is too large");
        refuse(s, 552, &e);
    } else if (s->profile->kind == KIND_SUBMISSION)
        smtp_session_ask(
            s, &(struct desk_question){.verb = DESK_SENDER, .from = t->mail.from.address}, checked);
    else
        take(s);
}
