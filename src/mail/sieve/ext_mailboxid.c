/* ext_mailboxid.c - RFC 9042: mailboxes by MAILBOXID. */
#include "mail/sieve/run.h"

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_list ids;
    if (sieve_strings(r, c, SLOT_0, &ids))
        return -1;
    for (size_t i = 0; i < ids.n; i++) {
        int got = r->world->mailbox_id ? r->world->mailbox_id(r->ctx, ids.items[i], r->e) : 0;
        if (got <= 0)
            return got;
    }
    return 1;
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("mailboxidexists"),
     .shape = SHAPE_TEST,
     .args = {{"ids of mailboxes", SIEVE_LIST}},
     .n_args = 1,
     .run = run,
     .rfc = "9042:6"},
    {{0}},
};

static const struct sieve_tag tags[] = {
    {.name = S_INIT("mailboxid"),
     .uses = USES_MAILBOX | USES_SENDS,
     .slot = SLOT_MAILBOX_ID,
     .kind = SIEVE_STRING,
     .what = "the id of a mailbox"},
    {{0}},
};

const struct sieve_extension sieve_ext_mailboxid = {
    .name = S_INIT("mailboxid"), .commands = commands, .tags = tags};
