/* mutf7.h - modified UTF-7, in which IMAP4rev1 writes mailbox names. RFC 3501 5.1.3, RFC 9051 A.1.
   Decoding is strict: one name has one spelling. */
#pragma once

#include "base/buf.h"

/* Appends the UTF-8. -1 for what is not modified UTF-7: 8-bit or control bytes, base 64 that does
   not end, is empty, has bits left over, codes printable ASCII or lone surrogates, or two shifts
   side by side. */
int mutf7_decode(struct slice in, struct buf *out);
/* Appends valid UTF-8 as modified UTF-7. */
void mutf7_encode(struct slice utf8, struct buf *out);
