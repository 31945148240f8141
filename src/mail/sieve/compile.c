/* compile.c - from the tree to byte code. Commands, arguments and what they need are looked up in
   the tables; RFC 5228 2.6 to 2.10, 3. Control structures become jumps; tests run left to right and
   stop when the result is known (RFC 5463 4, 5). */
#include "mail/sieve/compile.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/varint.h"
#include "mail/sieve/encoded.h"
#include "mail/sieve/lex.h"

enum { PENDING_END = 0 };

struct sieve_emitted {
    enum sieve_op op;
    uint32_t line;
    uint32_t target; /* while it is not known: the pending one before + 1 */
    size_t from, to; /* what follows, in c->args */
};

struct sieve_loop_source {
    struct slice name;
    uint32_t leave; /* pending jumps */
    struct sieve_loop_source *outer;
};

int sieve_wrong(struct sieve_compiler *c, struct sieve_place at, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return sieve_error_at(at, c->ret_at, c->e, ERR_SYNTAX, "%s", text);
}

static int full(struct sieve_compiler *c)
{
    return sieve_error_at(c->at, c->ret_at, c->e, ERR_LIMIT,
                          "script makes more than %u instructions or needs too much memory",
                          c->limits->code);
}

bool sieve_constant(const struct sieve_compiler *c, struct slice text)
{
    return !sieve_enabled(c, SIEVE_BIT(variables)) || slice_search(text, S("${")) < 0;
}

int sieve_need_constant(struct sieve_compiler *c, enum sieve_slot slot)
{
    const struct sieve_source *s = &c->source[slot];
    for (uint32_t i = 0; i < s->n; i++)
        if (!sieve_constant(c, s->items[i]))
            return sieve_wrong(c, s->items_at[i], "variables may not be used here");
    return 0;
}

int sieve_check_each(struct sieve_compiler *c, enum sieve_slot slot, bool (*ok)(struct slice text),
                     const char *what)
{
    const struct sieve_source *s = &c->source[slot];
    for (uint32_t i = 0; i < s->n; i++) {
        struct slice t = s->items[i];
        if (sieve_constant(c, t) && !ok(t))
            return sieve_wrong(c, s->items_at[i], "\"%.*s\" is not %s", (int)(t.n > 60 ? 60 : t.n),
                               t.p, what);
    }
    return 0;
}

static int emit(struct sieve_compiler *c, enum sieve_op op, uint32_t target)
{
    if (c->n_code >= c->limits->code)
        return full(c);
    if (c->n_code == c->cap_code) {
        uint32_t cap = c->cap_code ? c->cap_code * 2 : 64;
        struct sieve_emitted *more = arena_new(c->arena, struct sieve_emitted, cap);
        if (!more)
            return full(c);
        if (c->n_code)
            memcpy(more, c->code, c->n_code * sizeof(*more));
        c->code = more;
        c->cap_code = cap;
    }
    c->code[c->n_code++] = (struct sieve_emitted){.op = op, .line = c->at.line, .target = target};
    return 0;
}

static int emit_pending(struct sieve_compiler *c, enum sieve_op op, uint32_t *pending)
{
    if (emit(c, op, *pending))
        return -1;
    *pending = c->n_code;
    return 0;
}

/* The jumps of the list lead to the next instruction. */
static void land(struct sieve_compiler *c, uint32_t pending)
{
    while (pending) {
        struct sieve_emitted *j = &c->code[pending - 1];
        pending = j->target;
        j->target = c->n_code;
    }
}

/* Number of a name in a table that is written into `out`; numbers are kept + 1. */
static int intern(struct sieve_compiler *c, struct hmap *map, struct buf *out, uint32_t *n,
                  struct slice s, uint32_t *ret)
{
    uintptr_t known = (uintptr_t)hmap_get(map, s);
    if (!known) {
        struct slice key = arena_dup(c->arena, s);
        if (!key.p || *n >= c->limits->code)
            return full(c);
        varint_add(out, s.n);
        buf_add(out, s);
        known = ++*n;
        hmap_set(map, key, (void *)known);
    }
    *ret = (uint32_t)known - 1;
    return 0;
}

