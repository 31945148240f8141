/* shard.h - the inside of store/: shards, transactions, and the writer's open pack. Nothing above
   store/ includes it.

   A shard has one writer thread (writer.c), which owns `db` and the open pack; readers have
   connections of their own out of a pool (store.c); a checkpointer moves the write-ahead log into
   the database (checkpoint.c). */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "db/db.h"
#include "store/blob.h"
#include "store/frame.h"
#include "store/pack.h"
#include "store/packs.h"
#include "store/store.h"
#include "store/watch.h"

struct reader {
    struct reader *next;
    struct db *db;
};

struct blob_staged {
    _Atomic unsigned refs;
    struct frames frames;
};

/* A record that the running batch will append. */
struct pending {
    struct blob_staged *staged;
    struct record_origin origin;
};

/* The writer's open pack. Only the writer thread looks at it. */
struct pack_writer {
    uint64_t id, mark;
    int fd;             /* -1: a new pack must begin first */
    uint64_t committed; /* the file is true up to here */
    uint64_t next;      /* where the next pending record goes */
    struct pending *pending;
    size_t n, cap;
    bool full;     /* a new one shall begin */
    int64_t tails; /* ids of rows of pack_tail given so far */
    /* of the running batch */
    int64_t tail;    /* its row of pack_tail; 0: none */
    int64_t dropped; /* rows up to here go with it */
    bool synced;     /* the file */
};

/* How far the rows of table pack_tail are: tail.h. Under the shard's lock. */
struct tails {
    int64_t given;     /* the last that a batch has, committed or not */
    int64_t last;      /* the last that is committed */
    int64_t settled;   /* up to here the packs are synced */
    uint64_t pack;     /* that the last belongs to */
    bool anew;         /* a sync or a write failed: the rows are written again */
    int64_t suspect;   /* given when a sync failed: may have lost its bytes before its commit */
    unsigned failures; /* of batches */
};

/* What the writer does; written by it alone, read by anyone (watch.h). */
struct writer_now {
    _Atomic int doing; /* enum shard_doing */
    _Atomic unsigned jobs;
    _Atomic int64_t began_us;
    _Atomic(const char *) what;
    _Atomic uint64_t pack, pack_bytes;
};

struct shard {
    unsigned id;
    char db_path[512];
    struct db *db;   /* NULL: to be opened again */
    struct db *held; /* does nothing but stay open */
    struct pack_writer pack;
    struct packs packs;

    pthread_t writer, checkpointer;
    bool running, checkpointing;
    pthread_mutex_t lock; /* queue, stop */
    pthread_cond_t wake, wake_checkpointer;
    struct job *head, **tail;
    size_t queued, batch_max;
    bool stop, stop_checkpointer;
    bool writer_waits;       /* for any job */
    bool gathers;            /* or for those that are coming */
    bool checkpointer_waits; /* for a commit */
    _Atomic int coming;      /* jobs that are being prepared */
    size_t arrived, taken;   /* submissions, of one job or more, that wait; of the commit */
    size_t expected;         /* of the commit before, waiting behind it, and coming then */
    _Atomic uint64_t commits;
    _Atomic bool move_rest; /* of the log: the writer shall, between two batches */
    struct writer_now now;
    struct tails tails;
    pthread_mutex_t sync_lock; /* a pack's sync, and what is noted of how it ended */

    pthread_mutex_t readers_lock;
    struct reader *idle;
};

struct account_row {
    uint64_t modseq, floor, next_item, next_collection, keywords;
    uint32_t uidvalidity;
    int64_t bytes, messages, quota;
};

struct txn_notice {
    uint64_t collection;
    unsigned kinds;
};

struct txn {
    struct shard *shard;
    struct db *db;
    struct reader *reader; /* read only */
    uint64_t account;
    bool write;
    bool loaded, dirty; /* the account's row; dirty: has to be written back */
    struct account_row row;
    uint64_t seq;   /* next row of the change log of this job */
    bool outbox;    /* something was put into it */
    struct err err; /* of calls that cannot tell; rolls the job back */
    struct txn_notice *notices;
    size_t notices_n, notices_cap;
};

unsigned store_count(void);
bool store_is_open(void);
struct shard *shard_at(unsigned i);
struct shard *shard_of(uint64_t account);
const char *store_dir(void);
/* STATE/packs, for temporary files too; NULL: nothing is open for writing. */
const char *store_packs_dir(void);
int shard_open_db(struct shard *s, struct err *e);

/* STATE/shards/format and STATE/shards/lock (ERR_BUSY: another process has the store open). */
int store_format_read(const char *dir, unsigned *ret_shards, struct err *e);
int store_format_write(const char *dir, unsigned shards, struct err *e);
int store_lock(const char *dir, int *ret_fd, struct err *e);

/* A read snapshot of the shard itself (account: its number). */
int txn_read_shard(struct shard *s, struct txn **ret, struct err *e);
/* store_write for the shard itself: t->account is the shard's number and must not be used. */
int shard_write(struct shard *s, int (*fn)(struct txn *t, void *arg, struct err *e), void *arg,
                struct err *e);

/* --- writer.c ------------------------------------------------------------------------------- */
int writer_start(struct shard *s, struct err *e);
void writer_stop(struct shard *s);
void writer_submit(struct job *first); /* and those linked behind it by queued_next */
/* Where a record of this length will stand; appended when the batch commits. */
void writer_append(struct shard *s, struct blob_staged *staged, const struct record_origin *o,
                   uint64_t *ret_pack, uint64_t *ret_at);
/* watch.c: a batch is over; logged when it was slow. */
void writer_told(const struct slow_write *w, int64_t total_us);
void disk_told(const struct disk_told *d);
/* fdatasync; tests put a failing one here. */
extern int (*writer_sync)(int fd);

/* --- checkpoint.c --------------------------------------------------------------------------- */
int checkpointer_start(struct shard *s, struct err *e);
void checkpointer_stop(struct shard *s);

/* --- account.c ------------------------------------------------------------------------------ */
/* The account's row, made when there is none; gives the job its number. Write transactions. */
int account_load(struct txn *t, struct err *e);
/* Writes the row back; the writer calls it at the end of each job. */
int account_flush(struct txn *t, struct err *e);
int account_read(struct txn *t, struct account_row *ret, struct err *e); /* zeros: no such row */
void account_usage_known(uint64_t account, int64_t bytes, int64_t quota);
void account_usage_forget(void);

/* --- blob.c --------------------------------------------------------------------------------- */
/* Rows of blob_ref: who needs a blob. The last one going marks it dead. */
int blob_own(struct txn *t, uint64_t blob, int kind, uint64_t account, uint64_t id, struct err *e);
int blob_disown(struct txn *t, uint64_t blob, int kind, uint64_t account, uint64_t id,
                struct err *e);
