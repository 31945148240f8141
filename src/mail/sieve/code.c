/* code.c - reads byte code and refuses what no compiler wrote: bad references, arguments that a
   command does not take or has not got, jumps out of the code, loops that are entered or left from
   the side. What was accepted can be run without looking again. */
#include "mail/sieve/code.h"

#include "base/varint.h"

enum { LOOPS_MAX = 32 };

struct reader {
    struct slice in;
    const struct sieve_limits *limits;
    struct arena *arena;
    struct sieve_program *p;
    const struct sieve_command **words;
    uint32_t n_words, cap_items;
    struct err *e;
};

static int corrupt(struct reader *r, const char *what)
{
    return err_set(r->e, ERR_CORRUPT, "byte code: %s", what);
}

static int full(struct reader *r)
{
    return err_set(r->e, ERR_LIMIT, "byte code needs too much memory");
}

static int take(struct reader *r, uint64_t max, uint64_t *ret)
{
    if (varint_next(&r->in, ret))
        return corrupt(r, "cut short");
    return *ret > max ? corrupt(r, "a number is too large") : 0;
}

static int take32(struct reader *r, uint32_t max, uint32_t *ret)
{
    uint64_t v;
    if (take(r, max, &v))
        return -1;
    *ret = (uint32_t)v;
    return 0;
}

static int take_string(struct reader *r, struct slice *ret)
{
    uint64_t n;
    if (take(r, r->in.n, &n))
        return -1;
    if (n > r->in.n)
        return corrupt(r, "a string is cut short");
    *ret = slice_sub(r->in, 0, (size_t)n);
    r->in = slice_from(r->in, (size_t)n);
    return 0;
}

static int take_names(struct reader *r)
{
    uint32_t n;
    if (take32(r, SIEVE_EXT_COUNT, &n))
        return -1;
    while (n--) {
        struct slice name;
        if (take_string(r, &name))
            return -1;
        int id = sieve_extension_find(name);
        if (id < 0)
            return corrupt(r, "an extension is not known");
        r->p->required |= sieve_extension_bits((unsigned)id);
    }
    return 0;
}

static int take_constants(struct reader *r)
{
    struct sieve_program *p = r->p;
    if (take32(r, r->limits->code, &p->n_constants))
        return -1;
    p->constants = arena_new(r->arena, struct slice, p->n_constants);
    if (!p->constants)
        return full(r);
    for (uint32_t i = 0; i < p->n_constants; i++)
        if (take_string(r, &p->constants[i]))
            return -1;
    return 0;
}

static int take_words(struct reader *r)
{
    if (take32(r, 1000, &r->n_words))
        return -1;
    r->words = arena_new(r->arena, const struct sieve_command *, r->n_words);
    if (!r->words)
        return full(r);
    for (uint32_t i = 0; i < r->n_words; i++) {
        struct slice name;
        unsigned ext;
        if (take_string(r, &name))
            return -1;
        bool test = slice_starts(name, S("!"));
        r->words[i] = sieve_command_find(slice_from(name, test), test, &ext);
        if (!r->words[i] || !r->words[i]->run)
            return corrupt(r, "a command is not known");
    }
    return 0;
}

static int take_list(struct reader *r, struct sieve_value *v)
{
    struct sieve_program *p = r->p;
    if (take32(r, r->limits->code - p->n_items, &v->n))
        return -1;
    if (v->n > r->in.n)
        return corrupt(r, "a list is cut short");
    if (p->n_items + v->n > r->cap_items) {
        uint32_t cap = (p->n_items + v->n) * 2 + 64;
        uint32_t *more = arena_new(r->arena, uint32_t, cap);
        if (!more)
            return full(r);
        if (p->n_items)
            memcpy(more, p->items, p->n_items * sizeof(*more));
        p->items = more;
        r->cap_items = cap;
    }
    v->number = p->n_items;
    for (uint32_t i = 0; i < v->n; i++) {
        uint32_t c;
        if (take32(r, r->limits->code, &c))
            return -1;
        if (c >= p->n_constants)
            return corrupt(r, "no such constant");
        p->items[p->n_items++] = c;
    }
    return 0;
}

