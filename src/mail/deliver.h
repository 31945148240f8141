/* deliver.h - a message into the mailbox of one account. */
#pragma once

#include "directory/directory.h"
#include "io/job.h"
#include "mail/filter.h"
#include "store/message.h"

struct mail_delivery {
    struct message_ready *ready;
    const struct delivery_target *target;
    struct slice from;          /* envelope sender */
    struct slice received;      /* Received line(s) of this hop */
    uint64_t spool;             /* not 0: only once per (spool, recipient) */
    struct mail_filter *filter; /* what scripts made of it, or NULL */
};

/* In a write job of the target's account. Makes Return-Path and Delivered-To, picks the mailbox
   (INBOX, or the one named by +detail when mail.detail_folder says so), adds the message. */
int mail_deliver(struct txn *t, const struct mail_delivery *d, struct err *e);

/* The same as the run() of a job: mail_deliver, and once more without the scripts where the store
   would not do what they wanted. */
enum job_next mail_deliver_job(struct job *job, struct txn *t, const struct mail_delivery *d);
