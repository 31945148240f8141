/* disassemble.c - byte code for people: what `carbonado sieve trace` prints. */
#include "base/utf8.h"
#include "mail/sieve/code.h"

static const char *const op_names[SIEVE_OP_COUNT] = {
    [SIEVE_OP_STOP] = "stop",      [SIEVE_OP_RETURN] = "end",      [SIEVE_OP_JUMP] = "go to",
    [SIEVE_OP_IF] = "if true",     [SIEVE_OP_UNLESS] = "if false", [SIEVE_OP_SET] = "result",
    [SIEVE_OP_NOT] = "not",        [SIEVE_OP_CALL] = "",           [SIEVE_OP_LOOP] = "each part",
    [SIEVE_OP_NEXT] = "next part", [SIEVE_OP_LEAVE] = "leave",     [SIEVE_OP_NEEDS] = "needs",
    [SIEVE_OP_WRONG] = "error",
};

static void write_text(struct slice s, struct buf *out)
{
    buf_addc(out, '"');
    for (size_t i = 0; i < s.n && i < 60; i++)
        buf_addc(out, ascii_is_control(s.p[i]) ? ' ' : s.p[i]);
    buf_adds(out, s.n > 60 ? "...\"" : "\"");
}

/* The tag that fills a slot, by the tables of all extensions. */
static const struct sieve_tag *tag_of(const struct sieve_command *c, const struct sieve_value *v)
{
    for (unsigned i = 0; i < SIEVE_EXT_COUNT; i++)
        for (const struct sieve_tag *t = sieve_extension(i)->tags; t && t->name.n; t++) {
            unsigned ext;
            if (t->slot == v->slot && (!t->value || t->value == v->number) &&
                sieve_tag_find(c, t->name, UINT64_C(1) << i, &ext) == t)
                return t;
        }
    return NULL;
}

static void write_value(const struct sieve_program *p, const struct sieve_call *c,
                        const struct sieve_value *v, struct buf *out)
{
    const struct sieve_tag *t = v->slot > SLOT_3 ? tag_of(c->command, v) : NULL;
    if (t)
        buf_addf(out, " :%.*s", SARG(t->name));
    if (v->kind == SIEVE_STRING || v->kind == SIEVE_LIST)
        buf_addc(out, ' ');
    if (v->kind == SIEVE_STRING)
        write_text(p->constants[v->number], out);
    if (v->kind == SIEVE_NUMBER && (!t || (!t->value && t->kind == SIEVE_NUMBER)))
        buf_addf(out, " %llu", (unsigned long long)v->number);
    if (v->kind != SIEVE_LIST)
        return;
    buf_addc(out, '[');
    for (uint32_t i = 0; i < v->n && i < 10; i++) {
        buf_adds(out, i ? ", " : "");
        write_text(p->constants[p->items[v->number + i]], out);
    }
    buf_adds(out, v->n > 10 ? ", ...]" : "]");
}

void sieve_disassemble_one(const struct sieve_program *p, uint32_t i, struct buf *out)
{
    const struct sieve_instruction *in = &p->code[i];
    buf_adds(out, op_names[in->op]);
    switch (in->op) {
    case SIEVE_OP_JUMP:
    case SIEVE_OP_NEXT:
        buf_addf(out, " %u", in->target);
        break;
    case SIEVE_OP_IF:
    case SIEVE_OP_UNLESS:
        buf_addf(out, " go to %u", in->target);
        break;
    case SIEVE_OP_LOOP:
        buf_addf(out, ", or %u", in->target);
        break;
    case SIEVE_OP_SET:
        buf_adds(out, in->target ? " true" : " false");
        break;
    case SIEVE_OP_LEAVE:
        buf_addf(out, " %u loop%s", in->target, in->target == 1 ? "" : "s");
        break;
    case SIEVE_OP_NEEDS:
        buf_addf(out, " %.*s", SARG(sieve_extension(in->target)->name));
        break;
    case SIEVE_OP_WRONG:
        buf_addc(out, ' ');
        write_text(p->constants[in->target], out);
        break;
    case SIEVE_OP_CALL:
        buf_add(out, in->call.command->name);
        /* Tags first, as scripts have them. */
        for (uint32_t k = 0; k < in->call.n; k++)
            if (in->call.values[k].slot > SLOT_3)
                write_value(p, &in->call, &in->call.values[k], out);
        for (uint32_t k = 0; k < in->call.n; k++)
            if (in->call.values[k].slot <= SLOT_3)
                write_value(p, &in->call, &in->call.values[k], out);
        break;
    default:
        break;
    }
}

void sieve_disassemble(const struct sieve_program *p, struct buf *out)
{
    for (uint32_t i = 0; i < p->n_code; i++) {
        buf_addf(out, "%5u  line %-4u ", i, p->code[i].call.line);
        sieve_disassemble_one(p, i, out);
        buf_addc(out, '\n');
    }
}
