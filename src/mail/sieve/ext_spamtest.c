/* ext_spamtest.c - RFC 5235: what a filter in front of the script found, as a number in text.
   spamtest: 0 not tested, 1 clear to 10 spam; with :percent (spamtestplus) 0 to 100, where untested
   is the empty string for :count only. virustest: 0 not tested, 1 clean to 5 infected. */
#include "mail/sieve/compile.h"
#include "mail/sieve/match.h"

static int match(struct sieve_runner *r, const struct sieve_call *c, bool tested, unsigned value)
{
    struct sieve_matcher m;
    struct slice text = arena_printf(r->arena, "%u", value);
    if (!text.p)
        return sieve_fail_memory(r);
    if (sieve_matcher_init(&m, r, c, SLOT_0))
        return -1;
    /* RFC 5235 3.1: :count tells whether it was tested. */
    if (m.type == SIEVE_MATCH_COUNT && !tested)
        return sieve_matcher_end(&m);
    int got = sieve_matcher_try(&m, text);
    return got ? got : sieve_matcher_end(&m);
}

/* RFC 5235 3.2: one value. */
static int check(struct sieve_compiler *c)
{
    const struct sieve_source *s = &c->source[SLOT_0];
    return s->n == 1 ? 0
                     : sieve_wrong(c, s->at, "\"%.*s\" takes one value", SARG(c->command->name));
}

static int score(struct sieve_runner *r, bool virus, unsigned *ret)
{
    return r->world->score ? r->world->score(r->ctx, virus, ret, r->e) : 0;
}

static int run_spam(struct sieve_runner *r, const struct sieve_call *c)
{
    unsigned percent = 0;
    int tested = score(r, false, &percent);
    if (tested < 0)
        return -1;
    if (percent > 100)
        percent = 100;
    if (sieve_has(c, SLOT_PERCENT))
        return match(r, c, tested, percent);
    return match(r, c, tested, tested ? 1 + percent * 9 / 100 : 0);
}

static int run_virus(struct sieve_runner *r, const struct sieve_call *c)
{
    unsigned value = 0;
    int tested = score(r, true, &value);
    if (tested < 0)
        return -1;
    return match(r, c, tested, tested ? (value > 5 ? 5 : value) : 0);
}

static const struct sieve_command spam[] = {
    {.name = S_INIT("spamtest"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"a value", SIEVE_LIST}},
     .n_args = 1,
     .check = check,
     .run = run_spam,
     .rfc = "5235:3.2"},
    {{0}},
};

static const struct sieve_command virus[] = {
    {.name = S_INIT("virustest"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"a value", SIEVE_LIST}},
     .n_args = 1,
     .check = check,
     .run = run_virus,
     .rfc = "5235:3.3"},
    {{0}},
};

static const struct sieve_tag plus[] = {
    {.name = S_INIT("percent"), .on = "spamtest", .slot = SLOT_PERCENT},
    {{0}},
};

const struct sieve_extension sieve_ext_spamtest = {.name = S_INIT("spamtest"), .commands = spam};
const struct sieve_extension sieve_ext_spamtestplus = {
    .name = S_INIT("spamtestplus"), .implies = S_INIT("spamtest"), .tags = plus};
const struct sieve_extension sieve_ext_virustest = {.name = S_INIT("virustest"), .commands = virus};