static int constant(struct sieve_compiler *c, struct slice s, struct sieve_place at, uint32_t *ret)
{
    if (c->enabled & SIEVE_BIT(encoded_character)) {
        struct err e = {0};
        if (sieve_encoded_decode(s, c->arena, &s, &e))
            return e.code == ERR_LIMIT ? full(c) : sieve_wrong(c, at, "%s", e.text);
    }
    return intern(c, &c->constant_of, &c->constants, &c->n_constants, s, ret);
}

/* --- arguments --- */

static const char *kind_name(const struct sieve_arg *a)
{
    static const char *const names[] = {"a tag", "a number", "a string", "a string list"};
    return a ? names[a->kind] : "nothing";
}

static int take_arg(struct sieve_compiler *c, enum sieve_slot slot, enum sieve_kind kind,
                    const char *what, const struct sieve_arg *a, struct sieve_place where)
{
    static const char *const kinds[] = {"", "number", "string", "string or list of strings"};
    bool fits = a && ((kind == SIEVE_NUMBER && a->kind == SIEVE_ARG_NUMBER) ||
                      (kind != SIEVE_NUMBER && a->kind == SIEVE_ARG_STRING) ||
                      (kind == SIEVE_LIST && a->kind == SIEVE_ARG_LIST));
    if (!fits)
        return sieve_wrong(c, a ? a->at : where, "\"%.*s\" expects %s (a %s), found %s",
                           SARG(c->command->name), what, kinds[kind], kind_name(a));
    struct sieve_source *s = &c->source[slot];
    *s = (struct sieve_source){.kind = kind, .at = a->at, .number = a->number, .text = a->text};
    if (a->kind == SIEVE_ARG_LIST) {
        s->items = a->items;
        s->items_at = a->items_at;
        s->n = a->n;
    } else if (a->kind == SIEVE_ARG_STRING) {
        s->items = &a->text;
        s->items_at = &a->at;
        s->n = 1;
    }
    return 0;
}

static int needs(struct sieve_compiler *c, unsigned ext)
{
    if (c->enabled >> ext & 1)
        return 0;
    struct slice name = sieve_extension(ext)->name;
    size_t from = c->args.n;
    varint_add(&c->args, name.n);
    buf_add(&c->args, name);
    if (emit(c, SIEVE_OP_NEEDS, 0))
        return -1;
    c->code[c->n_code - 1].from = from;
    c->code[c->n_code - 1].to = c->args.n;
    return 0;
}

static int unknown(struct sieve_compiler *c, struct sieve_place at, const char *text);

/* 1: it is not known, which an ihave allows; code that fails was made. */
static int take_tag(struct sieve_compiler *c, const struct sieve_arg **at)
{
    const struct sieve_arg *a = *at;
    unsigned ext;
    const struct sieve_tag *t = sieve_tag_find(c->command, a->text, c->enabled | c->perhaps, &ext);
    char text[120];
    if (!t) {
        bool other = ext < SIEVE_EXT_COUNT;
        struct slice name = other ? sieve_extension(ext)->name : SNONE;
        snprintf(text, sizeof(text),
                 other ? "\":%.*s\" needs require \"%.*s\""
                       : "\":%.*s\" is no argument of \"%.*s\"",
                 (int)(a->text.n > 40 ? 40 : a->text.n), a->text.p,
                 SARG(other ? name : c->command->name));
        return unknown(c, a->at, text);
    }
    if (needs(c, ext))
        return -1;
    if (sieve_given(c, t->slot))
        return sieve_wrong(c, a->at, "\":%.*s\" comes twice, or with another that excludes it",
                           SARG(t->name));
    if (t->value || t->kind == SIEVE_NONE)
        c->source[t->slot] = (struct sieve_source){
            .kind = SIEVE_NUMBER, .at = a->at, .number = t->value ? t->value : 1};
    if (t->kind == SIEVE_NONE)
        return 0;
    struct sieve_place where = a->at;
    *at = a = a->next;
    if (a && a->kind == SIEVE_ARG_TAG)
        return sieve_wrong(c, a->at, "\":%.*s\" expects %s, found \":%.*s\"", SARG(t->name),
                           t->what, SARG(a->text));
    enum sieve_slot slot = t->value ? t->arg : t->slot;
    if (take_arg(c, slot, t->kind, t->what, a, where))
        return -1;
    c->source[slot].at = where;
    return 0;
}

