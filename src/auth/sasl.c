/* sasl.c - the frame of RFC 4422: which mechanisms are offered on a connection, and the limits that
   hold for all of them. */
#include <stdlib.h>

#include <sodium.h>

#include "auth/mechanism.h"
#include "base/setting.h"

SETTING_DECLARE(auth, scram);

static const struct sasl_mechanism *const mechanisms[] = {
    &sasl_plain,
    &sasl_login,
    &sasl_scram_sha_256,
    &sasl_scram_sha_256_plus,
};
enum { MECHANISMS = sizeof(mechanisms) / sizeof(mechanisms[0]) };

bool sasl_has_binding(const struct auth_peer *p)
{
    return p->tls && (p->binding_exporter.n || p->binding_end_point.n || p->binding_unique.n);
}

static unsigned lacks(const struct auth_peer *p, const struct sasl_mechanism *m)
{
    unsigned has = (p->plain_ok ? SASL_NEEDS_PLAIN_OK : 0) |
                   (setting_get(&set_auth_scram) ? SASL_NEEDS_SCRAM : 0) |
                   (sasl_has_binding(p) ? SASL_NEEDS_BINDING : 0);
    return m->needs & ~has;
}

void sasl_list(const struct auth_peer *peer, const char *prefix, struct buf *out)
{
    bool first = true;
    for (size_t i = 0; i < MECHANISMS; i++) {
        if (lacks(peer, mechanisms[i]))
            continue;
        buf_addf(out, "%s%s%.*s", first ? "" : " ", prefix, SARG(mechanisms[i]->name));
        first = false;
    }
}

static const struct sasl_mechanism *find(struct slice name)
{
    for (size_t i = 0; i < MECHANISMS; i++)
        if (slice_eqi(mechanisms[i]->name, name))
            return mechanisms[i];
    return NULL;
}

struct sasl *sasl_new(const struct auth_peer *peer, struct slice name, struct err *e)
{
    const struct sasl_mechanism *m = find(name);
    unsigned missing = m ? lacks(peer, m) : 0;
    if (!m || missing & SASL_NEEDS_SCRAM || (missing & SASL_NEEDS_BINDING && peer->tls)) {
        err_set(e, ERR_UNSUPPORTED, "this mechanism is not offered");
        return NULL;
    }
    if (missing) {
        err_set(e, ERR_NOPERM, "this mechanism is offered over TLS only");
        return NULL;
    }
    struct sasl *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    auth_init();
    s->mech = m;
    s->arena.limit = 256 * 1024;
    s->peer = *peer;
    s->peer.service = arena_dup(&s->arena, peer->service);
    s->peer.address = arena_dup(&s->arena, peer->address);
    s->peer.binding_exporter = arena_dup(&s->arena, peer->binding_exporter);
    s->peer.binding_end_point = arena_dup(&s->arena, peer->binding_end_point);
    s->peer.binding_unique = arena_dup(&s->arena, peer->binding_unique);
    s->state = arena_alloc(&s->arena, m->state_size, 1, 16);
    BUG_IF(s->arena.failed);
    return s;
}

void sasl_free(struct sasl *s)
{
    if (!s)
        return;
    sodium_memzero(s->state, s->mech->state_size);
    arena_reset(&s->arena);
    free(s);
}

bool sasl_client_first(const struct sasl *s)
{
    return s->mech->client_first;
}

enum sasl_result sasl_step(struct sasl *s, struct slice in, struct buf *out, struct identity *ret,
                           struct err *e)
{
    enum sasl_result r = SASL_FAIL;
    *ret = (struct identity){.account = 0};
    if (s->ended)
        err_set(e, ERR_SYNTAX, "the exchange has ended");
    else if (in.n > SASL_MESSAGE_MAX || ++s->round > SASL_ROUNDS_MAX)
        err_set(e, ERR_LIMIT, "the exchange is too long");
    else if (!in.p && s->mech->client_first)
        r = SASL_MORE; /* an empty challenge asks for the first message (RFC 4422 3) */
    else
        r = s->mech->step(s, in, out, ret, e);
    if (r != SASL_MORE)
        s->ended = true;
    return r;
}
