/* queue.h - the runner of the outbox: delivers what is in its rows, here or onwards, tries again,
   and tells senders. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

int64_t mail_queue_lifetime(void); /* ms: mail.queue_lifetime */

/* After store_open, directory_open and loops_start; stops before them. Stopping
   drops the connections of deliveries in progress: nothing is lost, their rows are still there. */
int queue_start(struct err *e);
void queue_stop(void);
bool queue_stopping(void);

/* Looks at every shard now (after a change of settings, for `carbonado status`). */
void queue_wake(void);
uint64_t queue_active(void); /* tasks waiting or running */
