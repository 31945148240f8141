/* run.c - the interpreter: one loop over instructions that the verifier has seen, with limits on
   steps, work and memory (RFC 5228 2.10.5, 10). */
#include "mail/sieve/run.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

int sieve_fail(struct sieve_runner *r, enum err_code code, const char *fmt, ...)
{
    char text[180];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (char *c = text; *c; c++)
        *c = ascii_is_control(*c) ? ' ' : *c;
    return err_set(r->e, code, "%s", text);
}

int sieve_fail_memory(struct sieve_runner *r)
{
    return sieve_fail(r, ERR_LIMIT, "the run needs over %zu bytes of memory", r->limits->memory);
}

int sieve_work(struct sieve_runner *r, uint64_t n)
{
    if (n > r->limits->work - r->out->work) {
        r->out->work = r->limits->work;
        return sieve_fail(r, ERR_LIMIT, "the tests look at over %llu bytes",
                          (unsigned long long)r->limits->work);
    }
    r->out->work += n;
    return 0;
}

int sieve_keep_text(struct sieve_runner *r, struct slice s, struct slice *ret)
{
    struct slice copy = arena_dup(r->arena, s);
    if (!copy.p)
        return sieve_fail_memory(r);
    *ret = copy;
    return 0;
}

/* --- arguments --- */

static const struct sieve_value *find(const struct sieve_call *c, enum sieve_slot slot)
{
    for (uint32_t i = 0; i < c->n; i++)
        if (c->values[i].slot == slot)
            return &c->values[i];
    return NULL;
}

bool sieve_has(const struct sieve_call *c, enum sieve_slot slot)
{
    return find(c, slot) != NULL;
}

uint64_t sieve_number(const struct sieve_call *c, enum sieve_slot slot, uint64_t otherwise)
{
    const struct sieve_value *v = find(c, slot);
    return v && v->kind == SIEVE_NUMBER ? v->number : otherwise;
}

static int constant(struct sieve_runner *r, uint64_t i, struct slice *ret)
{
    struct slice s = r->frame->program->constants[i];
    if (!r->frame->program->variables) {
        *ret = s.p ? s : S("");
        return 0;
    }
    return sieve_expand(r, s, ret);
}

int sieve_string(struct sieve_runner *r, const struct sieve_call *c, enum sieve_slot slot,
                 struct slice *ret)
{
    const struct sieve_value *v = find(c, slot);
    *ret = SNONE;
    return v && v->kind == SIEVE_STRING ? constant(r, v->number, ret) : 0;
}

int sieve_strings(struct sieve_runner *r, const struct sieve_call *c, enum sieve_slot slot,
                  struct sieve_list *ret)
{
    const struct sieve_value *v = find(c, slot);
    *ret = (struct sieve_list){0};
    if (!v || v->kind != SIEVE_LIST)
        return 0;
    ret->items = arena_new(r->arena, struct slice, v->n);
    if (!ret->items)
        return sieve_fail_memory(r);
    for (; ret->n < v->n; ret->n++)
        if (constant(r, r->frame->program->items[v->number + ret->n], &ret->items[ret->n]))
            return -1;
    return 0;
}

/* --- loops over parts (RFC 5703 3) --- */

struct sieve_loop *sieve_loop(struct sieve_runner *r)
{
    return r->frame->n_loops ? &r->frame->loops[r->frame->n_loops - 1] : NULL;
}

/* The parts of a loop: all of the message, or what is inside the part of the loop around it. */
static const struct part *first_part(struct sieve_runner *r, struct sieve_loop *l)
{
    struct sieve_loop *around = sieve_loop(r);
    *l = (struct sieve_loop){0};
    if (!around)
        return l->current = r->mail.m->root;
    if (!around->current)
        return NULL;
    l->scope = around->current;
    return l->current = sieve_next_inside(l->scope, l->scope);
}

static const struct part *next_part(struct sieve_loop *l)
{
    if (!l->current)
        return NULL;
    l->current = l->scope ? sieve_next_inside(l->scope, l->current) : l->current->following;
    return l->current;
}

static uint32_t number_of(const struct message *m, const struct part *p)
{
    uint32_t n = 0;
    for (const struct part *at = m->root; at && at != p; at = at->following)
        n++;
    return n;
}

static const struct part *part_at(const struct message *m, uint32_t n)
{
    const struct part *at = m->root;
    while (at && n--)
        at = at->following;
    return at;
}

void sieve_loops_move(struct sieve_runner *r, const struct message *from)
{
    for (struct sieve_frame *f = r->frame; f; f = f->below)
        for (uint32_t i = 0; i < f->n_loops; i++) {
            struct sieve_loop *l = &f->loops[i];
            bool inner = l->scope;
            if (inner)
                l->scope = part_at(r->mail.m, number_of(from, l->scope));
            if (l->current)
                l->current = part_at(r->mail.m, number_of(from, l->current));
            if (inner && !l->scope)
                l->current = NULL;
        }
}

void sieve_loops_end(struct sieve_runner *r)
{
    for (struct sieve_frame *f = r->frame; f; f = f->below)
        for (uint32_t i = 0; i < f->n_loops; i++)
            f->loops[i] = (struct sieve_loop){0};
}

/* --- instructions --- */

static void trace(struct sieve_runner *r, uint32_t at)
{
    BUF_SCOPE text = {0};
    sieve_disassemble_one(r->frame->program, at, &text);
    if (r->frame->program->code[at].op == SIEVE_OP_IF ||
        r->frame->program->code[at].op == SIEVE_OP_UNLESS)
        buf_addf(&text, " (%s)", r->result ? "true" : "false");
    r->world->trace(r->ctx, r->frame->script, r->line, buf_slice(&text));
}

