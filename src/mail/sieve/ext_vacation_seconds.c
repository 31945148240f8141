/* ext_vacation_seconds.c - RFC 6131: :seconds, which excludes :days. */
#include "mail/sieve/table.h"

static const struct sieve_tag tags[] = {
    {.name = S_INIT("seconds"),
     .on = "vacation",
     .slot = SLOT_SECONDS,
     .kind = SIEVE_NUMBER,
     .what = "a number of seconds"},
    {{0}},
};

const struct sieve_extension sieve_ext_vacation_seconds = {
    .name = S_INIT("vacation-seconds"), .implies = S_INIT("vacation"), .tags = tags};
