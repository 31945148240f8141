/* supervisor.h - `carbonado serve`: this process makes the sockets, drops its privileges, and
   keeps a worker and its fronts running; it reads nothing from the network. */
#pragma once

#include "node/config.h"

struct serve {
    const char *state_dir;
    struct config_source config; /* already applied; read again at a reload */
    /* Called once in the supervisor when the worker serves: NULL, or a table of addresses. */
    void (*ready)(void *arg);
    void *arg;
};

/* Returns when SIGTERM or SIGINT came and the worker has ended: 0; -1 when it cannot start. */
int supervisor_run(const struct serve *s, struct err *e);
