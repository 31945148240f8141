/* listener.h - sockets that accept. The supervisor opens them (one per loop and address, with
   SO_REUSEPORT) and the worker puts them on loops. Limits per address span loops; at EMFILE a
   reserve descriptor is closed to accept and drop one, and accepting pauses. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

struct conn_ops;

enum tls_mode { TLS_NONE, TLS_START, TLS_IMPLICIT };

struct listener {
    const char *name;  /* "imaps": for logs and metrics */
    struct slice host; /* "0.0.0.0", "::", "127.0.0.1"; a path: a unix socket, mode 0600 */
    uint16_t port;
    enum tls_mode tls;
    bool proxy;       /* expects a PROXY header from addresses in io.proxy_from */
    const char *alpn; /* the protocol to choose in TLS, "imap"; NULL: ALPN is ignored */
    const struct conn_ops *ops;
    void *service;
};

/* n sockets bound to the same address, listening. ERR_BUSY: taken; ERR_NOPERM: below 1024. */
int listener_bind(const struct listener *l, int *fds, unsigned n, struct err *e);

/* fds[i] goes to loop i (modulo); they belong to io from here on. *l is copied; its name, alpn, ops
   and service must live as long as the process. */
int listener_start(const struct listener *l, const int *fds, unsigned n, struct err *e);
void listeners_stop(void); /* no new connections; those that are go on */
unsigned long listeners_connections(void);
