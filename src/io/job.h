/* job.h - work that may block. A complete request becomes a job; it is run at a place, on a thread
   of that place, and comes back to its loop. The job never sees the connection, the loop never
   touches the job until done().

   CPU    password hashes, parsing, compression: a pool of as many threads as cores
   READ   database reads and pack reads: a pool of 2 x cores
   WRITE  the account's shard writer (store/writer.c): run() is called inside the group's
          transaction with `txn` set; done() comes after the commit is durable. When the
          commit fails, err is set and everything that run() put into its output must be thrown
          away: look at err first in done(). run() touches only the database and the job.
          With `again` set it may be called twice: of the first call nothing is left in the
          database, and what it put into the job is put there anew. */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/spent.h"

struct loop;
struct txn; /* store/txn.h */

enum place { PLACE_LOOP, PLACE_CPU, PLACE_READ, PLACE_WRITE };

enum job_next {
    JOB_DONE, /* call done() on the job's loop (err.code says how it went) */
    JOB_MOVE, /* run() again at job->place; run may have been changed too */
};

struct job {
    struct job *next;  /* the queue's */
    struct loop *loop; /* where done() runs; NULL: done() runs on the thread that finished it */
    enum place place;  /* where run() runs next */
    uint64_t account;  /* PLACE_WRITE: whose shard */
    enum job_next (*run)(struct job *, struct txn *txn); /* txn: PLACE_WRITE only, else NULL */
    void (*done)(struct job *);
    struct err err;   /* WRITE: set by run() to have what it did rolled back */
    bool again;       /* WRITE: run() may be called twice, the first call then counts for nothing */
    const char *what; /* for people who look at what runs; lives for ever; may be NULL */
    struct spending spent; /* adds up over all places; whoever uses the job again clears it */
    /* the runner's own */
    struct job *queued_next;
    int64_t queued_us;
    unsigned char msg[32] __attribute__((aligned(8))); /* a struct loop_msg */
};

void job_submit(struct job *job); /* from any thread */
/* WRITE jobs of one account, linked by queued_next: they arrive at the writer together and in this
   order, so that one commit carries them if its batch has room. */
void job_submit_writes(struct job *first);

int jobs_start(unsigned cpu_threads, unsigned read_threads, struct err *e);
/* Waits for what is queued; a CPU or READ job that comes later is done() with ERR_BUSY, unrun. */
void jobs_stop(void);

/* store/ tells where WRITE jobs go. */
void jobs_set_writer(void (*submit)(struct job *first)); /* jobs linked by queued_next */

/* For writers: hand a finished or moved job on (to its loop, or the next place). */
void job_finish(struct job *job, enum job_next next);
/* For writers: what the metrics of a place say. */
void job_count(enum place place, int64_t wait_us, int64_t run_us);

/* What a pool does now: for people. Never waits for a job. */
enum { JOBS_LOOK_MAX = 128 };
struct jobs_now {
    unsigned threads, waiting;
    int64_t oldest_us; /* how long the first has waited */
    unsigned running;
    struct {
        const char *what;
        int64_t us; /* since it began */
    } run[JOBS_LOOK_MAX];
};
void jobs_look(enum place place, struct jobs_now *ret); /* PLACE_CPU or PLACE_READ */
