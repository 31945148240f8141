/* base64.h - RFC 4648 base 64. The strict decoder is for protocols (SASL, tokens); mail bodies have
   their own tolerant one in format/. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

void base64_encode(struct buf *out, struct slice in); /* with padding, no line breaks */
/* Whole groups, right padding, zero spare bits, no blanks; else ERR_SYNTAX. ERR_LIMIT: out full. */
int base64_decode(struct buf *out, struct slice in, struct err *e);
