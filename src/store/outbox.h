/* outbox.h - mail that mail makes (submission, forwards, DSN): rows of the shard, written in the
   job's own transaction, drained by the queue runner (mail/queue.c), idempotent by (shard, id). The
   same rows hold the spool of SMTP transactions whose recipients live on several shards. */
#pragma once

#include "store/message.h"

struct outbox_recipient {
    struct slice address; /* with ORCPT, NOTIFY as DSN parameters */
    struct slice orcpt;   /* "rfc822;user@example" or empty */
    unsigned notify;      /* bits: never 1, success 2, failure 4, delay 8; 0: default */
    uint64_t account;     /* not 0: deliver here (spool), else onward */
    struct slice detail;  /* subaddress, for local ones */
    struct slice named;   /* as RCPT had it, for local ones; empty: `address` */
    /* state, kept by the runner */
    uint32_t attempts;
    int64_t next_at; /* ms */
    struct slice last_reply;
};

struct outbox_message {
    uint64_t shard, id;
    struct slice from; /* envelope sender; empty: <> */
    struct slice envid, trace;
    unsigned ret_full, ret_hdrs; /* DSN RET=FULL, RET=HDRS */
    unsigned body_8bit, body_binary, smtputf8;
    int64_t queued_at, expires_at; /* ms */
    struct slice prefix;           /* lines in front of the blob */
    struct blob_ref blob;
    struct outbox_recipient *recipients;
    size_t n;
};

/* In a write job of any account (it says which shard). *ret_id is the queue id. */
int outbox_add(struct txn *t, struct message_ready *m, const struct outbox_message *msg,
               uint64_t *ret_id, struct err *e);

/* The runner's: messages of the shard with a recipient due at `now`, oldest first. */
int outbox_due(unsigned shard, int64_t now, size_t max, struct arena *a,
               struct outbox_message **ret, size_t *ret_n, int64_t *ret_next, struct err *e);
int outbox_each(int (*fn)(const struct outbox_message *, void *), void *arg, struct err *e);

/* One recipient's outcome. done: delivered or given up (removed, the message too when it was the
   last); else try again at next_at with last_reply noted. */
int outbox_done(unsigned shard, uint64_t id, struct slice address, struct err *e);
int outbox_later(unsigned shard, uint64_t id, struct slice address, int64_t next_at,
                 struct slice reply, struct err *e);
/* The outcomes of an attempt at message id and the messages that tell of them, all or nothing: the
   messages become rows of the same shard. */
struct outbox_outcome {
    struct slice address;
    bool done;       /* else: later */
    int64_t next_at; /* later */
    struct slice reply;
};
struct outbox_report {
    struct message_ready *ready;
    struct outbox_message row;
};
int outbox_settle(unsigned shard, uint64_t id, const struct outbox_outcome *list, size_t n,
                  const struct outbox_report *reports, size_t n_reports, struct err *e);
int outbox_remove(unsigned shard, uint64_t id, struct err *e);

/* Called (on any thread) after a commit that added to the outbox. */
void outbox_on_added(void (*fn)(unsigned shard));
void outbox_added(unsigned shard); /* the writer's */
