/* ext_regex.c - the match type :regex and the modifier :quoteregex (draft-ietf-sieve-regex). */
#include "mail/sieve/match.h"
#include "mail/sieve/modifiers.h"

static const struct sieve_tag tags[] = {
    {.name = S_INIT("regex"), .uses = USES_MATCH, .slot = SLOT_MATCH, .value = SIEVE_MATCH_REGEX},
    {.name = S_INIT("quoteregex"),
     .uses = USES_MODIFIERS,
     .slot = SLOT_QUOTE,
     .value = SIEVE_QUOTE_REGEX},
    {{0}},
};

const struct sieve_extension sieve_ext_regex = {.name = S_INIT("regex"), .tags = tags};
