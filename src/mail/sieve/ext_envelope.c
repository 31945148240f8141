/* ext_envelope.c - RFC 5228 5.4. Other extensions bring more parts (RFC 6009). */
#include "mail/sieve/compile.h"
#include "mail/sieve/tests.h"

int sieve_one_value(struct sieve_runner *r, struct slice s, struct sieve_list *ret)
{
    *ret = (struct sieve_list){0};
    if (!s.p)
        return 0;
    ret->items = arena_new(r->arena, struct slice, 1);
    if (!ret->items)
        return sieve_fail_memory(r);
    ret->items[ret->n++] = s;
    return 0;
}

static int from(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    (void)c;
    return sieve_one_value(r, r->in->envelope.from.p ? r->in->envelope.from : S(""), ret);
}

static int to(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    (void)c;
    return sieve_one_value(r, r->in->envelope.to, ret);
}

static int auth(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    (void)c;
    return sieve_one_value(r, r->in->envelope.auth, ret);
}

static const struct sieve_envelope_part base_parts[] = {
    {S_INIT("from"), true, from},
    {S_INIT("to"), true, to},
    {S_INIT("auth"), false, auth},
    {{0}},
};

static const struct {
    const struct sieve_envelope_part *parts;
    uint64_t bit;
} sets[] = {
    {base_parts, SIEVE_BIT(envelope)},
    {sieve_envelope_dsn_parts, SIEVE_BIT(envelope_dsn)},
    {sieve_envelope_by_parts, SIEVE_BIT(envelope_deliverby)},
};

static const struct sieve_envelope_part *find(struct slice name, uint64_t bits)
{
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        for (const struct sieve_envelope_part *p = sets[i].parts; p->name.n; p++)
            if (sets[i].bit & bits && slice_eqi(p->name, name))
                return p;
    return NULL;
}

static int check(struct sieve_compiler *c)
{
    const struct sieve_source *s = &c->source[SLOT_0];
    for (uint32_t i = 0; i < s->n; i++) {
        struct slice name = s->items[i];
        if (!sieve_constant(c, name))
            continue;
        const struct sieve_envelope_part *p = find(name, c->enabled | c->perhaps);
        if (!p)
            return sieve_wrong(c, s->items_at[i], "\"%.*s\" is no part of the envelope%s",
                               (int)(name.n > 40 ? 40 : name.n), name.p,
                               find(name, UINT64_MAX) ? ", or needs a require" : "");
        if (!p->address && sieve_given(c, SLOT_PART))
            return sieve_wrong(c, c->source[SLOT_PART].at, "\"%.*s\" is no address", SARG(name));
    }
    return 0;
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_matcher m;
    struct sieve_list names, values;
    enum sieve_address_part part =
        (enum sieve_address_part)sieve_number(c, SLOT_PART, SIEVE_PART_ALL);
    if (sieve_matcher_init(&m, r, c, SLOT_1) || sieve_strings(r, c, SLOT_0, &names))
        return -1;
    if (!r->in->envelope.present)
        return 0;
    for (size_t i = 0; i < names.n; i++) {
        const struct sieve_envelope_part *p = find(names.items[i], r->frame->enabled);
        if (!p)
            continue;
        if (p->values(r, c, &values))
            return -1;
        for (size_t k = 0; k < values.n; k++) {
            bool parse = p->address && values.items[k].n;
            int got = parse ? sieve_try_addresses(&m, values.items[k], part)
                            : sieve_matcher_try(&m, values.items[k]);
            if (got)
                return got;
        }
    }
    return sieve_matcher_end(&m);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("envelope"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH | USES_PART | USES_EXTLIST,
     .args = {{"parts of the envelope", SIEVE_LIST}, {"keys", SIEVE_LIST}},
     .n_args = 2,
     .check = check,
     .run = run,
     .rfc = "5228:5.4"},
    {{0}},
};

const struct sieve_extension sieve_ext_envelope = {.name = S_INIT("envelope"),
                                                   .commands = commands};
