/* ext_include.c - RFC 6609: scripts in scripts. The names are those of ManageSieve and never paths;
   a script that is at work is not run again. */
#include "mail/sieve/compile.h"
#include "mail/sieve/run.h"

enum { PERSONAL = 1, GLOBAL };

static int check(struct sieve_compiler *c)
{
    if (sieve_need_constant(c, SLOT_0))
        return -1;
    return sieve_check_each(c, SLOT_0, sieve_is_script_name, "the name of a script");
}

static bool at_work(const struct sieve_runner *r, struct slice name, bool site)
{
    for (const struct sieve_frame *f = r->frame; f; f = f->below)
        if (f->site == site && slice_eq(f->script, name))
            return true;
    return false;
}

static bool was_included(const struct sieve_runner *r, struct slice name, bool site)
{
    for (const struct sieve_included *i = r->included; i; i = i->next)
        if (i->site == site && slice_eq(i->name, name))
            return true;
    return false;
}

/* Runs it as a frame of its own, with its own variables. */
static int run_script(struct sieve_runner *r, struct slice name, bool site, struct slice code)
{
    struct sieve_frame *f = arena_new(r->arena, struct sieve_frame, 1);
    struct sieve_included *inc = arena_new(r->arena, struct sieve_included, 1);
    uint32_t line = r->line;
    if (!f || !inc)
        return sieve_fail_memory(r);
    if (++r->depth > r->limits->include_depth || ++r->includes > r->limits->includes)
        return sieve_fail(r, ERR_LIMIT, "scripts include each other over %u deep, or %u times",
                          r->limits->include_depth, r->limits->includes);
    if (sieve_load(code, r->limits, r->arena, &f->program, r->e))
        return -1;
    f->script = name;
    f->site = site;
    *inc = (struct sieve_included){name, site, r->included};
    r->included = inc;
    if (sieve_run_frame(r, f))
        return -1;
    r->depth--;
    r->line = line;
    return 0;
}

/* RFC 6609 3.2 */
static int run_include(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice name, code = SNONE;
    bool site = sieve_number(c, SLOT_LOCATION, PERSONAL) == GLOBAL;
    if (sieve_string(r, c, SLOT_0, &name))
        return -1;
    if (!sieve_is_script_name(name))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not the name of a script",
                          (int)(name.n > 80 ? 80 : name.n), name.p);
    bool cycle = at_work(r, name, site);
    if (sieve_has(c, SLOT_ONCE) && (cycle || was_included(r, name, site)))
        return 0;
    if (cycle)
        return sieve_fail(r, ERR_CONFLICT, "script \"%.*s\" includes itself",
                          (int)(name.n > 80 ? 80 : name.n), name.p);
    int got = r->world->script ? r->world->script(r->ctx, site, name, r->arena, &code, r->e) : 0;
    if (got < 0)
        return -1;
    if (got)
        return run_script(r, name, site, code);
    if (sieve_has(c, SLOT_OPTIONAL))
        return 0;
    return sieve_fail(r, ERR_NOTFOUND, "there is no %s script \"%.*s\"",
                      site ? "global" : "personal", (int)(name.n > 80 ? 80 : name.n), name.p);
}

/* RFC 6609 3.4.1 */
static int run_global(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_list names;
    if (sieve_strings(r, c, SLOT_0, &names))
        return -1;
    for (size_t i = 0; i < names.n; i++)
        if (sieve_global_declare(r, names.items[i]))
            return -1;
    return 0;
}

static int check_global(struct sieve_compiler *c)
{
    if (!sieve_enabled(c, SIEVE_BIT(variables)))
        return sieve_wrong(c, c->at, "\"global\" needs require \"variables\"");
    if (sieve_need_constant(c, SLOT_0))
        return -1;
    return sieve_check_each(c, SLOT_0, sieve_variable_name, "the name of a variable");
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("include"),
     .shape = SHAPE_ACTION,
     .args = {{"the name of a script", SIEVE_STRING}},
     .n_args = 1,
     .check = check,
     .run = run_include,
     .rfc = "6609:3.2"},
    {.name = S_INIT("return"), .shape = SHAPE_RETURN, .rfc = "6609:3.3"},
    {.name = S_INIT("global"),
     .shape = SHAPE_ACTION,
     .args = {{"names of variables", SIEVE_LIST}},
     .n_args = 1,
     .check = check_global,
     .run = run_global,
     .rfc = "6609:3.4.1"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("personal"), .on = "include", .slot = SLOT_LOCATION, .value = PERSONAL},
    {.name = S_INIT("global"), .on = "include", .slot = SLOT_LOCATION, .value = GLOBAL},
    {.name = S_INIT("once"), .on = "include", .slot = SLOT_ONCE},
    {.name = S_INIT("optional"), .on = "include", .slot = SLOT_OPTIONAL},
    {{0}},
};

const struct sieve_extension sieve_ext_include = {
    .name = S_INIT("include"), .commands = commands, .tags = tags};
