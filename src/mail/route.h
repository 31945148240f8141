/* route.h - which hosts take the mail of a domain, best first: the smarthost, or MX and addresses
   (RFC 5321 5.1). Blocks on DNS. */
#pragma once

#include <sys/socket.h>

#include "base/arena.h"
#include "base/err.h"

struct mail_hop {
    struct slice host; /* for TLS, logs and DSN */
    struct sockaddr_storage address;
    char text[80]; /* "192.0.2.1:25" */
    bool smarthost;
};

/* ERR_NOTFOUND, ERR_UNSUPPORTED (null MX), ERR_LIMIT (we are the best MX): final. ERR_BUSY: later.
   Texts begin with the enhanced status code. */
int mail_route(struct slice domain, struct arena *a, struct mail_hop **ret, size_t *ret_n,
               struct err *e);
