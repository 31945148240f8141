/* ext_index.c - RFC 5260 6: the nth field of a name, from the front or from the end. */
#include "mail/sieve/tests.h"

void sieve_pick_index(const struct sieve_call *c, struct sieve_list *values)
{
    uint64_t n = sieve_number(c, SLOT_INDEX, 0);
    if (!sieve_has(c, SLOT_INDEX))
        return;
    if (n == 0 || n > values->n) {
        values->n = 0;
        return;
    }
    values->items += sieve_has(c, SLOT_LAST) ? values->n - n : n - 1;
    values->n = 1;
}

static const struct sieve_tag tags[] = {
    {.name = S_INIT("index"),
     .uses = USES_INDEX,
     .slot = SLOT_INDEX,
     .kind = SIEVE_NUMBER,
     .what = "a number"},
    {.name = S_INIT("last"), .uses = USES_INDEX, .slot = SLOT_LAST},
    {{0}},
};

const struct sieve_extension sieve_ext_index = {.name = S_INIT("index"), .tags = tags};
