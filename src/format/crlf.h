/* crlf.h - line ends made CRLF, push style: LF alone and CR alone each become CRLF, CRLF stays. */
#pragma once

#include "base/buf.h"

struct crlf {
    bool cr; /* the last byte was a CR (its LF is not out yet) */
};

void crlf_feed(struct crlf *c, struct slice in, struct buf *out);
void crlf_finish(struct crlf *c, struct buf *out);
/* Is every CR followed by LF and every LF after a CR? */
bool crlf_clean(struct slice s);
