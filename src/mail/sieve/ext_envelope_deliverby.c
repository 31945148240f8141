/* ext_envelope_deliverby.c - RFC 6009 5: what BY of RFC 2852 said, in the test envelope. */
#include "mail/sieve/tests.h"

static int absolute(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    const struct sieve_envelope *env = &r->in->envelope;
    struct date d = {.at = r->in->now + env->by_seconds, .zone = r->in->zone};
    struct slice zone, text = SNONE;
    BUF_SCOPE out = {0};
    if (sieve_string(r, c, SLOT_ZONE, &zone))
        return -1;
    if (zone.p && !sieve_zone(zone, &d.zone))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is no time zone",
                          (int)(zone.n > 40 ? 40 : zone.n), zone.p);
    sieve_date_part(d, S("iso8601"), &out);
    if (env->by && sieve_keep_buf(r, &out, &text))
        return -1;
    return sieve_one_value(r, text, ret);
}

static int relative(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    const struct sieve_envelope *env = &r->in->envelope;
    (void)c;
    struct slice text =
        env->by ? arena_printf(r->arena, "%lld", (long long)env->by_seconds) : SNONE;
    return sieve_one_value(r, text, ret);
}

static int mode(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    const struct sieve_envelope *env = &r->in->envelope;
    (void)c;
    struct slice text = env->by_mode == 'N' ? S("notify") : S("return");
    return sieve_one_value(r, env->by ? text : SNONE, ret);
}

static int trace(struct sieve_runner *r, const struct sieve_call *c, struct sieve_list *ret)
{
    const struct sieve_envelope *env = &r->in->envelope;
    (void)c;
    struct slice text = env->by_trace ? S("trace") : S("");
    return sieve_one_value(r, env->by ? text : SNONE, ret);
}

const struct sieve_envelope_part sieve_envelope_by_parts[] = {
    {S_INIT("bytimeabsolute"), false, absolute},
    {S_INIT("bytimerelative"), false, relative},
    {S_INIT("bymode"), false, mode},
    {S_INIT("bytrace"), false, trace},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("zone"),
     .on = "envelope",
     .slot = SLOT_ZONE,
     .kind = SIEVE_STRING,
     .what = "a time zone"},
    {{0}},
};

const struct sieve_extension sieve_ext_envelope_deliverby = {.name = S_INIT("envelope-deliverby"),
                                                             .tags = tags};
