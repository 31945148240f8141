/* store.h - opening the store, transactions, and work on an account. See docs/architecture.md, The
   store. Everything here blocks; none of it may be called on a loop.

   An account's data lives in shard (id % shards): STATE/shards/N.db with its packs in
   STATE/packs/N/. Reads take a snapshot from a pool of read connections; writes run inside the
   shard's writer, in its group commit. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"
#include "io/job.h"

struct txn; /* a snapshot (read) or a part of the writer's transaction (write), of one account */

struct store_config {
    const char *dir; /* the state directory */
    unsigned shards; /* 0: as written in the directory, or clamp(cores, 2, 16) for a new one */
    bool read_only;  /* store check, stats beside a running server */
};

/* Opens, migrates, recovers (cuts packs to their committed length, checks that every committed blob
   lies below it), starts a writer and a checkpointer per shard, and installs the WRITE place.
   ERR_UNSUPPORTED names the version to install when the format is newer. */
int store_open(const struct store_config *config, struct err *e);
void store_close(void); /* finishes what is queued */
unsigned store_shards(void);
/* Brings the tables of all shards to what this program knows, whether older ones can read them then
   or not (db_on_upgrade must be set). The store must not be open; where none is, nothing is done.
 */
int store_upgrade(const char *dir, struct err *e);

/* --- transactions -------------------------------------------------------------------------- */
/* A read snapshot. It must not outlive a step of 200 ms: a held snapshot stops checkpoints. */
int txn_read(uint64_t account, struct txn **ret, struct err *e);
void txn_end(struct txn *t);
uint64_t txn_account(const struct txn *t);

/* The number of this job in its account's change log: IMAP MODSEQ, JMAP state. Write transactions
   only; taken at the first call, the same for the whole job. */
uint64_t txn_modseq(struct txn *t);

/* For callers that are not servers (command line, tests, queue): run fn in a WRITE job and wait.
   fn returns 0, or -1 with *e set to have it rolled back; it may be called again. */
int store_write(uint64_t account, int (*fn)(struct txn *t, void *arg, struct err *e), void *arg,
                struct err *e);

/* From any thread: so many more (by > 0) or fewer WRITE jobs of the account are being prepared now.
   A commit that begins waits a moment for them (store.batch_wait). What was said is taken back
   before the job is submitted, or when there will be none. */
void store_write_coming(uint64_t account, int by);

/* --- accounts ------------------------------------------------------------------------------ */
/* The account's row with INBOX (id 1) and the usual special-use mailboxes: Drafts, Sent, Junk,
   Trash, Archive. Creating one that is there does nothing. Any write to an account without a row
   creates it. */
int account_create(struct txn *t, struct err *e);
/* Everything, in slices: 1 when there is more to do in another job, 0 when all is gone, -1. */
int account_delete(struct txn *t, struct err *e);

struct account_usage {
    int64_t bytes;    /* sum of the sizes of items with entries, each item once */
    int64_t messages; /* entries in mailboxes */
    int64_t quota;    /* limit in bytes as last told by account_set_quota; 0: none */
    uint64_t modseq;  /* highest so far */
};
int account_usage(struct txn *t, struct account_usage *ret, struct err *e);
int account_set_quota(struct txn *t, int64_t bytes, struct err *e);

/* A cached answer for RCPT: would `size` more bytes be over quota? The writer has the last word. */
bool account_over_quota(uint64_t account, int64_t size);
/* The same out of memory, also on a loop. 1, 0, -1: not known at this moment. */
int account_over_quota_known(uint64_t account, int64_t size);
