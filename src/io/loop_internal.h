/* loop_internal.h - what io/ itself knows of a loop: its handles, its wheel of timers, its lists of
   connections with something to do, and the buffers that all its connections share. */
#pragma once

#include <pthread.h>
#include <uv.h>
#undef MIN /* sys/param.h has another one; for base/setting.h it is a minute */
#define MIN (60LL * SEC)

#include "base/slice.h"
#include "io/loop.h"

struct conn;

enum {
    WHEEL_SLOTS = 512,
    WHEEL_TICK_MS = 100,
    LOOP_READ_SIZE = 64 * 1024,  /* bytes from the wire */
    LOOP_PLAIN_SIZE = 16 * 1024, /* one TLS record, decrypted */
    LOOP_ZIP_SIZE = 16 * 1024,   /* inflated or deflated bytes */
    LOOP_WIRE_SIZE = 64 * 1024,  /* TLS records on their way out */
};

struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    uv_prepare_t end_of_turn;
    uv_idle_t again; /* runs while there are ready connections */
    uv_timer_t tick;
    pthread_t thread;
    unsigned index;

    pthread_mutex_t lock;
    struct loop_msg *posted, **posted_tail;

    struct link wheel[WHEEL_SLOTS];
    int64_t wheel_at; /* the last tick that was run */
    size_t timers;

    struct link conns, ready, dirty;
    unsigned dirty_n;
    bool again_on;

    struct timer rest; /* loop_rest.c */
    int64_t rest_cpu;

    struct slice wire; /* of the connection that takes input: in read_buf or its `keep` */
    char read_buf[LOOP_READ_SIZE];
    char plain_buf[LOOP_PLAIN_SIZE];
    char zip_buf[LOOP_ZIP_SIZE];
    char wire_buf[LOOP_WIRE_SIZE];
    size_t wire_n;
    struct conn *wire_owner; /* whose bytes are in wire_buf */
};

/* Another turn is wanted without waiting for events. */
void loop_again(struct loop *l);

void wheel_init(struct loop *l);
void wheel_run(struct loop *l);

/* loop_rest.c: there is a connection. */
void rest_watch(struct loop *l);
/* The process used so much processor time since memory was last given back, so much of it since the
   last look; and so long ago it was. */
enum { REST_WORKED_MS = 100, REST_QUIET_MS = 50, REST_LATEST_MS = 60 * 1000 };
bool rest_wants_trim(int64_t worked_ms, int64_t lately_ms, int64_t since_ms);

/* conn.c: called by the loop. */
void conns_run_ready(struct loop *l);
void conns_flush(struct loop *l);
/* Between two connections of a turn: output of very many does not wait for the turn's end. */
void conns_flush_many(struct loop *l);
void conns_tell_stopping(struct loop *l);
bool conns_none_busy(struct loop *l); /* those that only linger do not count */
void conns_end_all(struct loop *l);

/* listener.c: no connection is left. */
void listeners_forget(void);
