/* modifiers.h - the values in the slots of set's modifiers (RFC 5229 4.1). Each slot is one
   precedence. */
#pragma once

enum { SIEVE_CASE_LOWER = 1, SIEVE_CASE_UPPER };
enum { SIEVE_QUOTE_WILDCARD = 1, SIEVE_QUOTE_REGEX };
