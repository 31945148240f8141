/* ext_reject.c - reject and ereject: RFC 5429. Which of the two a refusal becomes on the wire is
   for whoever carries it out. */
#include "mail/sieve/run.h"

static int refuse(struct sieve_runner *r, const struct sieve_call *c, enum sieve_do what)
{
    struct sieve_action *a = sieve_act(r, what, false);
    if (!a || sieve_string(r, c, SLOT_0, &a->text))
        return -1;
    /* What is refused is what came in (RFC 5293 7). */
    size_t body = header_end(r->in->message);
    a->header = slice_sub(r->in->message, 0, body);
    a->body = slice_from(r->in->message, body);
    a->edited = false;
    return sieve_act_done(r, a);
}

static int run_reject(struct sieve_runner *r, const struct sieve_call *c)
{
    return refuse(r, c, SIEVE_REJECT);
}

static int run_ereject(struct sieve_runner *r, const struct sieve_call *c)
{
    return refuse(r, c, SIEVE_EREJECT);
}

static const struct sieve_command reject[] = {
    {.name = S_INIT("reject"),
     .shape = SHAPE_ACTION,
     .args = {{"a reason", SIEVE_STRING}},
     .n_args = 1,
     .run = run_reject,
     .rfc = "5429:2.2"},
    {{0}},
};

static const struct sieve_command ereject[] = {
    {.name = S_INIT("ereject"),
     .shape = SHAPE_ACTION,
     .args = {{"a reason", SIEVE_STRING}},
     .n_args = 1,
     .run = run_ereject,
     .rfc = "5429:2.1"},
    {{0}},
};

const struct sieve_extension sieve_ext_reject = {.name = S_INIT("reject"), .commands = reject};
const struct sieve_extension sieve_ext_ereject = {.name = S_INIT("ereject"), .commands = ereject};
