/* flowed.h - text/plain; format=flowed made into paragraphs, one a line: soft line breaks and
   stuffed blanks undone, quote marks kept once for each paragraph. RFC 3676. Push style: any split
   of the input gives the same output. Line ends are LF. */
#pragma once

#include "base/buf.h"

struct flowed {
    bool delsp; /* DelSp=yes: the blank before a soft line break goes too */

    enum { FLOWED_QUOTES, FLOWED_STUFFED, FLOWED_SIGNATURE, FLOWED_TEXT } state;
    size_t depth;       /* quote marks of this line */
    size_t of_open;     /* ... of the paragraph that goes on, when `open` */
    bool open;          /* the line before ended with a soft break */
    bool blank;         /* a blank that may be the last byte of the line is not out yet */
    unsigned signature; /* how much of "-- " the line is so far */
};

/* Zeroed but for `delsp` at the start. */
void flowed_feed(struct flowed *f, struct slice in, struct buf *out);
void flowed_finish(struct flowed *f, struct buf *out);
