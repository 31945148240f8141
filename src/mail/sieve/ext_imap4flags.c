/* ext_imap4flags.c - RFC 5232: flags in the internal variable or in one of the script's. */
#include "mail/sieve/compile.h"
#include "mail/sieve/match.h"

enum { FLAGS_MAX = 200, FLAG_LENGTH_MAX = 255 };

static const struct slice system_flags[] = {
    S_INIT("\\Answered"), S_INIT("\\Deleted"), S_INIT("\\Draft"),
    S_INIT("\\Flagged"),  S_INIT("\\Seen"),
};

/* What may be set; a flag of the system in its usual case (RFC 9051 9, flag). */
static bool flag_ok(struct slice *s)
{
    for (size_t i = 0; i < sizeof(system_flags) / sizeof(system_flags[0]); i++)
        if (slice_eqi(*s, system_flags[i])) {
            *s = system_flags[i];
            return true;
        }
    for (size_t i = 0; i < s->n; i++)
        if (s->p[i] <= ' ' || s->p[i] >= 127 || strchr("(){%*\"\\]", s->p[i]))
            return false;
    return s->n > 0 && s->n <= FLAG_LENGTH_MAX;
}

static ptrdiff_t index_of(const struct sieve_list *l, struct slice s)
{
    for (size_t i = 0; i < l->n; i++)
        if (slice_eqi(l->items[i], s))
            return (ptrdiff_t)i;
    return -1;
}

static int add_one(struct sieve_runner *r, struct sieve_list *l, struct slice s)
{
    if (!flag_ok(&s) || index_of(l, s) >= 0)
        return 0;
    if (l->n >= FLAGS_MAX)
        return sieve_fail(r, ERR_LIMIT, "over %d flags", FLAGS_MAX);
    l->items[l->n++] = s;
    return 0;
}

static int add_all(struct sieve_runner *r, struct sieve_list *to, const struct sieve_list *from)
{
    for (size_t i = 0; i < from->n; i++) {
        struct slice rest = from->items[i];
        if (sieve_work(r, rest.n + to->n))
            return -1;
        while (rest.p)
            if (add_one(r, to, slice_cut(&rest, ' ')))
                return -1;
    }
    return 0;
}

int sieve_flags_normal(struct sieve_runner *r, const struct sieve_list *l, struct sieve_list *ret)
{
    *ret = (struct sieve_list){.items = arena_new(r->arena, struct slice, FLAGS_MAX)};
    return ret->items ? add_all(r, ret, l) : sieve_fail_memory(r);
}

/* The flags of a variable, or of the internal one. */
static int load(struct sieve_runner *r, struct slice name, struct sieve_list *ret)
{
    struct sieve_list one = {.n = 1};
    struct slice text;
    if (!name.p)
        return sieve_flags_normal(r, &r->flags, ret);
    if (sieve_variable_get(r, name, &text))
        return -1;
    one.items = &text;
    return sieve_flags_normal(r, &one, ret);
}

static int save(struct sieve_runner *r, struct slice name, const struct sieve_list *l)
{
    if (!name.p) {
        r->flags = *l;
        r->flags_set = true;
        return 0;
    }
    BUF_SCOPE out = {.max = r->limits->memory};
    struct slice text;
    for (size_t i = 0; i < l->n; i++) {
        if (i)
            buf_addc(&out, ' ');
        buf_add(&out, l->items[i]);
    }
    return sieve_keep_buf(r, &out, &text) ? -1 : sieve_variable_set(r, name, text);
}

enum change { SET, ADD, REMOVE };

