/* cmd_authenticate.c - AUTHENTICATE: RFC 9051 6.2.2, with the initial response of RFC 4959. Each
   step of the mechanism runs at CPU. What a mechanism says at its end (SCRAM's server signature)
   goes as a last challenge, which the client answers with an empty line. */
#include "auth/auth.h"
#include "base/base64.h"
#include "imap/capability.h"
#include "imap/cmds.h"
#include "imap/login.h"
#include "imap/sasl.h"

struct authenticate {
    struct slice mechanism;
    struct auth_peer peer;
    struct sasl *sasl;
    struct slice in; /* p == NULL: none */
    bool has_initial, finished;
    struct identity id;
    struct buf challenge;
};

static void authenticate_free(void *state)
{
    struct authenticate *a = state;
    if (a->sasl)
        sasl_free(a->sasl);
    buf_done(&a->challenge);
}

int cmd_authenticate_parse(struct request *r, struct imap_parser *p)
{
    struct authenticate *a = request_new_of(r, struct authenticate, 1);
    struct slice initial;
    if (!a || imap_space(p) || imap_atom(p, &a->mechanism))
        return -1;
    if (imap_accept(p, ' ')) {
        a->has_initial = true;
        if (imap_base64(p, &initial))
            return -1;
        BUF_SCOPE decoded = {.max = SASL_LINE_MAX};
        if (!slice_eq(initial, S("=")) && base64_decode(&decoded, initial, p->e))
            return -1;
        a->in = arena_dup(&r->arena, buf_slice(&decoded));
        if (!a->in.p)
            return err_set(p->e, ERR_BUSY, "out of memory");
    }
    r->args = a;
    r->state = a;
    r->state_done = authenticate_free;
    r->tag = arena_dup(&r->arena, r->tag); /* the text is used again for the lines that follow */
    a->mechanism = arena_dup(&r->arena, a->mechanism);
    if (!r->tag.p || !a->mechanism.p)
        return err_set(p->e, ERR_BUSY, "out of memory");
    session_peer(r->s, &r->arena, &a->peer);
    return 0;
}

static enum cmd_next step(struct request *r, struct txn *t);

/* At LOOP: sends the challenge and waits for a line. */
static enum cmd_next ask(struct request *r, struct txn *t)
{
    (void)t;
    struct authenticate *a = r->args;
    buf_adds(&r->out, "+ ");
    base64_encode(&r->out, buf_slice(&a->challenge));
    buf_adds(&r->out, "\r\n");
    buf_reset(&r->text);
    r->text.max = 2 * SASL_LINE_MAX;
    r->s->mode = MODE_SASL;
    r->run = step;
    return CMD_AGAIN;
}

static enum cmd_next to(struct request *r, cmd_run *run, enum place place)
{
    r->run = run;
    r->place = place;
    return CMD_MOVE;
}

static enum cmd_next step(struct request *r, struct txn *t)
{
    (void)t;
    struct authenticate *a = r->args;
    if (a->finished)
        return login_accept(r, &a->id);
    buf_reset(&a->challenge);
    switch (sasl_step(a->sasl, a->in, &a->challenge, &a->id, &r->job.err)) {
    case SASL_MORE:
        return to(r, ask, PLACE_LOOP);
    case SASL_OK:
        if (a->challenge.n == 0)
            return login_accept(r, &a->id);
        a->finished = true;
        return to(r, ask, PLACE_LOOP);
    case SASL_FAIL:
        break;
    }
    r->delay_ms = a->id.delay_ms;
    if (r->job.err.code == ERR_OK)
        return request_fail(r, ERR_AUTH, "Authentication failed");
    if (r->job.err.code == ERR_SYNTAX)
        r->bad = true;
    return CMD_FAIL;
}

enum cmd_next cmd_authenticate(struct request *r, struct txn *t)
{
    struct authenticate *a = r->args;
    a->sasl = sasl_new(&a->peer, a->mechanism, &r->job.err);
    if (!a->sasl) {
        if (r->job.err.code == ERR_NOPERM)
            r->code = "PRIVACYREQUIRED";
        return CMD_FAIL;
    }
    /* RFC 4959 3 would have BAD for the initial response of a mechanism in which the server begins:
       that is LOGIN, and clients (curl) send the name with it. It is taken, as everybody does. */
    if (!a->has_initial && sasl_client_first(a->sasl))
        return ask(r, t);
    return to(r, step, PLACE_CPU);
}

void sasl_line(struct request *r)
{
    struct authenticate *a = r->args;
    struct slice line = buf_slice(&r->text);
    a->in = SNONE;
    BUF_SCOPE decoded = {.max = SASL_LINE_MAX};
    if (!slice_ends(line, S("\r\n"))) {
        request_bad(r, "A line must end with CR LF");
    } else {
        line.n -= 2;
        if (slice_eq(line, S("*")))
            request_bad(r, "Authentication cancelled");
        else if (base64_decode(&decoded, line, &r->job.err) == 0)
            a->in = arena_dup(&r->arena, buf_slice(&decoded));
        else if (r->job.err.code != ERR_BUSY)
            request_bad(r, "The response is not base 64");
        if (!r->bad && !a->in.p)
            request_fail(r, ERR_BUSY, "out of memory");
    }
    if (r->bad || r->job.err.code) {
        r->outcome = CMD_FAIL;
        request_finish(r);
        return;
    }
    request_go(r, step, PLACE_CPU);
}
