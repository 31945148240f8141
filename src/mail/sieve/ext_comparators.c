/* ext_comparators.c - the names by which scripts ask for comparators (RFC 5228 2.7.3, RFC 4790,
   RFC 5051). What they do is in match.c. */
#include "mail/sieve/table.h"

const struct sieve_extension sieve_ext_octet = {.name = S_INIT("comparator-i;octet")};
const struct sieve_extension sieve_ext_ascii_casemap = {.name =
                                                            S_INIT("comparator-i;ascii-casemap")};
const struct sieve_extension sieve_ext_ascii_numeric = {.name =
                                                            S_INIT("comparator-i;ascii-numeric")};
const struct sieve_extension sieve_ext_unicode_casemap = {
    .name = S_INIT("comparator-i;unicode-casemap")};
