/* desk.c - which kind of desk a session gets, and the way to it. */
#include "mail/desk_internal.h"

static desk_opener *opener = desk_here;

void desk_open_with(desk_opener *open)
{
    opener = open;
}

struct desk *desk_open(struct loop *l, enum mail_accept_kind kind, void *user)
{
    return opener(l, kind, user);
}

bool desk_ask(struct desk *d, const struct desk_question *q, desk_answered *answered,
              struct desk_answer *ret)
{
    return d->ops->ask(d, q, answered, ret);
}

void desk_tell(struct desk *d, enum desk_verb verb)
{
    d->ops->tell(d, verb);
}

void desk_close(struct desk *d)
{
    if (d)
        d->ops->close(d);
}
