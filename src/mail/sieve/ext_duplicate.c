/* ext_duplicate.c - RFC 7352: was a message with this id seen before? What was asked is remembered
   after the run, by whoever carries out its actions. */
#include "mail/sieve/compile.h"
#include "mail/sieve/run.h"

enum { DUPLICATES_MAX = 32, DEFAULT_SECONDS = 7 * 86400, SECONDS_MAX = 90 * 86400 };

static int check(struct sieve_compiler *c)
{
    if (sieve_given(c, SLOT_HEADER) && sieve_given(c, SLOT_UNIQUE))
        return sieve_wrong(c, c->source[SLOT_UNIQUE].at,
                           "\":header\" and \":uniqueid\" exclude each other");
    return 0;
}

/* What marks the message; p NULL: nothing does. */
static int find_id(struct sieve_runner *r, const struct sieve_call *c, struct slice *ret)
{
    struct slice header;
    if (sieve_string(r, c, SLOT_UNIQUE, ret) || ret->p || sieve_string(r, c, SLOT_HEADER, &header))
        return r->e->code ? -1 : 0;
    return sieve_first_text(r, header.p ? header : S("Message-ID"), ret);
}

static int remember(struct sieve_runner *r, const struct sieve_duplicate *d)
{
    struct sieve_outcome *o = r->out;
    for (size_t i = 0; i < o->n_duplicates; i++)
        if (slice_eq(o->duplicates[i].handle, d->handle) && slice_eq(o->duplicates[i].id, d->id))
            return 0;
    if (o->n_duplicates >= DUPLICATES_MAX)
        return sieve_fail(r, ERR_LIMIT, "over %d tests of duplicates", DUPLICATES_MAX);
    if (!o->duplicates)
        o->duplicates = arena_new(r->arena, struct sieve_duplicate, DUPLICATES_MAX);
    if (!o->duplicates)
        return sieve_fail_memory(r);
    o->duplicates[o->n_duplicates++] = *d;
    return 0;
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_duplicate d = {.last = sieve_has(c, SLOT_LAST)};
    d.seconds = sieve_number(c, SLOT_SECONDS, DEFAULT_SECONDS);
    if (d.seconds > SECONDS_MAX)
        d.seconds = SECONDS_MAX;
    if (sieve_string(r, c, SLOT_HANDLE, &d.handle) || find_id(r, c, &d.id))
        return -1;
    if (!d.id.n || !d.seconds) /* RFC 7352 3.1, 3.3 */
        return 0;
    int seen =
        r->world->duplicate ? r->world->duplicate(r->ctx, d.handle, d.id, d.seconds, r->e) : 0;
    /* RFC 7352 3.3: without :last a duplicate does not prolong the time. */
    if (seen < 0 || ((!seen || d.last) && remember(r, &d)))
        return -1;
    return seen;
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("duplicate"), .shape = SHAPE_TEST, .check = check, .run = run, .rfc = "7352:3"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("handle"),
     .on = "duplicate",
     .slot = SLOT_HANDLE,
     .kind = SIEVE_STRING,
     .what = "a handle"},
    {.name = S_INIT("header"),
     .on = "duplicate",
     .slot = SLOT_HEADER,
     .kind = SIEVE_STRING,
     .what = "the name of a header"},
    {.name = S_INIT("uniqueid"),
     .on = "duplicate",
     .slot = SLOT_UNIQUE,
     .kind = SIEVE_STRING,
     .what = "an id"},
    {.name = S_INIT("seconds"),
     .on = "duplicate",
     .slot = SLOT_SECONDS,
     .kind = SIEVE_NUMBER,
     .what = "a number of seconds"},
    {.name = S_INIT("last"), .on = "duplicate", .slot = SLOT_LAST},
    {{0}},
};

const struct sieve_extension sieve_ext_duplicate = {
    .name = S_INIT("duplicate"), .commands = commands, .tags = tags};
