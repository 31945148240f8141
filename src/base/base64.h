/* base64.h - RFC 4648 base 64. The strict decoder is for protocols (SASL, tokens); mail bodies have
   their own tolerant one in format/, and store/recode.h takes them apart. All are made of what is
   at the end. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

void base64_encode(struct buf *out, struct slice in); /* with padding, no line breaks */
/* Whole groups, right padding, zero spare bits, no blanks; else ERR_SYNTAX. ERR_LIMIT: out full. */
int base64_decode(struct buf *out, struct slice in, struct err *e);

/* A digit's value plus one; 0: it is none. */
extern const unsigned char base64_digits[256];

/* n bytes as exactly (n + 2) / 3 * 4 characters at out, the last group padded. The bytes may lie in
   the room of out, if what is written never gets ahead of what is read. */
void base64_put(char *out, const char *in, size_t n);
/* The groups of four digits that stand in front of n characters, as bytes: how many characters they
   are. Nothing is written behind out + n / 4 * 3, but what is in that room may be changed. */
size_t base64_groups(char *out, const char *in, size_t n);
/* A padded group with zero spare bits: 1 or 2 bytes; 0: it is none. */
size_t base64_padded(char *out, const char in[4]);