static int call(struct sieve_runner *r, const struct sieve_call *c)
{
    int v = c->command->run(r, c);
    if (v < 0)
        return -1;
    if (sieve_is_test(c->command))
        r->result = v > 0;
    return 0;
}

int sieve_run_frame(struct sieve_runner *r, struct sieve_frame *f)
{
    const struct sieve_program *p = f->program;
    f->below = r->frame;
    f->enabled = p->required | SIEVE_BIT(octet) | SIEVE_BIT(ascii_casemap);
    r->frame = f;
    for (uint32_t at = 0; !r->stopped;) {
        const struct sieve_instruction *in = &p->code[at];
        r->line = in->call.line;
        if (++r->out->steps > r->limits->steps)
            return sieve_fail(r, ERR_LIMIT, "the script takes over %llu steps",
                              (unsigned long long)r->limits->steps);
        if (r->world->trace)
            trace(r, at);
        at++;
        switch (in->op) {
        case SIEVE_OP_STOP:
            r->stopped = true;
            break;
        case SIEVE_OP_RETURN:
            r->frame = f->below;
            return 0;
        case SIEVE_OP_JUMP:
            at = in->target;
            break;
        case SIEVE_OP_IF:
            at = r->result ? in->target : at;
            break;
        case SIEVE_OP_UNLESS:
            at = r->result ? at : in->target;
            break;
        case SIEVE_OP_SET:
            r->result = in->target;
            break;
        case SIEVE_OP_NOT:
            r->result = !r->result;
            break;
        case SIEVE_OP_CALL:
            if (call(r, &in->call))
                return -1;
            break;
        case SIEVE_OP_LOOP:
            if (first_part(r, &f->loops[f->n_loops]))
                f->n_loops++;
            else
                at = in->target;
            break;
        case SIEVE_OP_NEXT:
            if (next_part(&f->loops[f->n_loops - 1]))
                at = in->target + 1;
            else
                f->n_loops--;
            break;
        case SIEVE_OP_LEAVE:
            f->n_loops -= in->target;
            break;
        case SIEVE_OP_NEEDS:
            if (!(f->enabled >> in->target & 1))
                return sieve_fail(r, ERR_UNSUPPORTED, "extension \"%.*s\" is not enabled here",
                                  SARG(sieve_extension(in->target)->name));
            break;
        case SIEVE_OP_WRONG:
            return sieve_fail(r, ERR_UNSUPPORTED, "%.*s", SARG(p->constants[in->target]));
        case SIEVE_OP_COUNT:
            BUG_IF(true);
        }
    }
    r->frame = f->below;
    return 0;
}

/* RFC 5228 2.10.2: what happens when no action says otherwise. */
static int implicit_keep(struct sieve_runner *r)
{
    r->line = 0;
    struct sieve_action *a = sieve_act(r, SIEVE_KEEP, false);
    if (!a)
        return -1;
    a->line = 0;
    a->mailbox.name = S("INBOX");
    if (r->flags_set) {
        a->mailbox.flags = r->flags;
        a->mailbox.has_flags = true;
    }
    return sieve_act_done(r, a);
}

/* RFC 5228 2.10.6: nothing of what the script wanted, and the message as it came. */
static int fail_with_keep(struct sieve_runner *r)
{
    static struct sieve_action none;
    struct sieve_outcome *o = r->out;
    struct sieve_action *a =
        r->cap_actions ? o->actions : arena_new(r->arena, struct sieve_action, 1);
    if (!a)
        return -1;
    *a = none;
    a->what = SIEVE_KEEP;
    a->mailbox.name = S("INBOX");
    a->script = r->in->script_name;
    size_t body = header_end(r->in->message);
    a->header = slice_sub(r->in->message, 0, body);
    a->body = slice_from(r->in->message, body);
    o->failed = true;
    o->line = r->line;
    o->script = r->frame ? r->frame->script : r->in->script_name;
    o->error = *r->e;
    o->actions = a;
    o->n = 1;
    o->n_duplicates = 0;
    return 0;
}

int sieve_run(const struct sieve_program *p, const struct sieve_input *in,
              const struct sieve_world *world, void *ctx, const struct sieve_limits *limits,
              struct arena *a, struct sieve_outcome *ret, struct err *e)
{
    struct sieve_limits now = sieve_limits();
    struct err own = {0};
    *ret = (struct sieve_outcome){0};
    struct sieve_runner *r = arena_new(a, struct sieve_runner, 1);
    struct sieve_frame *f = arena_new(a, struct sieve_frame, 1);
    struct sieve_action *first = arena_new(a, struct sieve_action, 8);
    if (!r || !f || !first)
        return err_set(e, ERR_LIMIT, "no memory to run a script");
    *r = (struct sieve_runner){.in = in,
                               .world = world,
                               .ctx = ctx,
                               .limits = limits ? limits : &now,
                               .arena = a,
                               .out = ret,
                               .e = &own,
                               .flags = in->flags,
                               .cap_actions = 8};
    ret->actions = first;
    f->program = p;
    f->script = in->script_name;
    if (sieve_mail_init(r, &r->mail, in->message, in->parsed) || sieve_run_frame(r, f) ||
        (!r->kept && implicit_keep(r))) {
        if (fail_with_keep(r))
            return err_set(e, ERR_LIMIT, "no memory to run a script");
    }
    ret->flags = r->flags;
    ret->has_flags = r->flags_set;
    return 0;
}
