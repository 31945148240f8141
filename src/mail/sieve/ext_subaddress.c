/* ext_subaddress.c - RFC 5233: :user and :detail, split at the first "+". */
#include "mail/sieve/tests.h"

static const struct sieve_tag tags[] = {
    {.name = S_INIT("user"), .uses = USES_PART, .slot = SLOT_PART, .value = SIEVE_PART_USER},
    {.name = S_INIT("detail"), .uses = USES_PART, .slot = SLOT_PART, .value = SIEVE_PART_DETAIL},
    {{0}},
};

const struct sieve_extension sieve_ext_subaddress = {.name = S_INIT("subaddress"), .tags = tags};
