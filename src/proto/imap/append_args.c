/* append_args.c - the messages of APPEND. There are as many as literals, at most. */
#include "proto/imap/append_args.h"

static int message(struct imap_parser *p, struct imap_append_message *m)
{
    if (imap_peek(p) == '(' && (imap_flag_list(p, &m->flags) || imap_space(p)))
        return -1;
    if (imap_peek(p) == '"') {
        m->has_date = true;
        if (imap_date_time(p, &m->date_ms) || imap_space(p))
            return -1;
    }
    if (imap_accept_word(p, S("UTF8"))) {
        if (!p->utf8)
            return imap_fail(p, "UTF8 needs ENABLE UTF8=ACCEPT");
        m->utf8 = true;
        if (imap_space(p) || imap_expect(p, '('))
            return -1;
        if (imap_peek(p) != '~')
            return imap_fail(p, "expected a literal8");
        if (imap_literal_here(p, &m->literal))
            return -1;
        return imap_expect(p, ')');
    }
    return imap_literal_here(p, &m->literal);
}

int imap_append_args(struct imap_parser *p, struct imap_append_args *ret)
{
    struct imap_append_args a = {0};
    if (imap_space(p) || imap_mailbox(p, &a.mailbox) || imap_space(p))
        return -1;
    a.messages = arena_new(p->arena, struct imap_append_message, p->n_literals + 1);
    if (!a.messages)
        return err_set(p->e, ERR_LIMIT, "APPEND has too many messages");
    do {
        if (a.n == p->n_literals)
            return imap_fail(p, "a literal is missing");
        if (message(p, &a.messages[a.n++]))
            return -1;
    } while (imap_accept(p, ' '));
    *ret = a;
    return 0;
}