static int take_positions(struct sieve_compiler *c, const struct sieve_arg *a,
                          struct sieve_place end)
{
    const struct sieve_command *cmd = c->command;
    unsigned given = 0;
    for (const struct sieve_arg *p = a; p; p = p->next) {
        if (p->kind == SIEVE_ARG_TAG)
            return sieve_wrong(c, p->at, "tags come before the other arguments: \":%.*s\"",
                               SARG(p->text));
        given++;
    }
    unsigned first = cmd->first_optional && given < cmd->n_args;
    unsigned last = cmd->n_args - (cmd->last_optional && given < cmd->n_args);
    for (unsigned i = first; i < last; i++, a = a ? a->next : NULL)
        if (take_arg(c, (enum sieve_slot)(SLOT_0 + i), cmd->args[i].kind, cmd->args[i].what, a,
                     end))
            return -1;
    if (a)
        return sieve_wrong(c, a->at, "\"%.*s\" takes no more arguments", SARG(cmd->name));
    return 0;
}

/* 1: unknown, code that fails was made. */
static int take_args(struct sieve_compiler *c, const struct sieve_node *n)
{
    memset(c->source, 0, sizeof(c->source));
    const struct sieve_arg *a = n->args;
    for (; a && a->kind == SIEVE_ARG_TAG; a = a->next) {
        int r = take_tag(c, &a);
        if (r)
            return r;
    }
    if (take_positions(c, a, n->end))
        return -1;
    if (c->command->uses & USES_MATCH && sieve_check_match(c))
        return -1;
    if (c->command->uses & (USES_MAILBOX | USES_SENDS) && sieve_check_mailbox(c))
        return -1;
    /* RFC 5260 6 */
    if (c->command->uses & USES_INDEX && sieve_given(c, SLOT_LAST) && !sieve_given(c, SLOT_INDEX))
        return sieve_wrong(c, c->source[SLOT_LAST].at, "\":last\" goes with \":index\"");
    return c->command->check ? c->command->check(c) : 0;
}

static int write_strings(struct sieve_compiler *c, const struct sieve_source *s)
{
    for (uint32_t i = 0; i < s->n; i++) {
        uint32_t k;
        if (constant(c, s->items[i], s->items_at[i], &k))
            return -1;
        varint_add(&c->args, k);
    }
    return 0;
}

static int emit_call(struct sieve_compiler *c)
{
    uint32_t word, n = 0;
    char name[64];
    snprintf(name, sizeof(name), "%s%.*s", sieve_is_test(c->command) ? "!" : "",
             SARG(c->command->name));
    if (intern(c, &c->word_of, &c->words, &c->n_words, slice_str(name), &word))
        return -1;
    size_t from = c->args.n;
    for (unsigned i = 0; i < SLOT_COUNT; i++)
        n += c->source[i].kind != SIEVE_NONE;
    varint_add(&c->args, word);
    varint_add(&c->args, n);
    for (unsigned i = 0; i < SLOT_COUNT; i++) {
        const struct sieve_source *s = &c->source[i];
        if (s->kind == SIEVE_NONE)
            continue;
        varint_add(&c->args, i);
        varint_add(&c->args, s->kind);
        if (s->kind == SIEVE_NUMBER)
            varint_add(&c->args, s->number);
        else if (s->kind == SIEVE_LIST)
            varint_add(&c->args, s->n);
        if (s->kind != SIEVE_NUMBER && write_strings(c, s))
            return -1;
    }
    if (emit(c, SIEVE_OP_CALL, 0))
        return -1;
    c->code[c->n_code - 1].from = from;
    c->code[c->n_code - 1].to = c->args.n;
    return 0;
}

/* --- commands and tests --- */

/* What is unknown is an error; behind an ihave of what is not to be had, only where it is run. */
static int unknown(struct sieve_compiler *c, struct sieve_place at, const char *text)
{
    uint32_t k;
    if (!c->unknown_ok || (c->command && c->command->shape > SHAPE_TEST))
        return sieve_wrong(c, at, "%s", text);
    if (intern(c, &c->constant_of, &c->constants, &c->n_constants, slice_str(text), &k) ||
        emit(c, SIEVE_OP_WRONG, k))
        return -1;
    return 1;
}

