/* imap_body.h - FETCH BODY from what is stored for BODYSTRUCTURE (RFC 9051 7.5.2). */
#pragma once

#include "base/buf.h"

/* Appends BODY: `bodystructure` as imap_bodystructure wrote it, without the extension data. -1, and
   nothing is appended: it is something else. */
int imap_body(struct slice bodystructure, struct buf *out);