static int take_value(struct reader *r, const struct sieve_command *c, struct sieve_value *v)
{
    uint32_t slot, kind;
    if (take32(r, SLOT_COUNT - 1, &slot) || take32(r, SIEVE_LIST, &kind))
        return -1;
    *v = (struct sieve_value){.slot = (uint8_t)slot, .kind = (uint8_t)kind};
    if (kind == SIEVE_NONE || sieve_slot_kind(c, slot) != kind)
        return corrupt(r, "an argument is not what the command takes");
    if (kind == SIEVE_NUMBER)
        return take(r, INT64_MAX, &v->number);
    if (kind == SIEVE_LIST)
        return take_list(r, v);
    if (take(r, r->limits->code, &v->number))
        return -1;
    return v->number < r->p->n_constants ? 0 : corrupt(r, "no such constant");
}

static int take_call(struct reader *r, struct sieve_call *call)
{
    uint32_t word;
    if (take32(r, r->n_words, &word) || take32(r, SLOT_COUNT, &call->n))
        return -1;
    if (word >= r->n_words)
        return corrupt(r, "no such command");
    const struct sieve_command *c = r->words[word];
    struct sieve_value *values = arena_new(r->arena, struct sieve_value, call->n);
    if (!values)
        return full(r);
    uint64_t seen = 0;
    for (uint32_t i = 0; i < call->n; i++) {
        if (take_value(r, c, &values[i]))
            return -1;
        if (seen >> values[i].slot & 1)
            return corrupt(r, "an argument comes twice");
        seen |= UINT64_C(1) << values[i].slot;
    }
    for (unsigned i = 0; i < c->n_args; i++)
        if (!(seen >> i & 1) && !(i == 0 && c->first_optional) &&
            !(i == c->n_args - 1 && c->last_optional))
            return corrupt(r, "an argument is missing");
    call->command = c;
    call->values = values;
    return 0;
}
_Static_assert(SLOT_COUNT <= 64, "slots are a bit mask");

static int take_extension(struct reader *r, uint32_t *ret)
{
    struct slice name;
    if (take_string(r, &name))
        return -1;
    int id = sieve_extension_find(name);
    if (id < 0)
        return corrupt(r, "an extension is not known");
    *ret = (uint32_t)id;
    return 0;
}

static int take_instruction(struct reader *r, uint32_t i)
{
    struct sieve_instruction *in = &r->p->code[i];
    uint32_t op, v, left = r->p->n_code - i - 1;
    if (take32(r, SIEVE_OP_COUNT - 1, &op) || take32(r, UINT32_MAX, &in->call.line))
        return -1;
    in->op = (enum sieve_op)op;
    switch (in->op) {
    case SIEVE_OP_STOP:
    case SIEVE_OP_RETURN:
    case SIEVE_OP_NOT:
        return 0;
    case SIEVE_OP_JUMP:
    case SIEVE_OP_IF:
    case SIEVE_OP_UNLESS:
    case SIEVE_OP_LOOP:
        if (take32(r, left, &v))
            return -1;
        in->target = i + 1 + v;
        return 0;
    case SIEVE_OP_NEXT:
        if (take32(r, i, &v))
            return -1;
        in->target = i - v;
        return 0;
    case SIEVE_OP_SET:
        return take32(r, 1, &in->target);
    case SIEVE_OP_LEAVE:
        return take32(r, LOOPS_MAX, &in->target);
    case SIEVE_OP_NEEDS:
        return take_extension(r, &in->target);
    case SIEVE_OP_WRONG:
        if (take32(r, r->limits->code, &in->target))
            return -1;
        return in->target < r->p->n_constants ? 0 : corrupt(r, "no such constant");
    case SIEVE_OP_CALL:
        return take_call(r, &in->call);
    case SIEVE_OP_COUNT:
        break;
    }
    return corrupt(r, "no such instruction");
}

/* Loops that an instruction is in: the innermost LOOP + 1 by index, 0 for none; 0xffffffff until a
   path to it was seen. */
enum { UNSEEN = 0xffffffff };

