/* mechanism.h - what a SASL mechanism gives to sasl.c: one row in its table, one file each. */
#pragma once

#include "auth/internal.h"

enum {
    SASL_MESSAGE_MAX = 4096, /* one message of a client that nobody knows yet */
    SASL_ROUNDS_MAX = 8,
};

struct sasl {
    const struct sasl_mechanism *mech;
    struct auth_peer peer; /* its slices are copies in the arena */
    struct arena arena;
    unsigned round;
    bool ended;
    void *state; /* of the mechanism: mech->state_size bytes, zeroed */
};

enum sasl_needs { SASL_NEEDS_PLAIN_OK = 1, SASL_NEEDS_SCRAM = 2, SASL_NEEDS_BINDING = 4 };

struct sasl_mechanism {
    struct slice name;
    unsigned needs;
    bool client_first;
    size_t state_size;
    enum sasl_result (*step)(struct sasl *s, struct slice in, struct buf *out, struct identity *ret,
                             struct err *e);
    const char *rfc;
};

bool sasl_has_binding(const struct auth_peer *p); /* one type of channel binding at least */

extern const struct sasl_mechanism sasl_plain, sasl_login, sasl_scram_sha_256,
    sasl_scram_sha_256_plus;
