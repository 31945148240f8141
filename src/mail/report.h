/* report.h - a delivery status notification as a message of the outbox. */
#pragma once

#include "mail/dsn.h"

/* The report about `list` to the sender of m, as a row and its bytes; both live in the arena but
   for ret->ready, which is the caller's. `original`: the message (`whole`) or its header. 1: *ret
   is to be written; 0: the sender is nobody who could be told; -1. Blocks: CPU jobs and the queue.
 */
int report_make(const struct outbox_message *m, const struct dsn_recipient *list, size_t n,
                struct slice original, bool whole, struct arena *a, struct outbox_report *ret,
                struct err *e);

/* After the commit. */
void report_log(const struct outbox_message *m, enum dsn_action action,
                const struct outbox_report *report);
