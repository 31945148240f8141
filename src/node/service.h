/* service.h - the servers of this program: which service a port of roles.c leads to. */
#pragma once

#include "node/roles.h"

struct conn_ops;

struct node_service {
    enum service service;
    int (*start)(struct err *e); /* before the listeners; may be NULL */
    void (*stop)(void);          /* after the last connection; may be NULL */
    const struct conn_ops *ops;
    const char *alpn; /* of its TLS ports, or NULL */
};

/* NULL: this program has no such server (yet): its ports stay closed. */
const struct node_service *service_find(enum service s);
int services_start(struct err *e); /* those that a role of this node has a port for */
void services_stop(void);
