/* spent.h - where the time of a piece of work went: what an operator wants to know of a slow
   command. Whoever runs a job says which account the thread is spending from; code that waits adds
   to it wherever it stands. Without an account nothing is kept. */
#pragma once

#include <pthread.h>
#include <stdint.h>

#include "base/buf.h"

enum spent {
    SPENT_QUEUE,  /* waiting for a thread or for the shard's writer */
    SPENT_LOOP,   /* done, and waiting for the loop to take it */
    SPENT_RUN,    /* working; what follows here is not in it */
    SPENT_DISK,   /* reading packs */
    SPENT_LOCK,   /* waiting for another thread */
    SPENT_COMMIT, /* the rest of the batch that carries it: others' jobs, writing */
    SPENT_SYNC,   /* until the disk has it: the pack's and the database's sync */
    SPENT_N,
};

struct spending {
    int64_t us[SPENT_N];
};

/* From here on this thread spends from s (NULL: nothing is kept). Returns what was before. */
struct spending *spent_use(struct spending *s);
void spent_add(enum spent what, int64_t us);
void spent_join(struct spending *to, const struct spending *from);
int64_t spent_total(const struct spending *s);
/* Of these, the parts that run() itself waits for: SPENT_DISK and SPENT_LOCK. */
int64_t spent_inside(const struct spending *s);

const char *spent_most(const struct spending *s);            /* the name of the largest */
void spent_print(const struct spending *s, struct buf *out); /* "queue 12ms, sync 900ms" */

/* Locks; the time is taken only when another thread has it. */
void spent_lock(pthread_mutex_t *lock);
void spent_wait(pthread_cond_t *cond, pthread_mutex_t *lock); /* pthread_cond_wait, timed */
