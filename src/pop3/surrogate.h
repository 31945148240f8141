/* surrogate.h - a message for a client that did not say UTF8: RFC 6856 2.1, RFC 6858. The headers
   of the message and of its parts are written anew where they hold UTF-8, everything else comes
   from the store, piece by piece. */
#pragma once

#include "store/message.h"

struct surrogate;

/* In a READ job, of an entry read with ENTRY_BYTES. NULL: it can be sent as it is.
   ERR_UNSUPPORTED: a header is too large to be written anew. */
int surrogate_make(const struct entry *en, struct message_bytes *m, struct surrogate **ret,
                   struct err *e);
void surrogate_free(struct surrogate *s); /* NULL: nothing */

/* These work without a surrogate too: s may be NULL. */
uint64_t surrogate_size(const struct surrogate *s, const struct message_bytes *m);
/* Appends the next piece, and moves *at, which counts in the stored message. */
int surrogate_read(struct surrogate *s, struct message_bytes *m, uint64_t *at, struct buf *out,
                   struct err *e);
