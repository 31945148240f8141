/* scram_message.h - the messages of a SCRAM client, RFC 5802 7, as parts. Strict; slices point into
   the message or the arena. */
#pragma once

#include "base/arena.h"
#include "base/err.h"

enum { SCRAM_NONCE_MAX = 256 };

/* client-first-message = gs2-header client-first-message-bare */
struct scram_first {
    char flag; /* n, y or p */
    struct slice binding_name;
    struct slice authzid; /* decoded; may be empty */
    struct slice gs2;     /* with its last comma */
    struct slice bare;
    struct slice name; /* decoded */
    struct slice nonce;
};
int scram_first_parse(struct slice in, struct arena *a, struct scram_first *ret, struct err *e);

/* client-final-message */
struct scram_last {
    struct slice without_proof;
    struct slice binding; /* decoded: gs2-header and channel data */
    struct slice nonce;
    unsigned char proof[32];
};
int scram_last_parse(struct slice in, struct arena *a, struct scram_last *ret, struct err *e);
