/* ext_ihave.c - RFC 5463: is an extension there? If it is, the script has it from then on. The
   command error ends the run. */
#include "mail/sieve/compile.h"
#include "mail/sieve/run.h"

static int check(struct sieve_compiler *c)
{
    return sieve_need_constant(c, SLOT_0);
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_list names;
    uint64_t bits = 0;
    if (sieve_strings(r, c, SLOT_0, &names))
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        int id = sieve_extension_find(names.items[i]);
        if (id < 0)
            return 0;
        if (sieve_extension((unsigned)id)->grammar && !(r->frame->enabled >> id & 1))
            return 0;
        bits |= sieve_extension_bits((unsigned)id);
    }
    r->frame->enabled |= bits;
    return 1;
}

static int run_error(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice text;
    if (sieve_string(r, c, SLOT_0, &text))
        return -1;
    return sieve_fail(r, ERR_NOPERM, "%.*s", (int)(text.n > 150 ? 150 : text.n), text.p);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("ihave"),
     .shape = SHAPE_TEST,
     .args = {{"extensions", SIEVE_LIST}},
     .n_args = 1,
     .check = check,
     .run = run,
     .rfc = "5463:4"},
    {.name = S_INIT("error"),
     .shape = SHAPE_ACTION,
     .args = {{"a text", SIEVE_STRING}},
     .n_args = 1,
     .run = run_error,
     .rfc = "5463:5"},
    {{0}},
};

const struct sieve_extension sieve_ext_ihave = {.name = S_INIT("ihave"), .commands = commands};
