/* sockets.h - the listening sockets of this node: made by the supervisor, used by the
   worker and by fronts. */
#pragma once

#include "node/roles.h"

enum { SOCKETS_LOOPS_MAX = 64 };

struct node_socket {
    struct listener listener; /* ops and service are filled in by who listens */
    enum service service;
    bool in_front; /* fds are one for each front, else one for each loop of the worker */
    unsigned n;
    int fds[SOCKETS_LOOPS_MAX];
};

struct node_sockets {
    struct arena arena;
    struct node_socket *list;
    size_t n;
    unsigned loops, fronts;
};

/* Binds every port of roles_listeners() for which there is a service. An address family that the
   host does not have is left out. On an error nothing stays open. */
int sockets_bind(struct node_sockets *s, unsigned loops, unsigned fronts, struct err *e);
void sockets_close(struct node_sockets *s);
/* What is of another process: for the worker those of fronts, for a front all but its own. */
enum { SOCKETS_WORKER = -1 };
void sockets_keep(struct node_sockets *s, int front);
