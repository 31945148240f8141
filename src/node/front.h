/* front.h - a process that talks to strangers and has neither files nor a database: sessions, TLS
   and the parsing of commands. What it wants to know it asks the worker over a ring (mail/desk.h).
 */
#pragma once

#include "io/ring.h"
#include "node/sockets.h"
#include "node/supervisor.h"

enum { FRONTS_MAX = 16, FRONT_RING = 1 << 20 };

unsigned fronts_wanted(void); /* node.fronts */

/* Serves until SIGTERM, or until the worker has gone; does not return. The worker is ready: there
   are certificates. */
_Noreturn void front_run(const struct serve *s, struct node_sockets *sockets, unsigned index,
                         struct ring_end *ring, int border);
