/* ext_mailbox.c - RFC 5490 3: mailboxexists, and :create. */
#include "mail/sieve/run.h"

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_list names;
    if (sieve_strings(r, c, SLOT_0, &names))
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        int got = r->world->mailbox ? r->world->mailbox(r->ctx, names.items[i], r->e) : 0;
        if (got <= 0)
            return got;
    }
    return 1;
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("mailboxexists"),
     .shape = SHAPE_TEST,
     .args = {{"mailboxes", SIEVE_LIST}},
     .n_args = 1,
     .run = run,
     .rfc = "5490:3.1"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("create"), .uses = USES_MAILBOX | USES_SENDS, .slot = SLOT_CREATE},
    {{0}},
};

const struct sieve_extension sieve_ext_mailbox = {
    .name = S_INIT("mailbox"), .commands = commands, .tags = tags};
