/* xtext.h - RFC 3461 4 xtext and RFC 6533 3 utf-8-addr-xtext: parameter values that carry any
   text. */
#pragma once

#include "base/buf.h"

/* Decodes +XX. False: not xtext, or the decoded text holds a control character (which could break
   into another line where it is used) or invalid UTF-8. */
bool xtext_decode(struct slice in, struct buf *out);
/* Decodes \x{HEX} of RFC 6533 3 (utf-8-addr-xtext and unitext) after xtext. Same rules. */
bool xtext_decode_utf8_addr(struct slice in, struct buf *out);
void xtext_encode(struct slice in, struct buf *out);
/* utf-8-addr-unitext when `utf8` may be sent, else utf-8-addr-xtext. In: valid UTF-8. */
void xtext_encode_utf8_addr(struct slice in, bool utf8, struct buf *out);
