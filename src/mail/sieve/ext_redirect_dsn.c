/* ext_redirect_dsn.c - RFC 6009 6: NOTIFY and RET of what is redirected. */
#include "mail/sieve/run.h"

/* RFC 3461 4.1 */
static bool notify_ok(struct slice s)
{
    unsigned n = 0;
    if (slice_eqi(s, S("NEVER")))
        return true;
    while (s.p) {
        struct slice one = slice_cut(&s, ',');
        if (!slice_eqi(one, S("SUCCESS")) && !slice_eqi(one, S("FAILURE")) &&
            !slice_eqi(one, S("DELAY")))
            return false;
        n++;
    }
    return n > 0 && n <= 3;
}

int sieve_redirect_dsn(struct sieve_runner *r, const struct sieve_call *c, struct sieve_action *a)
{
    if (sieve_string(r, c, SLOT_NOTIFY, &a->dsn_notify) ||
        sieve_string(r, c, SLOT_RET, &a->dsn_ret))
        return -1;
    if (a->dsn_notify.p && !notify_ok(a->dsn_notify))
        return sieve_fail(r, ERR_SYNTAX, "\":notify\" is NEVER, or of SUCCESS, FAILURE, DELAY");
    if (a->dsn_ret.p && !slice_eqi(a->dsn_ret, S("FULL")) && !slice_eqi(a->dsn_ret, S("HDRS")))
        return sieve_fail(r, ERR_SYNTAX, "\":ret\" is FULL or HDRS");
    return 0;
}

static const struct sieve_tag tags[] = {
    {.name = S_INIT("notify"),
     .on = "redirect",
     .slot = SLOT_NOTIFY,
     .kind = SIEVE_STRING,
     .what = "conditions"},
    {.name = S_INIT("ret"),
     .on = "redirect",
     .slot = SLOT_RET,
     .kind = SIEVE_STRING,
     .what = "FULL or HDRS"},
    {{0}},
};

const struct sieve_extension sieve_ext_redirect_dsn = {.name = S_INIT("redirect-dsn"),
                                                       .tags = tags};