/* 0: c->command is it; 1: unknown, code that fails was made. */
static int find_command(struct sieve_compiler *c, const struct sieve_node *n, bool test)
{
    unsigned ext;
    char text[120];
    int cut = (int)(n->name.n > 40 ? 40 : n->name.n);
    c->at = n->at;
    c->command = sieve_command_find(n->name, test, &ext);
    if (!c->command) {
        if (sieve_command_find(n->name, !test, &ext))
            snprintf(text, sizeof(text), "\"%.*s\" is a %s and stands where a %s is wanted", cut,
                     n->name.p, test ? "command" : "test", test ? "test" : "command");
        else
            snprintf(text, sizeof(text), "\"%.*s\" is no %s", cut, n->name.p,
                     test ? "test" : "command");
        return unknown(c, n->at, text);
    }
    if (!sieve_enabled(c, UINT64_C(1) << ext) && sieve_extension(ext)->name.n) {
        snprintf(text, sizeof(text), "\"%.*s\" needs require \"%.*s\"", cut, n->name.p,
                 SARG(sieve_extension(ext)->name));
        return unknown(c, n->at, text);
    }
    return needs(c, ext);
}

static int check_shape(struct sieve_compiler *c, const struct sieve_node *n, unsigned min_tests,
                       unsigned max_tests, bool block)
{
    if (n->n_tests < min_tests)
        return sieve_wrong(c, n->end, "\"%.*s\" expects a test", SARG(c->command->name));
    if (n->n_tests > max_tests)
        return sieve_wrong(c, max_tests ? n->tests->next->at : n->tests->at, "\"%.*s\" takes %s",
                           SARG(c->command->name), max_tests ? "one test" : "no test");
    if (n->has_block && !block)
        return sieve_wrong(c, n->end, "\"%.*s\" takes no block", SARG(c->command->name));
    if (!n->has_block && block)
        return sieve_wrong(c, n->end, "\"%.*s\" expects a block", SARG(c->command->name));
    return 0;
}

static int compile_test(struct sieve_compiler *c, const struct sieve_node *n);

static int compile_all(struct sieve_compiler *c, const struct sieve_node *n, bool all)
{
    uint32_t end = PENDING_END;
    if (check_shape(c, n, 1, UINT32_MAX, false))
        return -1;
    for (const struct sieve_node *t = n->tests; t; t = t->next) {
        if (compile_test(c, t))
            return -1;
        if (t->next && emit_pending(c, all ? SIEVE_OP_UNLESS : SIEVE_OP_IF, &end))
            return -1;
    }
    land(c, end);
    return 0;
}

/* RFC 5463 4: what an ihave names may be used from here on. */
static void note_ihave(struct sieve_compiler *c)
{
    const struct sieve_source *s = &c->source[SLOT_0];
    for (uint32_t i = 0; i < s->n; i++) {
        int id = sieve_extension_find(s->items[i]);
        if (id < 0 || c->withheld >> id & 1 || sieve_extension((unsigned)id)->grammar)
            c->unknown_ok = true;
        else
            c->perhaps |= sieve_extension_bits((unsigned)id);
    }
}

static int compile_test(struct sieve_compiler *c, const struct sieve_node *n)
{
    int r = find_command(c, n, true);
    if (r)
        return r > 0 ? 0 : -1;
    switch (c->command->shape) {
    case SHAPE_TRUE:
    case SHAPE_FALSE:
        if (take_args(c, n) || check_shape(c, n, 0, 0, false))
            return -1;
        return emit(c, SIEVE_OP_SET, c->command->shape == SHAPE_TRUE);
    case SHAPE_NOT:
        if (take_args(c, n) || check_shape(c, n, 1, 1, false) || compile_test(c, n->tests))
            return -1;
        return emit(c, SIEVE_OP_NOT, 0);
    case SHAPE_ALLOF:
    case SHAPE_ANYOF: {
        bool all = c->command->shape == SHAPE_ALLOF;
        return take_args(c, n) ? -1 : compile_all(c, n, all);
    }
    default:
        break;
    }
    r = take_args(c, n);
    if (r)
        return r > 0 ? 0 : -1;
    if (check_shape(c, n, 0, 0, false))
        return -1;
    if (slice_eq(c->command->name, S("ihave")))
        note_ihave(c);
    return emit_call(c);
}

static int compile_block(struct sieve_compiler *c, const struct sieve_node *n);

