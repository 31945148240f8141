/* login.h - logging in over a connection: what auth/ wants to know about it (TLS, loopback, channel
   bindings), and the steps of a SASL exchange. For the servers. */
#pragma once

#include "auth/auth.h"
#include "io/conn.h"

struct login_peer {
    struct auth_peer peer; /* borrows from what follows; do not copy */
    char address[64];
    struct buf exporter, end_point, unique;
};

/* On the loop. address: of the client (XCLIENT may have changed it). service lives for ever. */
void login_peer_init(struct login_peer *p, struct conn *c, const char *service,
                     struct slice address);
void login_peer_done(struct login_peer *p);

/* One SASL exchange. */
struct login_exchange {
    struct login_peer peer;
    struct sasl *sasl;
    char mechanism[24];
};
struct login_exchange *login_exchange_new(struct conn *c, const char *service, struct slice address,
                                          struct slice mechanism);
/* The same, with what somebody else knows of the connection; it is copied. */
struct login_exchange *login_exchange_of(const struct auth_peer *peer, struct slice mechanism);
void login_exchange_free(struct login_exchange *x); /* NULL is fine */

/* One message of the client and the answer to it. */
struct login_step {
    struct login_exchange *x;
    struct buf in, out; /* out: the challenge, or final data with SASL_OK; not encoded */
    bool has_in;
    enum sasl_result result;
    struct identity who;
};
/* text: base 64; p == NULL: no initial response. ERR_SYNTAX: not base 64. */
int login_step_init(struct login_step *s, struct login_exchange *x, struct slice text,
                    struct err *e);
/* The same with what is decoded already. */
void login_step_start(struct login_step *s, struct login_exchange *x, struct slice in, bool has_in);
void login_step_run(struct login_step *s, struct err *e); /* in a CPU job */
void login_step_done(struct login_step *s);               /* wipes what was in it */
