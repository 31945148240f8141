/* ext_fcc.c - RFC 8580: a copy of what a script sends. */
#include "mail/sieve/table.h"

static const struct sieve_tag tags[] = {
    {.name = S_INIT("fcc"),
     .uses = USES_SENDS,
     .slot = SLOT_FCC,
     .kind = SIEVE_STRING,
     .what = "a mailbox"},
    {{0}},
};

const struct sieve_extension sieve_ext_fcc = {.name = S_INIT("fcc"), .tags = tags};
