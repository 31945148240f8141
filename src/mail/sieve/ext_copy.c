/* ext_copy.c - RFC 3894: actions that do not cancel the implicit keep. */
#include "mail/sieve/table.h"

static const struct sieve_tag tags[] = {
    {.name = S_INIT("copy"), .on = "fileinto redirect", .slot = SLOT_COPY},
    {{0}},
};

const struct sieve_extension sieve_ext_copy = {.name = S_INIT("copy"), .tags = tags};
