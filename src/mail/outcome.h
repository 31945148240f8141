/* outcome.h - what became of a task's recipients, and telling it: the outbox, the sender, the log.
   Internal to the queue. */
#pragma once

#include "mail/client.h"
#include "mail/task.h"
#include "store/blob.h"

struct queue_outcome {
    enum mail_result result;
    char status[12];
    struct slice reply; /* in the task's arena */
    struct slice remote;
    bool dsn_passed;
};

struct queue_run {
    struct queue_task *t;
    struct blob *blob; /* NULL: it could not be read */
    struct queue_outcome *out;
};

/* Rows and notifications, in one transaction. Sets t->stuck when that did not work. */
void queue_outcome_write(struct queue_run *r);
