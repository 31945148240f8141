/* channel.c - a mutex, a condition and one message to the loop. What the loop's callbacks find out
   is written under the mutex; the thread waits until it sees what it wants or the time is over.
   Input over a limit ends the connection: replies of SMTP servers are small. */
#include "mail/channel.h"

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "base/clock.h"
#include "io/conn.h"
#include "io/loop.h"

enum { INPUT_MAX = 256 * 1024, UNSENT_MAX = 128 * 1024, INTERRUPT_MS = 200 };

static _Atomic bool interrupted;

struct channel {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct loop *loop;
    struct loop_msg msg;
    struct conn *conn; /* loop only */
    /* under the lock */
    bool posted;         /* the message is on its way */
    bool opened, closed; /* both: it was open, and what came may still be read */
    bool secured, flooded, full;
    struct buf in;
    struct err why;
    char tls[96], local[46];
    /* what the message carries */
    struct sockaddr_storage to;
    int64_t connect_ms;
    struct buf *out;
    char name[256];
    bool verify;
};

/* --- on the loop ---------------------------------------------------------------------------- */
static void change(struct channel *c, void (*fn)(struct channel *c))
{
    pthread_mutex_lock(&c->lock);
    fn(c);
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void set_open(struct channel *c)
{
    c->opened = true;
}

static void on_opened(struct conn *conn)
{
    struct channel *c = conn_user(conn);
    conn_local(conn, c->local);
    change(conn_user(conn), set_open);
}

static size_t on_input(struct conn *conn, struct slice in)
{
    struct channel *c = conn_user(conn);
    pthread_mutex_lock(&c->lock);
    bool bad = buf_add(&c->in, in);
    c->flooded = c->flooded || bad;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
    if (bad)
        conn_abort(conn);
    return in.n;
}

static void set_secured(struct channel *c)
{
    struct slice tls = slice_sub(conn_tls_summary(c->conn), 0, sizeof(c->tls) - 1);
    if (tls.n)
        memcpy(c->tls, tls.p, tls.n);
    c->tls[tls.n] = '\0';
    c->secured = true;
}

static void on_secured(struct conn *conn)
{
    change(conn_user(conn), set_secured);
}

static void set_drained(struct channel *c)
{
    c->full = false;
}

static void on_drained(struct conn *conn)
{
    change(conn_user(conn), set_drained);
}

static void on_closed(struct conn *conn, enum conn_end why, const char *text)
{
    struct channel *c = conn_user(conn);
    pthread_mutex_lock(&c->lock);
    if (c->why.code == ERR_OK)
        err_set(&c->why, why == CONN_END_TIMEOUT ? ERR_BUSY : ERR_IO, "%s",
                text && *text ? text : "connection closed");
    c->closed = true;
    c->conn = NULL;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static const struct conn_ops channel_ops = {
    .opened = on_opened,
    .input = on_input,
    .secured = on_secured,
    .drained = on_drained,
    .closed = on_closed,
};

static void set_posted(struct channel *c)
{
    c->posted = false;
}

static void do_open(struct loop_msg *msg)
{
    struct channel *c = list_entry(msg, struct channel, msg);
    struct conn_connect how = {.to = (const struct sockaddr *)&c->to,
                               .ops = &channel_ops,
                               .user = c,
                               .connect_ms = c->connect_ms};
    struct err e = {0};
    c->conn = conn_connect(c->loop, &how, &e);
    if (!c->conn) {
        c->why = e; /* nobody else looks before `posted` falls */
        c->closed = true;
    }
    change(c, set_posted);
}

static void do_write(struct loop_msg *msg)
{
    struct channel *c = list_entry(msg, struct channel, msg);
    size_t unsent = 0;
    if (c->conn) {
        conn_write_buf(c->conn, c->out);
        unsent = conn_unsent(c->conn);
    }
    pthread_mutex_lock(&c->lock);
    c->full = unsent > UNSENT_MAX;
    c->posted = false;
    pthread_cond_broadcast(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

static void do_starttls(struct loop_msg *msg)
{
    struct channel *c = list_entry(msg, struct channel, msg);
    if (c->conn)
        conn_start_client_tls(c->conn, slice_str(c->name), c->verify);
    change(c, set_posted);
}

static void do_close(struct loop_msg *msg)
{
    struct channel *c = list_entry(msg, struct channel, msg);
    if (c->conn)
        conn_abort(c->conn);
    change(c, set_posted);
}

/* --- on the thread -------------------------------------------------------------------------- */
/* The lock is held. The loop always takes the message, so this needs no end. */
static void send_message(struct channel *c, void (*fn)(struct loop_msg *))
{
    c->posted = true;
    c->msg.fn = fn;
    loop_post(c->loop, &c->msg);
    while (c->posted)
        pthread_cond_wait(&c->changed, &c->lock);
}

static bool has_input(const struct channel *c)
{
    return c->in.n != 0;
}

static bool is_open(const struct channel *c)
{
    return c->opened;
}

static bool is_secured(const struct channel *c)
{
    return c->secured;
}

static bool has_room(const struct channel *c)
{
    return !c->full;
}

/* The lock is held. 0 when `done` holds; -1 when the connection ended or the time is over. */
static int wait_for(struct channel *c, bool (*done)(const struct channel *), int64_t ms,
                    struct err *e)
{
    struct timespec slice_end;
    int64_t until = clock_mono_ms() + ms;
    while (!done(c)) {
        int64_t left = until - clock_mono_ms();
        if (atomic_load(&interrupted))
            return err_set(e, ERR_BUSY, "the server stops");
        if (c->flooded)
            return err_set(e, ERR_LIMIT, "peer sends without end");
        if (c->closed)
            return err_set(e, c->why.code ? c->why.code : ERR_IO, "%s", c->why.text);
        if (left <= 0)
            return err_set(e, ERR_BUSY, "timeout");
        clock_deadline(left < INTERRUPT_MS ? left : INTERRUPT_MS, &slice_end);
        pthread_cond_timedwait(&c->changed, &c->lock, &slice_end);
    }
    return 0;
}

static struct channel *channel_new(const struct sockaddr *to, int64_t ms)
{
    static _Atomic unsigned turn;
    struct channel *c = calloc(1, sizeof(*c));
    BUG_IF(!c);
    pthread_mutex_init(&c->lock, NULL);
    clock_cond_init(&c->changed);
    c->loop = loop_at(atomic_fetch_add(&turn, 1) % loops_count());
    memcpy(&c->to, to,
           to->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
    c->connect_ms = ms;
    c->in.max = INPUT_MAX;
    return c;
}

int channel_open(const struct sockaddr *to, int64_t ms, struct channel **ret, struct err *e)
{
    struct channel *c = channel_new(to, ms);
    pthread_mutex_lock(&c->lock);
    send_message(c, do_open);
    int bad = wait_for(c, is_open, ms + 1000, e);
    pthread_mutex_unlock(&c->lock);
    if (bad) {
        channel_close(c);
        return -1;
    }
    *ret = c;
    return 0;
}

void channel_close(struct channel *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&c->lock);
    if (!c->closed)
        send_message(c, do_close);
    while (!c->closed)
        pthread_cond_wait(&c->changed, &c->lock);
    pthread_mutex_unlock(&c->lock);
    pthread_mutex_destroy(&c->lock);
    pthread_cond_destroy(&c->changed);
    buf_done(&c->in);
    free(c);
}

int channel_write(struct channel *c, struct buf *b, int64_t ms, struct err *e)
{
    if (b->failed)
        return err_set(e, ERR_LIMIT, "output is too large");
    pthread_mutex_lock(&c->lock);
    c->out = b;
    send_message(c, do_write);
    int bad = wait_for(c, has_room, ms, e);
    pthread_mutex_unlock(&c->lock);
    return bad;
}

int channel_read(struct channel *c, struct buf *out, int64_t ms, struct err *e)
{
    pthread_mutex_lock(&c->lock);
    int bad = wait_for(c, has_input, ms, e);
    if (!bad && buf_add(out, buf_slice(&c->in)))
        bad = err_set(e, ERR_LIMIT, "input is too large");
    buf_reset(&c->in);
    pthread_mutex_unlock(&c->lock);
    return bad;
}

int channel_starttls(struct channel *c, struct slice name, bool verify, int64_t ms, struct err *e)
{
    name = slice_sub(name, 0, sizeof(c->name) - 1);
    memcpy(c->name, name.p, name.n);
    c->name[name.n] = '\0';
    c->verify = verify;
    pthread_mutex_lock(&c->lock);
    int bad = c->in.n ? err_set(e, ERR_IO, "plain text behind the answer to STARTTLS") : 0;
    if (!bad) {
        send_message(c, do_starttls);
        bad = wait_for(c, is_secured, ms, e);
    }
    pthread_mutex_unlock(&c->lock);
    return bad;
}

struct slice channel_local(struct channel *c)
{
    return slice_str(c->local);
}

struct slice channel_tls(struct channel *c)
{
    return slice_str(c->tls);
}

void channels_interrupt(bool on)
{
    atomic_store(&interrupted, on);
}
