/* login.c - RFC 9266 and RFC 5929 channel bindings, whether passwords may go in plain text, and the
   steps of an exchange, which SMTP and POP3 wrap in their own words. */
#include "mail/login.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/base64.h"
#include "base/setting.h"

SETTING_DECLARE(auth, plain_on_loopback);

void login_peer_init(struct login_peer *p, struct conn *c, const char *service,
                     struct slice address)
{
    *p = (struct login_peer){
        .exporter = {.max = 256}, .end_point = {.max = 256}, .unique = {.max = 256}};
    snprintf(p->address, sizeof(p->address), "%.*s", SARG(address));
    p->peer.service = slice_str(service);
    p->peer.address = slice_str(p->address);
    p->peer.tls = conn_is_tls(c);
    p->peer.plain_ok =
        p->peer.tls || (conn_is_loopback(c) && setting_get(&set_auth_plain_on_loopback));
    if (conn_tls_binding(c, S("tls-exporter"), &p->exporter) == 0)
        p->peer.binding_exporter = buf_slice(&p->exporter);
    if (conn_tls_binding(c, S("tls-server-end-point"), &p->end_point) == 0)
        p->peer.binding_end_point = buf_slice(&p->end_point);
    if (conn_tls_binding(c, S("tls-unique"), &p->unique) == 0)
        p->peer.binding_unique = buf_slice(&p->unique);
}

void login_peer_done(struct login_peer *p)
{
    buf_done(&p->exporter);
    buf_done(&p->end_point);
    buf_done(&p->unique);
}

struct login_exchange *login_exchange_new(struct conn *c, const char *service, struct slice address,
                                          struct slice mechanism)
{
    struct login_exchange *x = calloc(1, sizeof(*x));
    BUG_IF(!x);
    login_peer_init(&x->peer, c, service, address);
    snprintf(x->mechanism, sizeof(x->mechanism), "%.*s", SARG(mechanism));
    return x;
}

struct login_exchange *login_exchange_of(const struct auth_peer *peer, struct slice mechanism)
{
    struct login_exchange *x = calloc(1, sizeof(*x));
    BUG_IF(!x);
    struct login_peer *p = &x->peer;
    *p = (struct login_peer){
        .peer = *peer, .exporter = {.max = 256}, .end_point = {.max = 256}, .unique = {.max = 256}};
    snprintf(p->address, sizeof(p->address), "%.*s", SARG(peer->address));
    p->peer.address = slice_str(p->address);
    buf_add(&p->exporter, peer->binding_exporter);
    buf_add(&p->end_point, peer->binding_end_point);
    buf_add(&p->unique, peer->binding_unique);
    p->peer.binding_exporter = buf_slice(&p->exporter);
    p->peer.binding_end_point = buf_slice(&p->end_point);
    p->peer.binding_unique = buf_slice(&p->unique);
    snprintf(x->mechanism, sizeof(x->mechanism), "%.*s", SARG(mechanism));
    return x;
}

void login_exchange_free(struct login_exchange *x)
{
    if (!x)
        return;
    if (x->sasl)
        sasl_free(x->sasl);
    login_peer_done(&x->peer);
    free(x);
}

int login_step_init(struct login_step *s, struct login_exchange *x, struct slice text,
                    struct err *e)
{
    *s = (struct login_step){
        .x = x, .in = {.max = 16 * 1024}, .has_in = text.p != NULL, .result = SASL_FAIL};
    return text.n ? base64_decode(&s->in, text, e) : 0;
}

void login_step_start(struct login_step *s, struct login_exchange *x, struct slice in, bool has_in)
{
    *s = (struct login_step){
        .x = x, .in = {.max = 16 * 1024}, .has_in = has_in, .result = SASL_FAIL};
    buf_add(&s->in, in); /* whether there was memory for it: see login_step_run() */
}

void login_step_run(struct login_step *s, struct err *e)
{
    struct login_exchange *x = s->x;
    const struct login_peer *p = &x->peer;
    if (s->in.failed || p->exporter.failed || p->end_point.failed || p->unique.failed) {
        err_set(e, ERR_BUSY, "4.7.0 Out of memory");
        return;
    }
    if (!x->sasl && !(x->sasl = sasl_new(&x->peer.peer, slice_str(x->mechanism), e)))
        return;
    if (!s->has_in && sasl_client_first(x->sasl)) {
        s->result = SASL_MORE; /* an empty challenge asks for the first response */
        return;
    }
    struct slice in = s->has_in ? slice_of(s->in.p ? s->in.p : "", s->in.n) : SNONE;
    s->result = sasl_step(x->sasl, in, &s->out, &s->who, e);
}

void login_step_done(struct login_step *s)
{
    if (s->in.p)
        explicit_bzero(s->in.p, s->in.cap);
    buf_done(&s->in);
    buf_done(&s->out);
}
