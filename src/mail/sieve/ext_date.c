/* ext_date.c - RFC 5260 4 and 5: parts of the dates in headers, and of now. */
#include "mail/sieve/compile.h"
#include "mail/sieve/tests.h"

enum { JULIAN_OF_1970 = 40587 };

bool sieve_zone(struct slice s, int32_t *ret)
{
    uint32_t v;
    if (s.n != 5 || (s.p[0] != '+' && s.p[0] != '-') || slice_u32(slice_from(s, 1), &v))
        return false;
    if (v / 100 > 23 || v % 100 > 59)
        return false;
    int32_t seconds = (int32_t)(v / 100 * 3600 + v % 100 * 60);
    *ret = s.p[0] == '-' ? -seconds : seconds;
    return true;
}

bool sieve_is_zone(struct slice s)
{
    int32_t zone;
    return sieve_zone(s, &zone);
}

static void part_zone(struct date d, struct buf *out)
{
    int32_t z = d.zone < 0 ? -d.zone : d.zone;
    buf_addf(out, "%c%02d%02d", d.zone < 0 ? '-' : '+', z / 3600, z / 60 % 60);
}

static void part_iso8601(struct date d, struct buf *out)
{
    struct date_civil c = date_civil(d);
    int32_t z = d.zone < 0 ? -d.zone : d.zone;
    buf_addf(out, "%04d-%02d-%02dT%02d:%02d:%02d", c.year, c.month, c.day, c.hour, c.minute,
             c.second);
    if (z)
        buf_addf(out, "%c%02d:%02d", d.zone < 0 ? '-' : '+', z / 3600, z / 60 % 60);
    else
        buf_addc(out, 'Z');
}

#define PART(name_, ...)                                                                           \
    static void part_##name_(struct date d, struct buf *out)                                       \
    {                                                                                              \
        struct date_civil c = date_civil(d);                                                       \
        buf_addf(out, __VA_ARGS__);                                                                \
    }
PART(year, "%04d", c.year)
PART(month, "%02d", c.month)
PART(day, "%02d", c.day)
PART(date, "%04d-%02d-%02d", c.year, c.month, c.day)
PART(julian, "%lld", (long long)(date_days(c.year, c.month, c.day) + JULIAN_OF_1970))
PART(hour, "%02d", c.hour)
PART(minute, "%02d", c.minute)
PART(second, "%02d", c.second)
PART(time, "%02d:%02d:%02d", c.hour, c.minute, c.second)
PART(weekday, "%d", c.weekday)

static const struct {
    struct slice name;
    void (*write)(struct date d, struct buf *out);
} parts[] = {
    {S_INIT("year"), part_year},       {S_INIT("month"), part_month},   {S_INIT("day"), part_day},
    {S_INIT("date"), part_date},       {S_INIT("julian"), part_julian}, {S_INIT("hour"), part_hour},
    {S_INIT("minute"), part_minute},   {S_INIT("second"), part_second}, {S_INIT("time"), part_time},
    {S_INIT("iso8601"), part_iso8601}, {S_INIT("std11"), date_write},   {S_INIT("zone"), part_zone},
    {S_INIT("weekday"), part_weekday},
};

bool sieve_date_part(struct date d, struct slice part, struct buf *out)
{
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (slice_eqi(parts[i].name, part)) {
            parts[i].write(d, out);
            return true;
        }
    return false;
}

bool sieve_is_date_part(struct slice s)
{
    BUF_SCOPE out = {0};
    return sieve_date_part((struct date){0}, s, &out);
}

/* The zone to show the date in: :zone, :originalzone, or ours. */
static int shift(struct sieve_runner *r, const struct sieve_call *c, struct date *d)
{
    struct slice zone;
    d->unknown = false;
    if (sieve_string(r, c, SLOT_ZONE, &zone))
        return -1;
    if (zone.p && !sieve_zone(zone, &d->zone))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is no time zone",
                          (int)(zone.n > 40 ? 40 : zone.n), zone.p);
    if (!zone.p && !sieve_has(c, SLOT_ORIGINAL_ZONE))
        d->zone = r->in->zone;
    return 0;
}

