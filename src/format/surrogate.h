/* surrogate.h - headers for readers that know ASCII only: RFC 6858 2, with what RFC 6857 3 does
   better where no harm can come of it. A field is looked at when it holds UTF-8 beyond ASCII, all
   of it valid; every other field stays byte for byte, also one with bytes of an unknown charset. */
#pragma once

#include "base/buf.h"

bool header_has_utf8(struct slice header);

/* Appends the header with such fields in another form: domains become A-labels, addresses that are
   not ASCII then become ones that belong to nobody and are told in the display name, texts become
   encoded words (RFC 2047), MIME parameters extended ones (RFC 2231), message ids a Downgraded-
   field; comments go. What has no other form is left out. */
void header_surrogate(struct slice header, struct buf *out);
