/* ext_foreverypart.c - RFC 5703 3: the loop over parts. It is instructions of its own: run.c. */
#include "mail/sieve/table.h"

static const struct sieve_command commands[] = {
    {.name = S_INIT("foreverypart"), .shape = SHAPE_LOOP, .rfc = "5703:3"},
    {.name = S_INIT("break"), .shape = SHAPE_BREAK, .rfc = "5703:3"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("name"),
     .on = "foreverypart break",
     .slot = SLOT_NAME,
     .kind = SIEVE_STRING,
     .what = "a name"},
    {{0}},
};

const struct sieve_extension sieve_ext_foreverypart = {
    .name = S_INIT("foreverypart"), .commands = commands, .tags = tags};
