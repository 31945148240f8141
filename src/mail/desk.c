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

int desk_call(struct desk *d, const struct desk_question *q, struct err *e)
{
    d->ops->call(d, q, e);
    return e->code ? -1 : 0;
}

int desk_letter_next(struct slice *letters, struct desk_letter *ret, struct slice *ret_prefix,
                     struct slice *ret_parts)
{
    if (letters->n < sizeof(*ret))
        return -1;
    memcpy(ret, letters->p, sizeof(*ret));
    struct slice rest = slice_from(*letters, sizeof(*ret));
    if (rest.n < (uint64_t)ret->prefix_n + ret->parts_n)
        return -1;
    *ret_prefix = slice_sub(rest, 0, ret->prefix_n);
    *ret_parts = slice_sub(rest, ret->prefix_n, ret->prefix_n + ret->parts_n);
    *letters = slice_from(rest, ret->prefix_n + ret->parts_n);
    return 0;
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
