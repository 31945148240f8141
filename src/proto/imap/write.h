/* write.h - the pieces that responses are made of. A quoted string goes out for short text without
   CR, LF and NUL; 8-bit only where the session has UTF-8 enabled; anything else is a literal. NUL
   cannot be written and becomes nothing. */
#pragma once

#include "base/buf.h"
#include "base/uidset.h"

void imap_write_string(struct slice s, bool utf8, struct buf *out);
void imap_write_astring(struct slice s, bool utf8, struct buf *out);
/* A mailbox name given as UTF-8: as it is, or in modified UTF-7 (RFC 3501 5.1.3). */
void imap_write_mailbox(struct slice path, bool utf8, struct buf *out);
/* " 2-Jan-2006 15:04:05 +0000" in quotes. */
void imap_write_date_time(int64_t ms, struct buf *out);
/* Text that came from outside, as resp-text: printable ASCII (or UTF-8), at most 400 bytes. */
void imap_write_text(struct slice s, struct buf *out);
