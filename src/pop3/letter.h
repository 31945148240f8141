/* letter.h - the bytes of one of the messages that the desk was asked for (DESK_LETTERS). */
#pragma once

#include "mail/desk.h"

struct letter {
    struct desk *desk; /* NULL: none */
    uint32_t index;
    uint64_t size;
    struct slice hand; /* its first bytes, which are here already */
    bool waits;        /* in a job: the desk is asked for more */
};

/* [from, end) or its beginning, behind what is in out: of a letter that waits no fewer than `least`
   bytes when there are so many. */
int letter_read(const struct letter *l, uint64_t from, uint64_t least, uint64_t end,
                struct buf *out, struct err *e);
