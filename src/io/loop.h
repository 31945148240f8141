/* loop.h - the event loops: one thread each, libuv inside. A connection, timer or subscription
   belongs to one loop for life, and its callbacks run on that loop's thread only. Loop callbacks
   never touch a database, a file or anything that blocks (architecture: Places). */
#pragma once

#include <stdint.h>

#include "base/err.h"
#include "base/list.h"

struct loop;
struct uv_loop_s;

int loops_start(unsigned n, struct err *e);
/* Tells every connection that the server stops (ops->stopping; without one it is closed), and waits
   until all are gone, at most so long. Stop the listeners first. */
void loops_drain(int64_t ms);
/* Closes what is left (ops->closed with CONN_END_STOP), runs what was posted, joins the threads.
   Jobs must have come home before: jobs_stop and store_close come first. */
void loops_stop(void);
unsigned loops_count(void);
struct loop *loop_at(unsigned i);
struct loop *loop_current(void); /* NULL on other threads */
struct uv_loop_s *loop_uv(struct loop *l);

/* Runs fn(msg) on the loop, from any thread, in order of posting. The message is the caller's; it
   must live until fn runs and may be freed or posted again by fn. */
struct loop_msg {
    struct loop_msg *next;
    void (*fn)(struct loop_msg *);
};
void loop_post(struct loop *l, struct loop_msg *msg);

/* Runs fn(arg) on the loop and waits for it. Not from a loop's own thread. */
void loop_call(struct loop *l, void (*fn)(void *arg), void *arg);

/* Timers of the current loop, coarse (up to 100 ms late). Starting again moves it. Zeroed = off. */
struct timer {
    struct link link;
    int64_t due; /* clock_mono_ms */
    void (*fn)(struct timer *);
    struct loop *loop;
};
void timer_start(struct loop *l, struct timer *t, int64_t ms, void (*fn)(struct timer *));
void timer_stop(struct timer *t);
