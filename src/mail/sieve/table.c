/* table.c - finding commands, tests and tags among the rows of the extensions. */
#include "mail/sieve/table.h"

#define SIEVE_EXTENSION(x) extern const struct sieve_extension sieve_ext_##x;
#include "mail/sieve/extensions.h"
#undef SIEVE_EXTENSION

static const struct sieve_extension *const extensions[] = {
#define SIEVE_EXTENSION(x) &sieve_ext_##x,
#include "mail/sieve/extensions.h"
#undef SIEVE_EXTENSION
};

const struct sieve_extension *sieve_extension(unsigned id)
{
    BUG_IF(id >= SIEVE_EXT_COUNT);
    return extensions[id];
}

int sieve_extension_find(struct slice name)
{
    for (unsigned i = 0; i < SIEVE_EXT_COUNT; i++)
        if (name.n && slice_eq(extensions[i]->name, name))
            return (int)i;
    return -1;
}

uint64_t sieve_extension_bits(unsigned id)
{
    int other = sieve_extension_find(sieve_extension(id)->implies);
    return UINT64_C(1) << id | (other < 0 ? 0 : UINT64_C(1) << other);
}

void sieve_extensions(struct buf *out)
{
    for (unsigned i = 0, n = 0; i < SIEVE_EXT_COUNT; i++) {
        if (!extensions[i]->name.n)
            continue;
        if (n++)
            buf_addc(out, ' ');
        buf_add(out, extensions[i]->name);
    }
}

const struct sieve_command *sieve_command_find(struct slice name, bool test, unsigned *ret_ext)
{
    for (unsigned i = 0; i < SIEVE_EXT_COUNT; i++)
        for (const struct sieve_command *c = extensions[i]->commands; c && c->name.n; c++)
            if (sieve_is_test(c) == test && slice_eqi(c->name, name)) {
                *ret_ext = i;
                return c;
            }
    return NULL;
}

static bool named(const char *list, struct slice name)
{
    struct slice rest = slice_str(list);
    while (rest.p)
        if (slice_eq(slice_cut(&rest, ' '), name))
            return true;
    return false;
}

static bool applies(const struct sieve_tag *t, const struct sieve_command *c)
{
    return (t->uses & c->uses) || (t->on && named(t->on, c->name));
}

const struct sieve_tag *sieve_tag_find(const struct sieve_command *c, struct slice name,
                                       uint64_t mask, unsigned *ret_ext)
{
    *ret_ext = SIEVE_EXT_COUNT;
    for (unsigned i = 0; i < SIEVE_EXT_COUNT; i++)
        for (const struct sieve_tag *t = extensions[i]->tags; t && t->name.n; t++)
            if (slice_eqi(t->name, name) && applies(t, c)) {
                *ret_ext = i;
                if (mask >> i & 1)
                    return t;
            }
    return NULL;
}

enum sieve_kind sieve_slot_kind(const struct sieve_command *c, unsigned slot)
{
    if (slot <= SLOT_3)
        return slot < c->n_args ? c->args[slot].kind : SIEVE_NONE;
    for (unsigned i = 0; i < SIEVE_EXT_COUNT; i++)
        for (const struct sieve_tag *t = extensions[i]->tags; t && t->name.n; t++) {
            if (!applies(t, c))
                continue;
            if (t->slot == slot)
                return t->value || t->kind == SIEVE_NONE ? SIEVE_NUMBER : t->kind;
            if (t->value && t->kind != SIEVE_NONE && t->arg == slot)
                return t->kind;
        }
    return SIEVE_NONE;
}