static int change(struct sieve_runner *r, const struct sieve_call *c, enum change how)
{
    struct slice name;
    struct sieve_list given, flags, now;
    if (sieve_string(r, c, SLOT_0, &name) || sieve_strings(r, c, SLOT_1, &given) ||
        sieve_flags_normal(r, &given, &flags))
        return -1;
    if (how == SET)
        return save(r, name, &flags);
    if (load(r, name, &now))
        return -1;
    if (how == ADD)
        return add_all(r, &now, &flags) ? -1 : save(r, name, &now);
    for (size_t i = 0; i < flags.n; i++) {
        ptrdiff_t at = index_of(&now, flags.items[i]);
        if (at < 0)
            continue;
        now.n--;
        memmove(now.items + at, now.items + at + 1, (now.n - (size_t)at) * sizeof(*now.items));
    }
    return save(r, name, &now);
}

static int run_set(struct sieve_runner *r, const struct sieve_call *c)
{
    return change(r, c, SET);
}

static int run_add(struct sieve_runner *r, const struct sieve_call *c)
{
    return change(r, c, ADD);
}

static int run_remove(struct sieve_runner *r, const struct sieve_call *c)
{
    return change(r, c, REMOVE);
}

/* RFC 5232 4 */
static int run_has(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_matcher m;
    struct sieve_list names, flags;
    if (sieve_strings(r, c, SLOT_0, &names) || sieve_matcher_init(&m, r, c, SLOT_1))
        return -1;
    bool split = m.type == SIEVE_MATCH_IS || m.type == SIEVE_MATCH_CONTAINS;
    if (split && m.comparator != SIEVE_CMP_UNICODE) {
        struct sieve_list keys = {.items = arena_new(r->arena, struct slice, FLAGS_MAX)};
        if (!keys.items)
            return sieve_fail_memory(r);
        for (size_t i = 0; i < m.keys.n; i++)
            for (struct slice rest = m.keys.items[i]; rest.p;) {
                struct slice key = slice_cut(&rest, ' ');
                if (key.n && keys.n < FLAGS_MAX)
                    keys.items[keys.n++] = key;
            }
        m.keys = keys;
    }
    for (size_t i = 0; i < (names.n ? names.n : 1); i++) {
        if (load(r, names.n ? names.items[i] : SNONE, &flags))
            return -1;
        for (size_t k = 0; k < flags.n; k++) {
            int got = sieve_matcher_try(&m, flags.items[k]);
            if (got)
                return got;
        }
    }
    return sieve_matcher_end(&m);
}

/* A variable needs the extension that has them. */
static int check(struct sieve_compiler *c)
{
    if (!sieve_given(c, SLOT_0))
        return 0;
    if (!sieve_enabled(c, SIEVE_BIT(variables)))
        return sieve_wrong(c, c->source[SLOT_0].at,
                           "the name of a variable needs require \"variables\"");
    return sieve_check_each(c, SLOT_0, sieve_variable_name, "the name of a variable");
}

#define CHANGES(name_, run_, rfc_)                                                                 \
    {                                                                                              \
        .name = S_INIT(name_), .shape = SHAPE_ACTION,                                              \
        .args = {{"the name of a variable", SIEVE_STRING}, {"flags", SIEVE_LIST}}, .n_args = 2,    \
        .first_optional = true, .check = check, .run = run_, .rfc = rfc_                           \
    }

static const struct sieve_command commands[] = {
    CHANGES("setflag", run_set, "5232:3.1"),
    CHANGES("addflag", run_add, "5232:3.2"),
    CHANGES("removeflag", run_remove, "5232:3.3"),
    {.name = S_INIT("hasflag"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"names of variables", SIEVE_LIST}, {"flags", SIEVE_LIST}},
     .n_args = 2,
     .first_optional = true,
     .check = check,
     .run = run_has,
     .rfc = "5232:4"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("flags"),
     .on = "keep",
     .uses = USES_MAILBOX | USES_SENDS,
     .slot = SLOT_FLAGS,
     .kind = SIEVE_LIST,
     .what = "flags"},
    {{0}},
};

const struct sieve_extension sieve_ext_imap4flags = {
    .name = S_INIT("imap4flags"), .commands = commands, .tags = tags};
