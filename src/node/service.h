/* service.h - the servers of this program: which service a port of roles.c leads to, and the parts
   that run without a port. */
#pragma once

#include "node/roles.h"

struct conn_ops;

struct node_service {
    enum service service;
    int (*start)(struct err *e); /* before the listeners; may be NULL, may stand in many rows */
    const struct conn_ops *ops;
    void *instance;   /* conn_service() */
    const char *alpn; /* of its TLS ports, or NULL */
    bool in_front;    /* with node.fronts it is there, and not in the worker */
};

/* NULL: this program has no such server (yet): its ports stay closed. */
const struct node_service *service_find(enum service s);

/* Servers and parts, in order; on an error those that started are stopped. Loops, jobs, directory
   and store are running. */
int services_start(struct err *e);
void services_stop(void); /* after the connections are gone, before jobs and store stop */
