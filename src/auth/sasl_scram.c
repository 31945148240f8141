/* sasl_scram.c - SCRAM-SHA-256 and SCRAM-SHA-256-PLUS: the messages of RFC 5802 5 and 7, with the
   channel bindings tls-exporter (RFC 9266), tls-server-end-point and, below TLS 1.3, tls-unique
   (RFC 5929), which RFC 5802 6.1 asks for. The exchange looks the same for accounts that do not
   exist, up to the proof that fails. */
#include <sodium.h>

#include "auth/mechanism.h"
#include "auth/scram_message.h"
#include "base/base64.h"
#include "base/random.h"

enum { SERVER_NONCE = 24 };

struct scram_state {
    bool asked; /* server-first was sent */
    struct login login;
    struct scram_keys keys;
    struct slice authzid, gs2, binding;
    struct slice client_bare, server_first, nonce; /* nonce: client's and ours */
};

static enum sasl_result fail(struct err *e, const char *why)
{
    err_set(e, ERR_AUTH, "%s", why);
    return SASL_FAIL;
}

/* RFC 5802 6: what the client says about channel binding must fit the mechanism and what we offer;
   a client that thinks we have none ('y') while we offer it was lied to by somebody in between. */
static const char *check_binding(struct sasl *s, const struct scram_first *m, struct slice *ret)
{
    const struct auth_peer *p = &s->peer;
    bool plus = s->mech->needs & SASL_NEEDS_BINDING;
    *ret = S("");
    if (m->flag == 'y' && sasl_has_binding(p))
        return "channel binding was taken out of the list of mechanisms on the way";
    if (plus != (m->flag == 'p'))
        return "the mechanism and its channel binding do not fit";
    if (!plus)
        return NULL;
    if (slice_eq(m->binding_name, S("tls-exporter")))
        *ret = p->binding_exporter;
    else if (slice_eq(m->binding_name, S("tls-server-end-point")))
        *ret = p->binding_end_point;
    else if (slice_eq(m->binding_name, S("tls-unique")))
        *ret = p->binding_unique;
    return ret->n ? NULL : "channel binding of this type is not offered";
}

static enum sasl_result first(struct sasl *s, struct slice in, struct buf *out, struct err *e)
{
    struct scram_state *st = s->state;
    struct scram_first m;
    if (scram_first_parse(in, &s->arena, &m, e))
        return SASL_FAIL;
    const char *why = check_binding(s, &m, &st->binding);
    if (why)
        return fail(e, why);
    if (m.name.n > AUTH_NAME_MAX || m.nonce.n > SCRAM_NONCE_MAX)
        return fail(e, "name or nonce is too long");
    if (login_begin(&s->peer, m.name, &s->arena, &st->login, e))
        return SASL_FAIL;
    if (scram_parse(st->login.credential.scram, &st->keys))
        scram_fake(m.name, &st->keys);
    char ours[SERVER_NONCE + 1];
    random_name(ours, SERVER_NONCE);
    st->authzid = m.authzid;
    st->gs2 = arena_dup(&s->arena, m.gs2);
    st->client_bare = arena_dup(&s->arena, m.bare);
    st->nonce = arena_printf(&s->arena, "%.*s%s", SARG(m.nonce), ours);
    buf_addf(out, "r=%.*s,s=", SARG(st->nonce));
    base64_encode(out, slice_of(st->keys.salt, st->keys.salt_n));
    buf_addf(out, ",i=%u", st->keys.iterations);
    st->server_first = arena_dup(&s->arena, buf_slice(out));
    st->asked = true;
    if (s->arena.failed || out->failed) {
        err_set(e, ERR_LIMIT, "the exchange is too long");
        return SASL_FAIL;
    }
    return SASL_MORE;
}

static void mac(const unsigned char key[32], const struct scram_state *st, struct slice without,
                unsigned char ret[32])
{
    const struct slice parts[] = {st->client_bare, S(","), st->server_first, S(","), without};
    crypto_auth_hmacsha256_state h;
    crypto_auth_hmacsha256_init(&h, key, 32);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        crypto_auth_hmacsha256_update(&h, (const unsigned char *)parts[i].p, parts[i].n);
    crypto_auth_hmacsha256_final(&h, ret);
}

/* RFC 5802 3: ClientKey is the proof without ClientSignature; its hash must be the StoredKey. */
static bool proof_is_right(const struct scram_state *st, const struct scram_last *m)
{
    unsigned char signature[32], client[32], stored[32];
    mac(st->keys.stored, st, m->without_proof, signature);
    for (int i = 0; i < 32; i++)
        client[i] = signature[i] ^ m->proof[i];
    crypto_hash_sha256(stored, client, sizeof(client));
    bool right = sodium_memcmp(stored, st->keys.stored, sizeof(stored)) == 0;
    sodium_memzero(client, sizeof(client));
    return right;
}

static bool binding_is_right(const struct scram_state *st, const struct scram_last *m)
{
    return m->binding.n == st->gs2.n + st->binding.n && slice_starts(m->binding, st->gs2) &&
           slice_eq(slice_from(m->binding, st->gs2.n), st->binding);
}

static enum sasl_result last(struct sasl *s, struct slice in, struct buf *out, struct identity *ret,
                             struct err *e)
{
    struct scram_state *st = s->state;
    struct scram_last m;
    if (scram_last_parse(in, &s->arena, &m, e))
        return SASL_FAIL;
    bool right = binding_is_right(st, &m) && slice_eq(m.nonce, st->nonce) && proof_is_right(st, &m);
    if (login_end(&st->login, right, st->authzid, &s->arena, ret, e))
        return SASL_FAIL;
    unsigned char signature[32];
    mac(st->keys.server, st, m.without_proof, signature);
    buf_adds(out, "v=");
    base64_encode(out, slice_of(signature, sizeof(signature)));
    if (out->failed) {
        err_set(e, ERR_BUSY, "out of memory");
        return SASL_FAIL;
    }
    return SASL_OK;
}

static enum sasl_result step(struct sasl *s, struct slice in, struct buf *out, struct identity *ret,
                             struct err *e)
{
    const struct scram_state *st = s->state;
    return st->asked ? last(s, in, out, ret, e) : first(s, in, out, e);
}

const struct sasl_mechanism sasl_scram_sha_256 = {
    .name = S_INIT("SCRAM-SHA-256"),
    .needs = SASL_NEEDS_SCRAM,
    .client_first = true,
    .state_size = sizeof(struct scram_state),
    .step = step,
    .rfc = "7677:1",
};

const struct sasl_mechanism sasl_scram_sha_256_plus = {
    .name = S_INIT("SCRAM-SHA-256-PLUS"),
    .needs = SASL_NEEDS_SCRAM | SASL_NEEDS_BINDING,
    .client_first = true,
    .state_size = sizeof(struct scram_state),
    .step = step,
    .rfc = "7677:1",
};
