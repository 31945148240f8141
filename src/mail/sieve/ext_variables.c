/* ext_variables.c - RFC 5229: set, the test string, and what ${...} in strings becomes. Scripts
   that include each other have variables of their own, and those that they declared global (RFC
   6609 3.4). */
#include <unicode/uchar.h>

#include "base/utf8.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/match.h"
#include "mail/sieve/modifiers.h"

enum { NAME_MAX_BYTES = 64 };

static bool name_char(char c, bool first)
{
    return ascii_alpha(c) || c == '_' || (!first && ascii_digit(c));
}

static bool identifier(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!name_char(s.p[i], i == 0))
            return false;
    return s.n > 0 && s.n <= NAME_MAX_BYTES;
}

static bool global_name(struct slice *name)
{
    if (!slice_startsi(*name, S("global.")))
        return false;
    *name = slice_from(*name, 7);
    return true;
}

bool sieve_variable_name(struct slice name)
{
    global_name(&name);
    return identifier(name);
}

static struct sieve_variable *find(struct sieve_scope *s, struct slice name)
{
    for (struct sieve_variable *v = s->first; v; v = v->next)
        if (v->name.n == name.n && slice_eqi(v->name, name))
            return v;
    return NULL;
}

/* Where a name lives: here, or with all scripts. */
static struct sieve_scope *scope_of(struct sieve_runner *r, struct slice *name)
{
    if (global_name(name))
        return &r->globals;
    struct sieve_scope *own = &r->frame->variables;
    return own->globals && find(own->globals, *name) ? &r->globals : own;
}

static int put(struct sieve_runner *r, struct sieve_scope *s, struct slice name, struct slice value)
{
    struct sieve_variable *v = find(s, name);
    if (!v) {
        if (s->n >= r->limits->variables)
            return sieve_fail(r, ERR_LIMIT, "over %u variables", r->limits->variables);
        v = arena_new(r->arena, struct sieve_variable, 1);
        if (!v)
            return sieve_fail_memory(r);
        if (sieve_keep_text(r, name, &v->name))
            return -1;
        v->next = s->first;
        s->first = v;
        s->n++;
    }
    v->value = value;
    return 0;
}

/* RFC 5229 6: what is longer is cut, where a character ends. */
static struct slice cut(struct sieve_runner *r, struct slice s)
{
    size_t n = r->limits->variable_size;
    if (s.n <= n)
        return s;
    while (n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    return slice_sub(s, 0, n);
}

int sieve_variable_set(struct sieve_runner *r, struct slice name, struct slice value)
{
    if (!sieve_variable_name(name))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not the name of a variable",
                          (int)(name.n > 60 ? 60 : name.n), name.p);
    struct sieve_scope *s = scope_of(r, &name);
    return put(r, s, name, cut(r, value));
}

int sieve_variable_get(struct sieve_runner *r, struct slice name, struct slice *ret)
{
    struct sieve_scope *s = scope_of(r, &name);
    if (sieve_work(r, s->n))
        return -1;
    const struct sieve_variable *v = find(s, name);
    *ret = v ? v->value : S("");
    return 0;
}

int sieve_global_declare(struct sieve_runner *r, struct slice name)
{
    struct sieve_scope *own = &r->frame->variables;
    if (!identifier(name))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not the name of a variable",
                          (int)(name.n > 60 ? 60 : name.n), name.p);
    if (find(own, name))
        return sieve_fail(r, ERR_CONFLICT, "\"%.*s\" is a variable of the script already",
                          SARG(name));
    if (!own->globals) {
        own->globals = arena_new(r->arena, struct sieve_scope, 1);
        if (!own->globals)
            return sieve_fail_memory(r);
    }
    if (put(r, own->globals, name, S("")))
        return -1;
    return find(&r->globals, name) ? 0 : put(r, &r->globals, name, S(""));
}

