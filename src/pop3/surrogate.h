/* surrogate.h - a message for a client that did not say UTF8: RFC 6856 2.1, RFC 6858. The headers
   of the message and of its parts are written anew where they hold UTF-8, everything else comes
   from the store, piece by piece. */
#pragma once

#include "pop3/letter.h"

struct surrogate;

/* May anything have to be written anew? */
bool surrogate_is_needed(struct slice prefix, struct slice parts);

/* In a job. prefix: the lines in front of the message; parts: the index of the rest. NULL: it can
   be sent as it is. ERR_UNSUPPORTED: a header is too large to be written anew. */
int surrogate_make(struct slice prefix, struct slice parts, const struct letter *l,
                   struct surrogate **ret, struct err *e);
void surrogate_free(struct surrogate *s); /* NULL: nothing */

/* These work without a surrogate too: s may be NULL. */
uint64_t surrogate_size(const struct surrogate *s, const struct letter *l);
/* Appends the next piece, of `least` bytes or a whole frame more where nothing is written anew, and
   moves *at, which counts in the stored message. */
int surrogate_read(struct surrogate *s, const struct letter *l, uint64_t *at, uint64_t least,
                   struct buf *out, struct err *e);
