/* ext_editheader.c - RFC 5293: addheader and deleteheader. Fields by which loops are broken and
   origins shown are not for scripts. */
#include "base/utf8.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/match.h"

enum { FIELDS_MAX = 1000, VALUE_MAX = 16 << 10 };

/* RFC 5293 6: Received and Auto-Submitted MUST NOT be deleted; Delivered-To tells where a message
   has been, by which loops of redirects end. */
static bool may_delete(const struct sieve_field *f)
{
    return !f->fixed && !slice_eqi(f->name, S("Received")) &&
           !slice_eqi(f->name, S("Delivered-To")) && !slice_eqi(f->name, S("Auto-Submitted"));
}

/* Added ones would say what only a server may say (RFC 5703 5, RFC 5293 6). */
static bool may_add(struct slice name)
{
    static const struct slice never[] = {
        S_INIT("Received"),
        S_INIT("Return-Path"),
        S_INIT("Delivered-To"),
        S_INIT("Original-From"),
        S_INIT("Auto-Submitted"),
        S_INIT("Original-Subject"),
        S_INIT("Authentication-Results"),
    };
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        if (slice_eqi(never[i], name))
            return false;
    return true;
}

static int check_name(struct sieve_compiler *c)
{
    if (sieve_check_each(c, SLOT_0, sieve_is_field_name, "the name of a header field"))
        return -1;
    if (sieve_given(c, SLOT_LAST) && c->command->uses & USES_MATCH && !sieve_given(c, SLOT_INDEX))
        return sieve_wrong(c, c->source[SLOT_LAST].at, "\":last\" goes with \":index\"");
    return 0;
}

static int take_name(struct sieve_runner *r, const struct sieve_call *c, struct slice *ret)
{
    if (sieve_string(r, c, SLOT_0, ret))
        return -1;
    if (sieve_is_field_name(*ret) && ret->n <= 76)
        return 0;
    return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not the name of a header field",
                      (int)(ret->n > 76 ? 76 : ret->n), ret->p);
}

/* RFC 5293 4 */
static int run_add(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice name, value;
    if (take_name(r, c, &name) || sieve_string(r, c, SLOT_1, &value))
        return -1;
    if (value.n > VALUE_MAX || r->mail.n >= FIELDS_MAX + r->mail.m->root->n_fields)
        return sieve_fail(r, ERR_LIMIT, "a header field is too long, or there are too many");
    if (!may_add(name))
        return 0;
    /* One line, whatever it was put together from. */
    char *line = arena_cstr(r->arena, value);
    if (!line)
        return sieve_fail_memory(r);
    for (size_t i = 0; i < value.n; i++)
        line[i] = ascii_is_control(line[i]) ? ' ' : line[i];
    value = slice_trim(slice_of(line, value.n));
    return sieve_mail_add(r, name, value, sieve_has(c, SLOT_LAST), false);
}

/* Does that field go? */
static int matches(struct sieve_runner *r, const struct sieve_call *c, const struct sieve_field *f)
{
    struct sieve_matcher m;
    struct slice text;
    if (!may_delete(f))
        return 0;
    if (!sieve_has(c, SLOT_1))
        return 1;
    if (sieve_matcher_init(&m, r, c, SLOT_1) || sieve_text(r, f->value, &text))
        return -1;
    int got = sieve_matcher_try(&m, text);
    return got ? got : sieve_matcher_end(&m);
}

/* RFC 5293 5 */
static int run_delete(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice name;
    uint64_t index = sieve_number(c, SLOT_INDEX, 0), seen = 0;
    bool last = sieve_has(c, SLOT_LAST);
    if (take_name(r, c, &name) || sieve_work(r, r->mail.n))
        return -1;
    /* From the end that :index counts from; a field that goes shifts those behind it. */
    for (uint32_t k = r->mail.n, i = last ? k : 0; k; k--) {
        const struct sieve_field *f = &r->mail.fields[last ? --i : i];
        bool named = slice_eqi(f->name, name);
        bool counted = named && (!sieve_has(c, SLOT_INDEX) || ++seen == index);
        int got = counted ? matches(r, c, f) : 0;
        if (got < 0)
            return -1;
        if (got)
            sieve_mail_remove(r, i);
        else if (!last)
            i++;
    }
    return 0;
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("addheader"),
     .shape = SHAPE_ACTION,
     .args = {{"the name of a header", SIEVE_STRING}, {"a value", SIEVE_STRING}},
     .n_args = 2,
     .check = check_name,
     .run = run_add,
     .rfc = "5293:4"},
    {.name = S_INIT("deleteheader"),
     .shape = SHAPE_ACTION,
     .uses = USES_MATCH,
     .args = {{"the name of a header", SIEVE_STRING}, {"values", SIEVE_LIST}},
     .n_args = 2,
     .last_optional = true,
     .check = check_name,
     .run = run_delete,
     .rfc = "5293:5"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("last"), .on = "addheader deleteheader", .slot = SLOT_LAST},
    {.name = S_INIT("index"),
     .on = "deleteheader",
     .slot = SLOT_INDEX,
     .kind = SIEVE_NUMBER,
     .what = "a number"},
    {{0}},
};

const struct sieve_extension sieve_ext_editheader = {
    .name = S_INIT("editheader"), .commands = commands, .tags = tags};
