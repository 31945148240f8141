/* task.h - one delivery of the queue: the recipients of one message that go one way: all mailboxes
   here, or one domain. Internal to the queue. */
#pragma once

#include "base/arena.h"
#include "base/list.h"
#include "store/outbox.h"

struct queue_task {
    struct link link;
    struct arena arena;
    struct outbox_message m; /* a copy, with only the recipients of this task */
    struct slice domain;     /* lower case; empty: mailboxes here */
    struct slice key;        /* "shard.id.domain" */
    bool stuck;              /* out: the outcome could not be written */
};

/* Does the delivery and writes its outcome into the outbox. On a thread of the queue. */
void queue_task_run(struct queue_task *t);

/* A number for message_add's guard: the same for every attempt at this row, of no other row ever.
 */
uint64_t queue_spool_id(const struct outbox_message *m);