/* if, elsif and else; *at is the last that belongs to it. */
static int compile_if(struct sieve_compiler *c, const struct sieve_node **at)
{
    const struct sieve_node *n = *at;
    uint32_t end = PENDING_END;
    for (;;) {
        uint32_t next = PENDING_END;
        bool last = c->command->shape == SHAPE_ELSE;
        if (take_args(c, n) || check_shape(c, n, !last, !last, true))
            return -1;
        if (!last && (compile_test(c, n->tests) || emit_pending(c, SIEVE_OP_UNLESS, &next)))
            return -1;
        if (compile_block(c, n->block))
            return -1;
        *at = n;
        n = n->next;
        bool more = n && !last && (slice_eqi(n->name, S("elsif")) || slice_eqi(n->name, S("else")));
        if (more && emit_pending(c, SIEVE_OP_JUMP, &end))
            return -1;
        land(c, next);
        if (!more)
            break;
        if (find_command(c, n, false))
            return -1;
    }
    land(c, end);
    return 0;
}

/* RFC 5703 3 */
static int compile_loop(struct sieve_compiler *c, const struct sieve_node *n)
{
    if (take_args(c, n) || check_shape(c, n, 0, 0, true))
        return -1;
    struct sieve_loop_source loop = {.name = c->source[SLOT_NAME].text, .outer = c->loops};
    uint32_t start = c->n_code, none = PENDING_END;
    if (emit_pending(c, SIEVE_OP_LOOP, &none))
        return -1;
    c->loops = &loop;
    int bad = compile_block(c, n->block) || emit(c, SIEVE_OP_NEXT, start);
    c->loops = loop.outer;
    if (bad)
        return -1;
    land(c, none);
    land(c, loop.leave);
    return 0;
}

static int compile_break(struct sieve_compiler *c, const struct sieve_node *n)
{
    if (take_args(c, n) || check_shape(c, n, 0, 0, false))
        return -1;
    const struct sieve_source *name = &c->source[SLOT_NAME];
    uint32_t loops = 1;
    struct sieve_loop_source *l = c->loops;
    while (l && name->n && !slice_eq(l->name, name->text)) {
        l = l->outer;
        loops++;
    }
    if (!l)
        return sieve_wrong(
            c, n->at, name->n ? "no loop of that name is around it" : "\"break\" is in no loop");
    if (emit(c, SIEVE_OP_LEAVE, loops))
        return -1;
    return emit_pending(c, SIEVE_OP_JUMP, &l->leave);
}

/* RFC 5228 3.2 */
static int compile_require(struct sieve_compiler *c, const struct sieve_node *n)
{
    if (take_args(c, n) || check_shape(c, n, 0, 0, false))
        return -1;
    const struct sieve_source *s = &c->source[SLOT_0];
    for (uint32_t i = 0; i < s->n; i++) {
        int id = sieve_extension_find(s->items[i]);
        if (id < 0 || c->withheld >> id & 1)
            return sieve_wrong(c, s->items_at[i], "extension \"%.*s\" is not known here",
                               (int)(s->items[i].n > 60 ? 60 : s->items[i].n), s->items[i].p);
        c->enabled |= sieve_extension_bits((unsigned)id);
    }
    return 0;
}

static int compile_command(struct sieve_compiler *c, const struct sieve_node **at)
{
    const struct sieve_node *n = *at;
    int r = find_command(c, n, false);
    if (r)
        return r > 0 ? 0 : -1;
    switch (c->command->shape) {
    case SHAPE_REQUIRE:
        return sieve_wrong(c, n->at, "\"require\" comes before all other commands");
    case SHAPE_IF:
        return compile_if(c, at);
    case SHAPE_ELSIF:
    case SHAPE_ELSE:
        return sieve_wrong(c, n->at, "\"%.*s\" follows no \"if\"", SARG(c->command->name));
    case SHAPE_LOOP:
        return compile_loop(c, n);
    case SHAPE_BREAK:
        return compile_break(c, n);
    default:
        break;
    }
    r = take_args(c, n);
    if (r)
        return r > 0 ? 0 : -1;
    if (check_shape(c, n, 0, 0, false))
        return -1;
    if (c->command->shape == SHAPE_STOP)
        return emit(c, SIEVE_OP_STOP, 0);
    if (c->command->shape == SHAPE_RETURN)
        return emit(c, SIEVE_OP_RETURN, 0);
    return emit_call(c);
}