static int try_date(struct sieve_matcher *m, const struct sieve_call *c, struct date d,
                    struct slice part)
{
    BUF_SCOPE out = {0};
    struct slice text;
    if (shift(m->r, c, &d) || !sieve_date_part(d, part, &out))
        return sieve_fail(m->r, ERR_SYNTAX, "\"%.*s\" is no part of a date",
                          (int)(part.n > 40 ? 40 : part.n), part.p);
    return sieve_keep_buf(m->r, &out, &text) ? -1 : sieve_matcher_try(m, text);
}

/* The whole value, or what is behind its last semicolon (Received). */
static bool find_date(struct slice value, struct date *ret)
{
    ptrdiff_t at = slice_rfind(value, ';');
    if (at >= 0)
        return date_parse(slice_from(value, (size_t)at + 1), ret);
    return date_parse(value, ret);
}

static int run_date(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_matcher m;
    struct slice name, part;
    struct sieve_list values;
    if (sieve_string(r, c, SLOT_0, &name) || sieve_string(r, c, SLOT_1, &part) ||
        sieve_matcher_init(&m, r, c, SLOT_2) || sieve_values(r, NULL, name, &values))
        return -1;
    sieve_pick_index(c, &values);
    for (size_t i = 0; i < values.n; i++) {
        struct date d;
        int got = find_date(values.items[i], &d) ? try_date(&m, c, d, part) : 0;
        if (got)
            return got;
    }
    return sieve_matcher_end(&m);
}

static int run_current(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_matcher m;
    struct slice part;
    if (sieve_string(r, c, SLOT_0, &part) || sieve_matcher_init(&m, r, c, SLOT_1))
        return -1;
    int got = try_date(&m, c, (struct date){.at = r->in->now}, part);
    return got ? got : sieve_matcher_end(&m);
}

static int check_date(struct sieve_compiler *c)
{
    if (sieve_given(c, SLOT_ZONE) && sieve_given(c, SLOT_ORIGINAL_ZONE))
        return sieve_wrong(c, c->source[SLOT_ORIGINAL_ZONE].at,
                           "\":zone\" and \":originalzone\" exclude each other");
    if (sieve_check_each(c, SLOT_0, sieve_is_field_name, "the name of a header field") ||
        sieve_check_each(c, SLOT_ZONE, sieve_is_zone, "a time zone such as +0100"))
        return -1;
    return sieve_check_each(c, SLOT_1, sieve_is_date_part, "a part of a date");
}

static int check_current(struct sieve_compiler *c)
{
    if (sieve_check_each(c, SLOT_ZONE, sieve_is_zone, "a time zone such as +0100"))
        return -1;
    return sieve_check_each(c, SLOT_0, sieve_is_date_part, "a part of a date");
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("date"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH | USES_INDEX,
     .args = {{"the name of a header", SIEVE_STRING},
              {"a part of a date", SIEVE_STRING},
              {"keys", SIEVE_LIST}},
     .n_args = 3,
     .check = check_date,
     .run = run_date,
     .rfc = "5260:4"},
    {.name = S_INIT("currentdate"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"a part of a date", SIEVE_STRING}, {"keys", SIEVE_LIST}},
     .n_args = 2,
     .check = check_current,
     .run = run_current,
     .rfc = "5260:5"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("zone"),
     .on = "date currentdate",
     .slot = SLOT_ZONE,
     .kind = SIEVE_STRING,
     .what = "a time zone"},
    {.name = S_INIT("originalzone"), .on = "date", .slot = SLOT_ORIGINAL_ZONE},
    {{0}},
};

const struct sieve_extension sieve_ext_date = {
    .name = S_INIT("date"), .commands = commands, .tags = tags};
