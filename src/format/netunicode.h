/* netunicode.h - names that people type, in one spelling: Net-Unicode (RFC 5198), which RFC
   9051 5.1 asks of mailbox names. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Appends the name in NFC. ERR_SYNTAX: not UTF-8, controls (C0, DEL, C1), line and paragraph
   separators, noncharacters, a byte order mark. */
int netunicode(struct slice utf8, struct buf *out, struct err *e);