static int compile_block(struct sieve_compiler *c, const struct sieve_node *n)
{
    for (; n; n = n->next)
        if (compile_command(c, &n))
            return -1;
    return 0;
}

static int compile_script(struct sieve_compiler *c, const struct sieve_node *n)
{
    for (; n && slice_eqi(n->name, S("require")); n = n->next)
        if (find_command(c, n, false) || compile_require(c, n))
            return -1;
    return compile_block(c, n) || emit(c, SIEVE_OP_RETURN, 0) ? -1 : 0;
}

/* --- writing --- */

static void write_code(struct sieve_compiler *c, struct buf *out)
{
    unsigned n = 0;
    buf_adds(out, "CSV1");
    varint_add(out, c->enabled & SIEVE_BIT(variables) ? SIEVE_CODE_VARIABLES : 0);
    for (unsigned i = 0; i < SIEVE_EXT_COUNT; i++)
        n += sieve_extension(i)->name.n && (c->enabled >> i & 1);
    varint_add(out, n);
    for (unsigned i = 0; i < SIEVE_EXT_COUNT; i++)
        if (sieve_extension(i)->name.n && (c->enabled >> i & 1)) {
            varint_add(out, sieve_extension(i)->name.n);
            buf_add(out, sieve_extension(i)->name);
        }
    varint_add(out, c->n_constants);
    buf_add(out, buf_slice(&c->constants));
    varint_add(out, c->n_words);
    buf_add(out, buf_slice(&c->words));
    varint_add(out, c->n_code);
    for (uint32_t i = 0; i < c->n_code; i++) {
        const struct sieve_emitted *in = &c->code[i];
        varint_add(out, in->op);
        varint_add(out, in->line);
        switch (in->op) {
        case SIEVE_OP_JUMP:
        case SIEVE_OP_IF:
        case SIEVE_OP_UNLESS:
        case SIEVE_OP_LOOP:
            varint_add(out, in->target - i - 1);
            break;
        case SIEVE_OP_NEXT:
            varint_add(out, i - in->target);
            break;
        case SIEVE_OP_SET:
        case SIEVE_OP_LEAVE:
        case SIEVE_OP_WRONG:
            varint_add(out, in->target);
            break;
        default:
            buf_add(out, slice_sub(buf_slice(&c->args), in->from, in->to));
        }
    }
}

static uint64_t bits_of_names(const char *names)
{
    uint64_t bits = 0;
    struct slice rest = slice_str(names);
    while (rest.p) {
        int id = sieve_extension_find(slice_cut(&rest, ' '));
        if (id >= 0)
            bits |= UINT64_C(1) << id;
    }
    return bits;
}

int sieve_compile(struct slice script, const struct sieve_limits *limits, const char *withheld,
                  struct arena *a, struct slice *ret_code, struct sieve_place *ret_at,
                  struct err *e)
{
    struct sieve_limits now = sieve_limits();
    struct sieve_place at;
    BUF_SCOPE out = {0};
    struct sieve_compiler c = {.limits = limits ? limits : &now,
                               .arena = a,
                               .withheld = bits_of_names(withheld),
                               .at = {1, 1},
                               .ret_at = ret_at ? ret_at : &at,
                               .e = e};
    struct sieve_node *tree;
    /* What has no name is always there. */
    for (unsigned i = 0; i < SIEVE_EXT_COUNT; i++)
        if (!sieve_extension(i)->name.n)
            c.enabled |= UINT64_C(1) << i;
    c.enabled |= SIEVE_BIT(octet) | SIEVE_BIT(ascii_casemap);
    int r = -1;
    if (!sieve_parse(script, c.limits, a, &tree, c.ret_at, e) && !compile_script(&c, tree)) {
        write_code(&c, &out);
        struct slice code = arena_dup(a, buf_slice(&out));
        if (code.p && !out.failed && !c.args.failed && !c.constants.failed && !c.words.failed) {
            *ret_code = code;
            r = 0;
        } else {
            full(&c);
        }
    }
    buf_done(&c.args);
    buf_done(&c.constants);
    buf_done(&c.words);
    hmap_done(&c.constant_of);
    hmap_done(&c.word_of);
    return r;
}