/* The value of what stands between ${ and }. 1: it is no reference. */
static int reference(struct sieve_runner *r, struct slice name, struct slice *ret)
{
    uint64_t n;
    if (name.n && name.n <= 9 && !slice_u64(name, &n)) {
        *ret = n < r->n_matches ? r->matches[n] : S("");
        return 0;
    }
    ptrdiff_t dot = slice_rfind(name, '.');
    if (!identifier(slice_from(name, (size_t)(dot + 1))))
        return 1;
    bool shared = slice_eqi(slice_sub(name, 0, dot < 0 ? 0 : (size_t)dot), S("global"));
    if (dot < 0 || (shared && sieve_on(r, SIEVE_BIT(include))))
        return sieve_variable_get(r, name, ret);
    for (size_t i = 0; i < name.n; i++)
        if (!name_char(name.p[i], false) && name.p[i] != '.')
            return 1;
    return sieve_fail(r, ERR_SYNTAX, "namespace \"%.*s\" is not known", (int)(dot > 60 ? 60 : dot),
                      name.p);
}

/* RFC 5229 3 */
int sieve_expand(struct sieve_runner *r, struct slice constant, struct slice *ret)
{
    *ret = constant.p ? constant : S("");
    if (slice_search(constant, S("${")) < 0)
        return 0;
    BUF_SCOPE out = {.max = r->limits->memory};
    struct slice s = constant;
    if (sieve_work(r, s.n))
        return -1;
    while (s.n) {
        ptrdiff_t at = slice_search(s, S("${"));
        if (at < 0) {
            buf_add(&out, s);
            break;
        }
        buf_add(&out, slice_sub(s, 0, (size_t)at));
        s = slice_from(s, (size_t)at);
        /* A name is short: no search for a far away end again and again. */
        struct slice near = slice_sub(s, 2, NAME_MAX_BYTES * 2), value;
        ptrdiff_t end = slice_find(near, '}');
        int got = end < 0 ? 1 : reference(r, slice_sub(near, 0, (size_t)end), &value);
        if (got < 0 || (got == 0 && sieve_work(r, value.n)))
            return -1;
        if (got) {
            buf_add(&out, S("${"));
            s = slice_from(s, 2);
        } else {
            buf_add(&out, value);
            s = slice_from(s, (size_t)end + 3);
        }
    }
    return sieve_keep_buf(r, &out, ret);
}

/* --- modifiers: RFC 5229 4.1 --- */

/* Letters of all scripts, one for one: what becomes longer (sharp s) stays. */
static void change_case(struct slice s, bool upper, bool first_only, struct buf *out)
{
    for (size_t at = 0; at < s.n;) {
        size_t from = at;
        uint32_t c = sieve_next_char(s, &at, false);
        if (c >= 0x110000 || (first_only && from > 0))
            buf_add(out, slice_sub(s, from, at));
        else
            utf8_add(out, (uint32_t)(upper ? u_toupper((UChar32)c) : u_tolower((UChar32)c)));
    }
}

static void quote(struct slice s, const char *which, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] && strchr(which, s.p[i]))
            buf_addc(out, '\\');
        buf_addc(out, s.p[i]);
    }
}

/* RFC 5435 6: everything but unreserved characters (RFC 3986). */
static void encode_url(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (ascii_alpha(c) || ascii_digit(c) || (c && strchr("-._~", c)))
            buf_addc(out, c);
        else
            buf_addf(out, "%%%02X", (unsigned char)c);
    }
}

static int modify(struct sieve_runner *r, enum sieve_slot slot, unsigned value, struct slice *s)
{
    BUF_SCOPE out = {.max = r->limits->memory};
    if (sieve_work(r, s->n))
        return -1;
    switch (slot) {
    case SLOT_CASE:
    case SLOT_CASE_FIRST:
        change_case(*s, value == SIEVE_CASE_UPPER, slot == SLOT_CASE_FIRST, &out);
        break;
    case SLOT_QUOTE:
        quote(*s, value == SIEVE_QUOTE_REGEX ? "\\^$.[]|()*+?{}" : "\\*?", &out);
        break;
    case SLOT_ENCODE:
        encode_url(*s, &out);
        break;
    default:
        buf_addu(&out, utf8_count(*s));
    }
    return sieve_keep_buf(r, &out, s);
}

