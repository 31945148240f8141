/* desk_server.h - desks for other processes: a front asks over its ring, and what it asks is done
   here. A front is not trusted: a message that is none, a question for a busy desk, more desks than
   connections, and answers that it does not read end it. */
#pragma once

#include "base/err.h"

struct conn_info;
struct ring_end;

/* Takes the descriptors, of side 1. Not from a loop's thread. */
int desk_server_add(struct ring_end *end, struct err *e);
/* Before jobs_stop(): every front is cut off. Not from a loop's thread. */
void desk_server_stop(void);
/* Every connection of every front, as conns_each(); fn runs on the loops. A front that does not
   answer within a second is left out: how many those were, or loops of them. Not from a loop's
   thread. */
unsigned desk_server_sessions(int (*fn)(const struct conn_info *, void *arg), void *arg);
