/* ext_redirect_deliverby.c - RFC 6009 7: how long what is redirected may take (RFC 2852). */
#include "mail/sieve/run.h"
#include "mail/sieve/tests.h"

enum { BY_RELATIVE = 1, BY_ABSOLUTE };
#define BY_MAX INT64_C(999999999) /* RFC 2852 4 */

static bool digits(struct slice s, size_t at, size_t n, int *ret)
{
    uint32_t v;
    if (slice_u32(slice_sub(s, at, at + n), &v) || at + n > s.n)
        return false;
    *ret = (int)v;
    return true;
}

/* RFC 3339 5.6: 2010-10-01T12:00:00Z, also with a fraction, and with +0200 (RFC 6009 7.2). */
static bool parse_time(struct slice s, int64_t *ret)
{
    int year, month, day, hour, minute, second, zh = 0, zm = 0;
    if (s.n < 20 || s.p[4] != '-' || s.p[7] != '-' || ascii_upper(s.p[10]) != 'T' ||
        s.p[13] != ':' || s.p[16] != ':' || !digits(s, 0, 4, &year) || !digits(s, 5, 2, &month) ||
        !digits(s, 8, 2, &day) || !digits(s, 11, 2, &hour) || !digits(s, 14, 2, &minute) ||
        !digits(s, 17, 2, &second))
        return false;
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    struct slice zone = slice_from(s, 19);
    if (zone.p[0] == '.')
        do
            zone = slice_from(zone, 1);
        while (zone.n && ascii_digit(zone.p[0]));
    int sign = 1;
    if (slice_eqi(zone, S("Z"))) {
        sign = 0;
    } else if ((zone.n == 5 || zone.n == 6) && (zone.p[0] == '+' || zone.p[0] == '-')) {
        sign = zone.p[0] == '-' ? -1 : 1;
        if (!digits(zone, 1, 2, &zh) || !digits(zone, zone.n - 2, 2, &zm) ||
            (zone.n == 6 && zone.p[3] != ':') || zh > 23 || zm > 59)
            return false;
    } else {
        return false;
    }
    *ret = date_days(year, month, day) * 86400 + hour * 3600 + minute * 60 + second -
           sign * (zh * 3600 + zm * 60);
    return true;
}

int sieve_redirect_by(struct sieve_runner *r, const struct sieve_call *c, struct sieve_action *a)
{
    struct slice time, mode;
    if (sieve_string(r, c, SLOT_BY_TIME, &time) || sieve_string(r, c, SLOT_BY_MODE, &mode))
        return -1;
    a->by = time.p || sieve_has(c, SLOT_BY);
    a->by_trace = sieve_has(c, SLOT_BY_TRACE);
    if (!a->by)
        return mode.p || a->by_trace
                   ? sieve_fail(r, ERR_SYNTAX, "\":bymode\" and \":bytrace\" need a time")
                   : 0;
    if (time.p && sieve_has(c, SLOT_BY))
        return sieve_fail(r, ERR_SYNTAX,
                          "\":bytimerelative\" and \":bytimeabsolute\" exclude each other");
    a->by_seconds = (int64_t)sieve_number(c, SLOT_BY, 0);
    if (time.p) {
        if (!parse_time(time, &a->by_seconds))
            return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is no time of RFC 3339",
                              (int)(time.n > 60 ? 60 : time.n), time.p);
        a->by_seconds -= r->in->now;
    }
    if (a->by_seconds > BY_MAX)
        a->by_seconds = BY_MAX;
    if (a->by_seconds < -BY_MAX)
        a->by_seconds = -BY_MAX;
    if (mode.p && !slice_eqi(mode, S("notify")) && !slice_eqi(mode, S("return")))
        return sieve_fail(r, ERR_SYNTAX, "\":bymode\" is notify or return");
    a->by_mode = slice_eqi(mode, S("notify")) ? 'N' : 'R';
    return 0;
}

static const struct sieve_tag tags[] = {
    {.name = S_INIT("bytimerelative"),
     .on = "redirect",
     .slot = SLOT_BY,
     .kind = SIEVE_NUMBER,
     .what = "seconds"},
    {.name = S_INIT("bytimeabsolute"),
     .on = "redirect",
     .slot = SLOT_BY_TIME,
     .kind = SIEVE_STRING,
     .what = "a time"},
    {.name = S_INIT("bymode"),
     .on = "redirect",
     .slot = SLOT_BY_MODE,
     .kind = SIEVE_STRING,
     .what = "notify or return"},
    {.name = S_INIT("bytrace"), .on = "redirect", .slot = SLOT_BY_TRACE},
    {{0}},
};

const struct sieve_extension sieve_ext_redirect_deliverby = {.name = S_INIT("redirect-deliverby"),
                                                             .tags = tags};