int sieve_modify(struct sieve_runner *r, const struct sieve_call *c, struct slice *value)
{
    static const enum sieve_slot order[] = {SLOT_CASE, SLOT_CASE_FIRST, SLOT_QUOTE, SLOT_ENCODE,
                                            SLOT_LENGTH};
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        if (sieve_has(c, order[i]) &&
            modify(r, order[i], (unsigned)sieve_number(c, order[i], 0), value))
            return -1;
    return 0;
}

static int check_set(struct sieve_compiler *c)
{
    const struct sieve_source *name = &c->source[SLOT_0];
    if (sieve_need_constant(c, SLOT_0))
        return -1;
    if (slice_startsi(name->text, S("global.")) && !sieve_enabled(c, SIEVE_BIT(include)))
        return sieve_wrong(c, name->at, "\"global.\" needs require \"include\"");
    return sieve_check_each(c, SLOT_0, sieve_variable_name, "the name of a variable");
}

static int run_set(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice name, value;
    if (sieve_string(r, c, SLOT_0, &name) || sieve_string(r, c, SLOT_1, &value) ||
        sieve_modify(r, c, &value))
        return -1;
    return sieve_variable_set(r, name, value);
}

/* RFC 5229 5 */
static int run_string(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_matcher m;
    struct sieve_list source;
    if (sieve_strings(r, c, SLOT_0, &source) || sieve_matcher_init(&m, r, c, SLOT_1))
        return -1;
    if (m.type != SIEVE_MATCH_COUNT)
        return sieve_matcher_list(&m, &source);
    for (size_t i = 0; i < source.n; i++) /* empty ones do not count */
        if (source.items[i].n && sieve_matcher_try(&m, source.items[i]) < 0)
            return -1;
    return sieve_matcher_end(&m);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("set"),
     .shape = SHAPE_ACTION,
     .uses = USES_MODIFIERS,
     .args = {{"the name of a variable", SIEVE_STRING}, {"a value", SIEVE_STRING}},
     .n_args = 2,
     .check = check_set,
     .run = run_set,
     .rfc = "5229:4"},
    {.name = S_INIT("string"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH | USES_EXTLIST,
     .args = {{"strings", SIEVE_LIST}, {"keys", SIEVE_LIST}},
     .n_args = 2,
     .run = run_string,
     .rfc = "5229:5"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("lower"), .uses = USES_MODIFIERS, .slot = SLOT_CASE, .value = SIEVE_CASE_LOWER},
    {.name = S_INIT("upper"), .uses = USES_MODIFIERS, .slot = SLOT_CASE, .value = SIEVE_CASE_UPPER},
    {.name = S_INIT("lowerfirst"),
     .uses = USES_MODIFIERS,
     .slot = SLOT_CASE_FIRST,
     .value = SIEVE_CASE_LOWER},
    {.name = S_INIT("upperfirst"),
     .uses = USES_MODIFIERS,
     .slot = SLOT_CASE_FIRST,
     .value = SIEVE_CASE_UPPER},
    {.name = S_INIT("quotewildcard"),
     .uses = USES_MODIFIERS,
     .slot = SLOT_QUOTE,
     .value = SIEVE_QUOTE_WILDCARD},
    {.name = S_INIT("length"), .uses = USES_MODIFIERS, .slot = SLOT_LENGTH},
    {{0}},
};

const struct sieve_extension sieve_ext_variables = {
    .name = S_INIT("variables"), .commands = commands, .tags = tags, .grammar = true};
