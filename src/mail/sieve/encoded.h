/* encoded.h - encoded-character (RFC 5228 2.4.2.4): ${hex:40} and ${unicode:40} in strings. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

/* What is not of that form stays. -1: ERR_SYNTAX for a character that there is not, ERR_LIMIT. */
int sieve_encoded_decode(struct slice s, struct arena *a, struct slice *ret, struct err *e);
