/* ext_environment.c - RFC 5183; the items of RFC 6785 4 come from the world as well. */
#include "mail/sieve/match.h"

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_matcher m;
    struct slice name, value;
    BUF_SCOPE out = {.max = r->limits->memory};
    if (sieve_string(r, c, SLOT_0, &name) || sieve_matcher_init(&m, r, c, SLOT_1))
        return -1;
    int got = r->world->environment ? r->world->environment(r->ctx, name, &out, r->e) : 0;
    /* RFC 5183 4: what is not known fails, whatever is asked. */
    if (got <= 0)
        return got;
    if (sieve_keep_buf(r, &out, &value))
        return -1;
    got = sieve_matcher_try(&m, value);
    return got ? got : sieve_matcher_end(&m);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("environment"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"an item", SIEVE_STRING}, {"keys", SIEVE_LIST}},
     .n_args = 2,
     .run = run,
     .rfc = "5183:4"},
    {{0}},
};

const struct sieve_extension sieve_ext_environment = {.name = S_INIT("environment"),
                                                      .commands = commands};
