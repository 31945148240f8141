/* ext_envelope_dsn.c - RFC 6009 4: notify, orcpt, ret and envid in the test envelope. */
#include "mail/sieve/tests.h"

/* Each condition by itself. */
static int notify(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    enum { CONDITIONS_MAX = 4 };
    struct slice rest = r->in->envelope.notify;
    (void)c;
    *ret = (struct sieve_list){.items = arena_new(r->arena, struct slice, CONDITIONS_MAX)};
    if (!ret->items)
        return sieve_fail_memory(r);
    while (rest.p && ret->n < CONDITIONS_MAX)
        ret->items[ret->n++] = slice_cut(&rest, ',');
    return 0;
}

static int orcpt(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    (void)c;
    return sieve_one_value(r, r->in->envelope.orcpt, ret);
}

static int ret_(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    (void)c;
    return sieve_one_value(r, r->in->envelope.ret, ret);
}

static int envid(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    (void)c;
    return sieve_one_value(r, r->in->envelope.envid, ret);
}

const struct sieve_envelope_part sieve_envelope_dsn_parts[] = {
    {S_INIT("notify"), false, notify},
    {S_INIT("orcpt"), false, orcpt},
    {S_INIT("ret"), false, ret_},
    {S_INIT("envid"), false, envid},
    {{0}},
};

const struct sieve_extension sieve_ext_envelope_dsn = {.name = S_INIT("envelope-dsn")};
