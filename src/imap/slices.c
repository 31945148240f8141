/* slices.c - cutting a set of uids into slices. */
#include "imap/slices.h"

bool slices_next(const struct request *r, struct slices *s)
{
    if (r->slice != s->done)
        uidset_subtract(&s->todo, &s->now);
    s->done = r->slice;
    uidset_copy(&s->now, &s->todo);
    uint32_t behind = uidset_nth(&s->todo, SLICE_MAX);
    if (behind)
        uidset_remove(&s->now, behind, UINT32_MAX);
    return behind;
}

void slices_done(struct slices *s)
{
    uidset_done(&s->todo);
    uidset_done(&s->now);
}
