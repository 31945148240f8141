/* ext_servermetadata.c - RFC 5490 4: annotations of the server. */
#include "mail/sieve/metadata.h"

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    return sieve_metadata_test(r, c, SNONE, SLOT_0);
}

static int run_exists(struct sieve_runner *r, const struct sieve_call *c)
{
    return sieve_metadata_exists(r, c, SNONE, SLOT_0);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("servermetadata"),
     .shape = SHAPE_TEST,
     .uses = USES_MATCH,
     .args = {{"an annotation", SIEVE_STRING}, {"keys", SIEVE_LIST}},
     .n_args = 2,
     .run = run,
     .rfc = "5490:4.1"},
    {.name = S_INIT("servermetadataexists"),
     .shape = SHAPE_TEST,
     .args = {{"annotations", SIEVE_LIST}},
     .n_args = 1,
     .run = run_exists,
     .rfc = "5490:4.2"},
    {{0}},
};

const struct sieve_extension sieve_ext_servermetadata = {.name = S_INIT("servermetadata"),
                                                         .commands = commands};