static int flow(struct reader *r, uint32_t *in_loop, uint32_t to, uint32_t loop)
{
    if (to >= r->p->n_code)
        return corrupt(r, "runs out of the code");
    if (in_loop[to] != UNSEEN && in_loop[to] != loop)
        return corrupt(r, "loops are crossed");
    in_loop[to] = loop;
    return 0;
}

static int check_flow(struct reader *r)
{
    struct sieve_program *p = r->p;
    uint32_t *in_loop = arena_new(r->arena, uint32_t, p->n_code);
    uint32_t *outer = arena_new(r->arena, uint32_t, p->n_code + 1); /* by LOOP + 1 */
    uint32_t *depth = arena_new(r->arena, uint32_t, p->n_code + 1);
    if (!in_loop || !outer || !depth)
        return full(r);
    for (uint32_t i = 0; i < p->n_code; i++)
        in_loop[i] = UNSEEN;
    if (flow(r, in_loop, 0, 0))
        return -1;
    for (uint32_t i = 0; i < p->n_code; i++) {
        const struct sieve_instruction *in = &p->code[i];
        uint32_t loop = in_loop[i];
        if (loop == UNSEEN)
            continue;
        switch (in->op) {
        case SIEVE_OP_STOP:
        case SIEVE_OP_RETURN:
        case SIEVE_OP_WRONG:
            continue;
        case SIEVE_OP_JUMP:
            if (flow(r, in_loop, in->target, loop))
                return -1;
            continue;
        case SIEVE_OP_LOOP:
            outer[i + 1] = loop;
            depth[i + 1] = depth[loop] + 1;
            if (depth[i + 1] > LOOPS_MAX)
                return corrupt(r, "loops are nested too deep");
            if (depth[i + 1] > p->loops)
                p->loops = depth[i + 1];
            if (flow(r, in_loop, in->target, loop) || flow(r, in_loop, i + 1, i + 1))
                return -1;
            continue;
        case SIEVE_OP_NEXT:
            if (loop == 0 || in->target != loop - 1)
                return corrupt(r, "a loop goes back to another one");
            if (flow(r, in_loop, i + 1, outer[loop]))
                return -1;
            continue;
        case SIEVE_OP_LEAVE:
            for (uint32_t n = in->target; n; n--) {
                if (!loop)
                    return corrupt(r, "leaves a loop that it is not in");
                loop = outer[loop];
            }
            break;
        case SIEVE_OP_IF:
        case SIEVE_OP_UNLESS:
            if (flow(r, in_loop, in->target, loop))
                return -1;
            break;
        case SIEVE_OP_SET:
        case SIEVE_OP_NOT:
        case SIEVE_OP_CALL:
        case SIEVE_OP_NEEDS:
        case SIEVE_OP_COUNT:
            break;
        }
        if (flow(r, in_loop, i + 1, loop))
            return -1;
    }
    return 0;
}

int sieve_load(struct slice code, const struct sieve_limits *limits, struct arena *a,
               const struct sieve_program **ret, struct err *e)
{
    struct sieve_limits now = sieve_limits();
    struct sieve_program *p = arena_new(a, struct sieve_program, 1);
    struct reader r = {.in = code, .limits = limits ? limits : &now, .arena = a, .p = p, .e = e};
    uint32_t bits;
    if (!p)
        return full(&r);
    if (!slice_starts(code, S("CSV1")))
        return corrupt(&r, "it begins otherwise");
    r.in = slice_from(code, 4);
    if (take32(&r, SIEVE_CODE_VARIABLES, &bits) || take_names(&r) || take_constants(&r) ||
        take_words(&r) || take32(&r, r.limits->code, &p->n_code))
        return -1;
    p->variables = bits & SIEVE_CODE_VARIABLES;
    if (p->n_code == 0 || p->n_code > r.in.n)
        return corrupt(&r, "cut short");
    p->code = arena_new(a, struct sieve_instruction, p->n_code);
    if (!p->code)
        return full(&r);
    for (uint32_t i = 0; i < p->n_code; i++)
        if (take_instruction(&r, i))
            return -1;
    if (r.in.n)
        return corrupt(&r, "there is more behind it");
    if (check_flow(&r))
        return -1;
    *ret = p;
    return 0;
}
