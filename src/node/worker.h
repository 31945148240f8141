/* worker.h - the process that serves: everything but making sockets. */
#pragma once

#include "node/sockets.h"
#include "node/supervisor.h"

enum {
    WORKER_STOPPED = 0,
    WORKER_CANNOT_START = 78, /* it said why; trying again would not help */
};

/* Serves until SIGTERM. `border` is the worker's end (border.h). The value is the exit status of
   the process. */
int worker_run(const struct serve *s, struct node_sockets *sockets, int border);
