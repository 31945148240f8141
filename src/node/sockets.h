/* sockets.h - the listening sockets of this node: made by the supervisor, used by the worker. */
#pragma once

#include "node/roles.h"

enum { SOCKETS_LOOPS_MAX = 64 };

struct node_socket {
    struct listener listener; /* ops and service are filled in by the worker */
    enum service service;
    int fds[SOCKETS_LOOPS_MAX];
};

struct node_sockets {
    struct arena arena;
    struct node_socket *list;
    size_t n;
    unsigned loops; /* descriptors of each */
};

/* Binds every port of roles_listeners() for which there is a service. An address family that the
   host does not have is left out. On an error nothing stays open. */
int sockets_bind(struct node_sockets *s, unsigned loops, struct err *e);
void sockets_close(struct node_sockets *s);
