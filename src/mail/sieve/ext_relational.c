/* ext_relational.c - RFC 5231: :count and :value. */
#include "mail/sieve/match.h"

static const struct sieve_tag tags[] = {
    {.name = S_INIT("count"),
     .uses = USES_MATCH,
     .slot = SLOT_MATCH,
     .value = SIEVE_MATCH_COUNT,
     .kind = SIEVE_STRING,
     .arg = SLOT_RELATION,
     .what = "a relation"},
    {.name = S_INIT("value"),
     .uses = USES_MATCH,
     .slot = SLOT_MATCH,
     .value = SIEVE_MATCH_VALUE,
     .kind = SIEVE_STRING,
     .arg = SLOT_RELATION,
     .what = "a relation"},
    {{0}},
};

const struct sieve_extension sieve_ext_relational = {.name = S_INIT("relational"), .tags = tags};
