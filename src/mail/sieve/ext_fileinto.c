/* ext_fileinto.c - RFC 5228 4.1, with what RFC 3894, 5232, 5490, 8579 and 9042 add to it. */
#include "mail/sieve/compile.h"
#include "mail/sieve/run.h"

static int check(struct sieve_compiler *c)
{
    return sieve_check_each(c, SLOT_0, sieve_is_mailbox, "the name of a mailbox");
}

static int run(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice name;
    struct sieve_action *a = sieve_act(r, SIEVE_FILEINTO, sieve_has(c, SLOT_COPY));
    if (!a || sieve_string(r, c, SLOT_0, &name))
        return -1;
    if (!sieve_is_mailbox(name))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not the name of a mailbox",
                          (int)(name.n > 80 ? 80 : name.n), name.p);
    if (sieve_mailbox_args(r, c, name, &a->mailbox))
        return -1;
    a->copy = sieve_has(c, SLOT_COPY);
    if (!a->mailbox.has_flags && r->flags_set) {
        a->mailbox.flags = r->flags;
        a->mailbox.has_flags = true;
    }
    return sieve_act_done(r, a);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("fileinto"),
     .shape = SHAPE_ACTION,
     .uses = USES_MAILBOX,
     .args = {{"a mailbox", SIEVE_STRING}},
     .n_args = 1,
     .check = check,
     .run = run,
     .rfc = "5228:4.1"},
    {{0}},
};

const struct sieve_extension sieve_ext_fileinto = {.name = S_INIT("fileinto"),
                                                   .commands = commands};
