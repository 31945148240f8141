/* condstore.h - commands that turn CONDSTORE on by being used: RFC 7162 3.1. */
#pragma once

#include "imap/request.h"

/* The first time in a selected mailbox its HIGHESTMODSEQ is told; again when the step is run again
   and what it wrote is thrown away. */
static inline void condstore_enable(struct request *r)
{
    struct session *s = r->s;
    if ((s->enabled & ENABLED_CONDSTORE) && !r->turns_condstore_on)
        return;
    r->turns_condstore_on = true;
    s->enabled |= ENABLED_CONDSTORE;
    if (s->sel)
        buf_addf(&r->out, "* OK [HIGHESTMODSEQ %llu] Highest\r\n",
                 (unsigned long long)view_modseq(s->sel->view));
}
