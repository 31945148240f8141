/* mutf7.h - modified UTF-7, the mailbox names of IMAP4rev1. RFC 3501 5.1.3. Strict both ways: one
   name has one spelling. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Appends the UTF-8 of an encoded name. ERR_SYNTAX: 8-bit or control characters, bad or unfinished
   base 64, spare bits, printable ASCII in base 64, a shift that could have gone on, lone
   surrogates. */
int mutf7_decode(struct slice in, struct buf *out, struct err *e);

/* Appends the encoded form. ERR_SYNTAX: not UTF-8, or holds controls. */
int mutf7_encode(struct slice utf8, struct buf *out, struct err *e);
