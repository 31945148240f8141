/* ext_mboxmetadata.c - RFC 5490 3.3: annotations of mailboxes. */
#include "mail/sieve/match.h"
#include "mail/sieve/metadata.h"

int sieve_metadata_test(struct sieve_runner *r, const struct sieve_call *c, struct slice mailbox,
                        enum sieve_slot entry)
{
    struct sieve_matcher m;
    struct slice name, value;
    BUF_SCOPE out = {.max = r->limits->memory};
    if (sieve_string(r, c, entry, &name) ||
        sieve_matcher_init(&m, r, c, (enum sieve_slot)(entry + 1)))
        return -1;
    int got = r->world->metadata ? r->world->metadata(r->ctx, mailbox, name, &out, r->e) : 0;
    if (got <= 0)
        return got;
    if (sieve_keep_buf(r, &out, &value))
        return -1;
    got = sieve_matcher_try(&m, value);
    return got ? got : sieve_matcher_end(&m);
}

int sieve_metadata_exists(struct sieve_runner *r, const struct sieve_call *c, struct slice mailbox,
                          enum sieve_slot entries)
{
    struct sieve_list names;
    if (sieve_strings(r, c, entries, &names))
        return -1;
    for (size_t i = 0; i < names.n; i++) {
        BUF_SCOPE out = {.max = r->limits->memory};
        int got = r->world->metadata
                      ? r->world->metadata(r->ctx, mailbox, names.items[i], &out, r->e)
                      : 0;
        if (got <= 0)
            return got;
    }
    return 1;
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice mailbox;
    return sieve_string(r, c, SLOT_0, &mailbox) ? -1 : sieve_metadata_test(r, c, mailbox, SLOT_1);
}

static int run_exists(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice mailbox;
    return sieve_string(r, c, SLOT_0, &mailbox) ? -1 : sieve_metadata_exists(r, c, mailbox, SLOT_1);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("metadata"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"a mailbox", SIEVE_STRING}, {"an annotation", SIEVE_STRING}, {"keys", SIEVE_LIST}},
     .n_args = 3,
     .run = run,
     .rfc = "5490:3.3"},
    {.name = S_INIT("metadataexists"),
     .shape = SHAPE_TEST,
     .args = {{"a mailbox", SIEVE_STRING}, {"annotations", SIEVE_LIST}},
     .n_args = 2,
     .run = run_exists,
     .rfc = "5490:3.4"},
    {{0}},
};

const struct sieve_extension sieve_ext_mboxmetadata = {.name = S_INIT("mboxmetadata"),
                                                       .commands = commands};
