/* ext_base.c - the controls and actions that need no require: RFC 5228 3 and 4. */
#include "format/address.h"
#include "mail/sieve/compile.h"
#include "mail/sieve/run.h"

static bool is_text(struct slice s)
{
    return s.n > 0;
}

static int check_require(struct sieve_compiler *c)
{
    return sieve_check_each(c, SLOT_0, is_text, "the name of an extension");
}

/* RFC 5228 4.3 */
static int run_keep(struct sieve_runner *r, const struct sieve_call *c)
{
    struct sieve_action *a = sieve_act(r, SIEVE_KEEP, false);
    if (!a || sieve_mailbox_args(r, c, S("INBOX"), &a->mailbox))
        return -1;
    if (!a->mailbox.has_flags && r->flags_set) {
        a->mailbox.flags = r->flags;
        a->mailbox.has_flags = true;
    }
    return sieve_act_done(r, a);
}

/* RFC 5228 4.4 */
static int run_discard(struct sieve_runner *r, const struct sieve_call *c)
{
    (void)c;
    r->kept = true;
    return 0;
}

/* RFC 5228 4.2; RFC 3894, RFC 6009 and RFC 6134 add to it. */
static int check_redirect(struct sieve_compiler *c)
{
    if (sieve_given(c, SLOT_LIST))
        return 0;
    return sieve_check_each(c, SLOT_0, sieve_is_address, "an address");
}

static int run_redirect(struct sieve_runner *r, const struct sieve_call *c)
{
    struct slice to;
    struct address_list l;
    bool list = sieve_has(c, SLOT_LIST);
    struct sieve_action *a = sieve_act(r, SIEVE_REDIRECT, sieve_has(c, SLOT_COPY));
    if (!a || sieve_string(r, c, SLOT_0, &to))
        return -1;
    if (!list && !sieve_is_address(to))
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is not an address", (int)(to.n > 80 ? 80 : to.n),
                          to.p);
    if (r->enclosed) {
        a->header = r->plain_header;
        a->body = r->plain_body;
        a->edited = r->plain_edited;
    }
    a->list = list;
    a->to = to;
    a->copy = sieve_has(c, SLOT_COPY);
    if (!list) {
        BUF_SCOPE spec = {0};
        if (address_parse(to, 1, r->arena, &l) || !l.n)
            return sieve_fail_memory(r);
        address_spec(&l.items[0], &spec);
        if (sieve_keep_buf(r, &spec, &a->to))
            return -1;
    }
    if (sieve_redirect_dsn(r, c, a) || sieve_redirect_by(r, c, a) ||
        (list && sieve_redirect_list(r, a)))
        return -1;
    return sieve_act_done(r, a);
}

static const struct sieve_command commands[] = {
    {.name = S_INIT("require"),
     .shape = SHAPE_REQUIRE,
     .args = {{"extensions", SIEVE_LIST}},
     .n_args = 1,
     .check = check_require,
     .rfc = "5228:3.2"},
    {.name = S_INIT("if"), .shape = SHAPE_IF, .rfc = "5228:3.1"},
    {.name = S_INIT("elsif"), .shape = SHAPE_ELSIF, .rfc = "5228:3.1"},
    {.name = S_INIT("else"), .shape = SHAPE_ELSE, .rfc = "5228:3.1"},
    {.name = S_INIT("stop"), .shape = SHAPE_STOP, .rfc = "5228:3.3"},
    {.name = S_INIT("keep"), .shape = SHAPE_ACTION, .run = run_keep, .rfc = "5228:4.3"},
    {.name = S_INIT("discard"), .shape = SHAPE_ACTION, .run = run_discard, .rfc = "5228:4.4"},
    {.name = S_INIT("redirect"),
     .shape = SHAPE_ACTION,
     .args = {{"an address", SIEVE_STRING}},
     .n_args = 1,
     .check = check_redirect,
     .run = run_redirect,
     .rfc = "5228:4.2"},
    {{0}},
};

const struct sieve_extension sieve_ext_base = {.commands = commands};
