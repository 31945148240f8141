/* ext_special_use.c - RFC 8579: mailboxes by what they are for. */
#include "mail/sieve/compile.h"
#include "mail/sieve/run.h"

static int check(struct sieve_compiler *c)
{
    return sieve_check_each(c, SLOT_1, sieve_is_special_use, "a special use such as \\Junk");
}

/* RFC 8579 4: all of the uses, of one mailbox or of any. */
static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice mailbox;
    struct sieve_list flags;
    if (sieve_string(r, c, SLOT_0, &mailbox) || sieve_strings(r, c, SLOT_1, &flags))
        return -1;
    for (size_t i = 0; i < flags.n; i++) {
        int got = r->world->special_use
                      ? r->world->special_use(r->ctx, mailbox, flags.items[i], r->e)
                      : 0;
        if (got <= 0)
            return got;
    }
    return 1;
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("specialuse_exists"),
     .shape = SHAPE_TEST,
     .args = {{"a mailbox", SIEVE_STRING}, {"special uses", SIEVE_LIST}},
     .n_args = 2,
     .first_optional = true,
     .check = check,
     .run = run,
     .rfc = "8579:3"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("specialuse"),
     .uses = USES_MAILBOX | USES_SENDS,
     .slot = SLOT_SPECIAL_USE,
     .kind = SIEVE_STRING,
     .what = "a special use"},
    {{0}},
};

const struct sieve_extension sieve_ext_special_use = {
    .name = S_INIT("special-use"), .commands = commands, .tags = tags};
