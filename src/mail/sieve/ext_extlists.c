/* ext_extlists.c - RFC 6134: lists that are kept elsewhere. A name that begins with a colon is
   short for urn:ietf:params:sieve (RFC 6134 2.5). */
#include "mail/sieve/compile.h"
#include "mail/sieve/match.h"

int sieve_list_name(struct sieve_runner *r, struct slice name, struct slice *ret)
{
    *ret = name;
    if (!slice_starts(name, S(":")))
        return 0;
    *ret = arena_printf(r->arena, "urn:ietf:params:sieve%.*s", SARG(name));
    return ret->p ? 0 : sieve_fail_memory(r);
}

int sieve_redirect_list(struct sieve_runner *r, struct sieve_action *a)
{
    if (sieve_list_name(r, a->to, &a->to))
        return -1;
    int got = r->world->list ? r->world->list(r->ctx, a->to, SNONE, NULL, r->e) : 0;
    if (got == 0)
        return sieve_fail(r, ERR_NOTFOUND, "there is no list \"%.*s\"",
                          (int)(a->to.n > 80 ? 80 : a->to.n), a->to.p);
    return got < 0 ? -1 : 0;
}

/* RFC 6134 2.7 */
static int run_valid(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_list lists;
    if (sieve_strings(r, c, SLOT_0, &lists))
        return -1;
    for (size_t i = 0; i < lists.n; i++) {
        struct slice name;
        if (sieve_list_name(r, lists.items[i], &name))
            return -1;
        int got = r->world->list ? r->world->list(r->ctx, name, SNONE, NULL, r->e) : 0;
        if (got <= 0)
            return got;
    }
    return 1;
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("valid_ext_list"),
     .shape = SHAPE_TEST,
     .args = {{"names of lists", SIEVE_LIST}},
     .n_args = 1,
     .run = run_valid,
     .rfc = "6134:2.7"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("list"), .uses = USES_EXTLIST, .slot = SLOT_MATCH, .value = SIEVE_MATCH_LIST},
    {.name = S_INIT("list"), .on = "redirect", .slot = SLOT_LIST},
    {{0}},
};

const struct sieve_extension sieve_ext_extlists = {
    .name = S_INIT("extlists"), .commands = commands, .tags = tags};
