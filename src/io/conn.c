/* conn.c - the life of a connection: made, opened, paused, ended, and what the loop does with those
   that are ready or have output. closed() is called in one place only (conn_run), never from
   inside a call that a server made. */
#include "io/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/conn_internal.h"
#include "io/peers.h"

SETTING(io, output_high, SIZE, 256 * KiB, 16 * KiB, 16 * MiB,
        "Input of a connection is not read while so much output is unsent.");
SETTING(io, write_timeout, TIME, 5 * MIN, 1 * SEC, 1 * DAY,
        "A client that takes nothing of our output for so long is closed.");
SETTING(io, handshake_timeout, TIME, 30 * SEC, 1 * SEC, 10 * MIN,
        "Time for the PROXY header and the TLS handshake of a new connection.");
SETTING(io, linger_timeout, TIME, 2 * SEC, 0, 1 * MIN,
        "How long a closed connection waits for the peer to close its end, so that our last reply "
        "is not lost.");
METRIC_GAUGE(connections, "Connections that are open.");
METRIC_COUNTER_BY(connections_closed, "why", "peer local timeout tls stop", "Connections ended.");

enum { FLUSH_MANY = 64 };

/* 100,000 of them are to cost little; malloc's own 8 bytes make it 656. */
_Static_assert(sizeof(struct conn) <= 648, "a connection is small");

static _Atomic uint64_t ids_given;
static unsigned ids_process, ids_of = 1;

/* --- making ------------------------------------------------------------------------------- */
static void on_poll(uv_poll_t *h, int status, int events);

/* Loopback connections tell the truth about keepalive too; unix sockets ignore all of it. */
static void socket_options(int fd)
{
    int on = 1, idle = 300, interval = 60, count = 5;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

struct conn *conn_new(struct loop *l, int fd, const struct conn_ops *ops, struct err *e)
{
    struct conn *c = calloc(1, sizeof(*c));
    BUG_IF(!c);
    int rc = uv_poll_init(&l->uv, &c->poll, fd);
    if (rc) {
        free(c);
        err_set(e, ERR_IO, "socket: %s", uv_strerror(rc));
        return NULL;
    }
    c->poll.data = c;
    c->loop = l;
    c->fd = fd;
    c->ops = ops;
    c->id = ++ids_given * ids_of + ids_process;
    c->opened = c->last_in = c->last_out = clock_mono_ms();
    list_push(&l->conns, &c->all);
    rest_watch(l);
    metric_inc(&metric_connections);
    return c;
}

static void address_text(const struct sockaddr_small *a, char out[CONN_ADDRESS])
{
    if (a->sa.sa_family == AF_INET)
        inet_ntop(AF_INET, &a->v4.sin_addr, out, CONN_ADDRESS);
    else if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->v6.sin6_addr))
        inet_ntop(AF_INET, a->v6.sin6_addr.s6_addr + 12, out, CONN_ADDRESS);
    else if (a->sa.sa_family == AF_INET6)
        inet_ntop(AF_INET6, &a->v6.sin6_addr, out, CONN_ADDRESS);
    else
        snprintf(out, CONN_ADDRESS, "local");
}

static void address_copy(struct sockaddr_small *to, const struct sockaddr *from)
{
    if (from->sa_family == AF_INET)
        memcpy(&to->v4, from, sizeof(to->v4));
    else if (from->sa_family == AF_INET6)
        memcpy(&to->v6, from, sizeof(to->v6));
    else
        to->sa.sa_family = from->sa_family;
}

void conn_set_peer(struct conn *c, const struct sockaddr *peer, const struct sockaddr *local)
{
    address_copy(&c->peer, peer);
    address_text(&c->peer, c->peer_text);
    address_copy(&c->local, local);
}

static void set_local(struct conn *c, const struct sockaddr *peer)
{
    struct sockaddr_storage local = {0};
    socklen_t n = sizeof(local);
    getsockname(c->fd, (struct sockaddr *)&local, &n);
    conn_set_peer(c, peer, (struct sockaddr *)&local);
}

void conn_accepted(struct loop *l, int fd, const struct listener *li, struct peer_count *counted,
                   const struct sockaddr *peer)
{
    struct err e = {0};
    struct conn *c = conn_new(l, fd, li->ops, &e);
    if (!c) {
        close(fd);
        peers_leave(counted);
        return;
    }
    c->listener = li;
    c->service = li->service;
    c->counted = counted;
    c->is_unix = peer->sa_family == AF_UNIX;
    if (!c->is_unix)
        socket_options(fd);
    set_local(c, peer);
    conn_open(c);
}

void conn_open(struct conn *c)
{
    conn_set_deadline(c, setting_get(&set_io_handshake_timeout));
    if (c->listener && c->listener->proxy && peers_trusts_proxy(&c->peer.sa))
        c->state = CONN_PROXY;
    else
        conn_greeting(c);
    conn_ready(c);
}

static void opened(struct conn *c)
{
    c->state = CONN_OPEN;
    conn_set_deadline(c, 0);
    c->last_in = clock_mono_ms();
    if (c->ops->opened)
        c->ops->opened(c);
}

void conn_greeting(struct conn *c)
{
    if (c->listener ? c->listener->tls == TLS_IMPLICIT : c->tls != NULL)
        conn_tls_begin(c);
    else
        opened(c);
}

/* --- ending ------------------------------------------------------------------------------- */
void conn_end(struct conn *c, enum conn_end why, const char *fmt, ...)
{
    if (c->ending || c->state == CONN_LINGER) {
        c->ending = true;
        conn_ready(c);
        return;
    }
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->ending = true;
    if (c->state != CONN_FLUSHING || why == CONN_END_TIMEOUT || why == CONN_END_STOP)
        c->why = (uint8_t)why;
    if (!c->end_text)
        c->end_text = strdup(text);
    uv_poll_stop(&c->poll);
    c->poll_read = c->poll_write = false;
    conn_ready(c);
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void destroy(struct conn *c)
{
    timer_stop(&c->timer);
    list_remove(&c->all);
    list_remove(&c->ready);
    list_remove(&c->dirty);
    conn_tls_free(c);
    conn_zip_free(c);
    conn_out_free(c);
    buf_done(&c->keep);
    buf_done(&c->pending);
    buf_done(&c->wire_out);
    free(c->end_text);
    peers_leave(c->counted);
    metric_add(&metric_connections, 0, -1);
    uv_close((uv_handle_t *)&c->poll, on_closed);
    close(c->fd);
}

static void tell_closed(struct conn *c)
{
    metric_add(&metric_connections_closed, c->why, 1);
    if (c->ops->closed)
        c->ops->closed(c, (enum conn_end)c->why, c->end_text ? c->end_text : "");
}

/* Everything is sent and the server has been told. A socket closed with unread input would send a
   reset that can overtake our last reply, so the peer gets a moment to close first. */
static void linger(struct conn *c)
{
    int64_t ms = setting_get(&set_io_linger_timeout);
    if (c->eof || ms == 0 || shutdown(c->fd, SHUT_WR)) {
        destroy(c);
        return;
    }
    c->state = CONN_LINGER;
    c->ending = false;
    conn_set_deadline(c, ms);
    c->poll_read = false;
    conn_arm(c);
    uv_poll_start(&c->poll, UV_READABLE, on_poll);
}

static bool sent_all(const struct conn *c)
{
    return c->out_n == 0 && c->wire_out.n == 0;
}

static void finish(struct conn *c)
{
    if (c->state == CONN_LINGER) {
        destroy(c);
        return;
    }
    bool gently = c->state == CONN_FLUSHING && sent_all(c) && c->why != CONN_END_STOP;
    tell_closed(c);
    if (gently)
        linger(c);
    else
        destroy(c);
}

void conn_close(struct conn *c)
{
    if (c->ending || c->state == CONN_FLUSHING || c->state == CONN_LINGER)
        return;
    if (c->state != CONN_OPEN) {
        conn_end(c, CONN_END_LOCAL, "closed before it was open");
        return;
    }
    c->state = CONN_FLUSHING;
    c->why = CONN_END_LOCAL;
    c->tls_wanted = false;
    conn_dirty(c);
}

void conn_abort(struct conn *c)
{
    conn_end(c, CONN_END_LOCAL, "aborted");
}

/* --- events and timers -------------------------------------------------------------------- */
static void poll_update(struct conn *c)
{
    int events = c->poll_write ? UV_WRITABLE : 0;
    if (c->poll_read)
        events |= UV_READABLE;
    else if (!c->eof && !c->half_closed)
        events |= UV_DISCONNECT;
    if (events)
        uv_poll_start(&c->poll, events, on_poll);
    else
        uv_poll_stop(&c->poll);
}

bool conn_blocked(const struct conn *c)
{
    return c->ending || c->paused || c->tls_wanted || c->state == CONN_FLUSHING ||
           (int64_t)(c->out_n + c->wire_out.n) > setting_get(&set_io_output_high);
}

/* Read interest stays on while the connection is paused, until an event shows that it matters: most
   pauses are shorter than the peer's next byte, and every change costs two system calls. */
void conn_want_read(struct conn *c, bool on)
{
    if (c->poll_read == on || c->ending)
        return;
    c->poll_read = on;
    poll_update(c);
}

void conn_want_write(struct conn *c, bool on)
{
    if (c->poll_write == on || c->ending)
        return;
    c->poll_write = on;
    poll_update(c);
}

static void connected(struct conn *c)
{
    int error = 0;
    socklen_t n = sizeof(error);
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) {
        conn_end(c, CONN_END_PEER, "connect: %s", strerror(error));
        return;
    }
    struct sockaddr_small peer = c->peer;
    set_local(c, &peer.sa);
    c->poll_write = false;
    conn_open(c);
}

/* While paused: a reset ends the connection, a half-close waits until the input is wanted again. */
static void noticed(struct conn *c)
{
    int error = 0;
    socklen_t n = sizeof(error);
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &n);
    if (error) {
        conn_end(c, CONN_END_PEER, "%s", strerror(error));
        return;
    }
    c->half_closed = true;
    poll_update(c);
}

static void event(struct conn *c, int status, int events)
{
    if (c->ending)
        return;
    if (c->state == CONN_CONNECTING) {
        connected(c);
        return;
    }
    if (c->state == CONN_LINGER) {
        conn_lingering(c);
        return;
    }
    if (status < 0) /* EPOLLERR without more: recv will say what it is */
        events = UV_READABLE;
    if (events & UV_WRITABLE)
        conn_dirty(c);
    if (events & UV_READABLE) {
        if (!conn_blocked(c))
            conn_readable(c);
        else
            conn_want_read(c, false);
    }
    if (status < 0 && !c->ending)
        conn_end(c, CONN_END_PEER, "the connection broke");
    else if ((events & UV_DISCONNECT) && !(events & UV_READABLE) && !c->ending)
        noticed(c);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct conn *c = h->data;
    struct loop *l = c->loop;
    event(c, status, events);
    conns_flush_many(l);
}

static int64_t sooner(int64_t due, int64_t than)
{
    return than < due ? than : due;
}

static void on_timer(struct timer *t)
{
    struct conn *c = list_entry(t, struct conn, timer);
    int64_t now = clock_mono_ms();
    if (c->ending)
        return;
    if (c->deadline && now >= c->deadline) {
        static const char *const what[] = {
            [CONN_CONNECTING] = "connecting took too long",
            [CONN_PROXY] = "no PROXY header",
            [CONN_HANDSHAKE] = "TLS handshake too slow",
            [CONN_OPEN] = "",
            [CONN_FLUSHING] = "",
            [CONN_LINGER] = "",
        };
        conn_end(c, CONN_END_TIMEOUT, "%s", what[c->state]);
        return;
    }
    if (!sent_all(c) && now >= c->last_out + setting_get(&set_io_write_timeout)) {
        conn_end(c, CONN_END_TIMEOUT, "output is not read");
        return;
    }
    if (c->tls && !c->tls_freed && now >= c->last_in + 1000)
        conn_tls_quiet(c);
    if (c->idle_ms && c->state == CONN_OPEN && !c->paused && now >= c->last_in + c->idle_ms) {
        c->last_in = now;
        if (c->ops->idle)
            c->ops->idle(c);
    }
    conn_arm(c);
}

void conn_arm(struct conn *c)
{
    int64_t due = INT64_MAX, now = clock_mono_ms();
    if (c->deadline)
        due = sooner(due, c->deadline);
    if (!sent_all(c))
        due = sooner(due, c->last_out + setting_get(&set_io_write_timeout));
    if (c->tls && !c->tls_freed && c->state == CONN_OPEN)
        due = sooner(due, c->last_in + 1000);
    if (c->idle_ms && c->state == CONN_OPEN)
        due = sooner(due, c->paused ? now + c->idle_ms : c->last_in + c->idle_ms);
    if (due == INT64_MAX)
        timer_stop(&c->timer);
    else if (!c->timer.loop || due < c->timer.due)
        timer_start(c->loop, &c->timer, due - now, on_timer);
}

void conn_set_deadline(struct conn *c, int64_t ms)
{
    c->deadline = ms ? clock_mono_ms() + ms : 0;
    conn_arm(c);
}

/* --- the loop's turn ---------------------------------------------------------------------- */
void conn_ready(struct conn *c)
{
    if (!c->ready.next || list_empty(&c->ready))
        list_push(&c->loop->ready, &c->ready);
    loop_again(c->loop);
}

void conn_dirty(struct conn *c)
{
    if (c->dirty.next && !list_empty(&c->dirty))
        return;
    list_push(&c->loop->dirty, &c->dirty);
    c->loop->dirty_n++;
}

static void run(struct conn *c)
{
    if (c->ending) {
        finish(c);
        return;
    }
    if (c->state == CONN_LINGER || c->state == CONN_CONNECTING)
        return;
    if (!conn_blocked(c)) {
        conn_take_input(c);
        if (!conn_blocked(c))
            conn_want_read(c, true);
    }
}

void conns_run_ready(struct loop *l)
{
    struct link batch, *at;
    list_init(&batch);
    while ((at = list_pop(&l->ready)))
        list_push(&batch, at);
    while ((at = list_pop(&batch))) {
        run(list_entry(at, struct conn, ready));
        conns_flush_many(l);
    }
}

void conns_flush(struct loop *l)
{
    struct link batch, *at;
    list_init(&batch);
    l->dirty_n = 0;
    while ((at = list_pop(&l->dirty)))
        list_push(&batch, at);
    while ((at = list_pop(&batch))) {
        struct conn *c = list_entry(at, struct conn, dirty);
        if (!c->ending)
            conn_flush(c);
    }
}

void conns_flush_many(struct loop *l)
{
    if (l->dirty_n >= FLUSH_MANY)
        conns_flush(l);
}

void conns_tell_stopping(struct loop *l)
{
    list_each_safe(at, &l->conns)
    {
        struct conn *c = list_entry(at, struct conn, all);
        if (c->state == CONN_OPEN && c->ops->stopping)
            c->ops->stopping(c);
        else if (c->state == CONN_OPEN)
            conn_close(c);
        else if (c->state != CONN_FLUSHING)
            conn_end(c, CONN_END_STOP, "the server stops");
    }
}

bool conns_none_busy(struct loop *l)
{
    list_each(at, &l->conns)
    {
        if (list_entry(at, struct conn, all)->state != CONN_LINGER)
            return false;
    }
    return true;
}

void conns_end_all(struct loop *l)
{
    while (!list_empty(&l->conns)) {
        struct conn *c = list_entry(l->conns.next, struct conn, all);
        conn_end(c, CONN_END_STOP, "the server stops");
        list_remove(&c->ready);
        finish(c);
    }
}

/* --- what servers ask --------------------------------------------------------------------- */
void conn_set_user(struct conn *c, void *user)
{
    c->user = user;
}

void *conn_user(struct conn *c)
{
    return c->user;
}

void *conn_service(struct conn *c)
{
    return c->service;
}

struct loop *conn_loop(struct conn *c)
{
    return c->loop;
}

struct slice conn_peer(struct conn *c)
{
    return slice_str(c->peer_text);
}

void conn_local(struct conn *c, char ret[CONN_ADDRESS])
{
    address_text(&c->local, ret);
}

static unsigned port_of(const struct sockaddr_small *a)
{
    if (a->sa.sa_family == AF_INET)
        return ntohs(a->v4.sin_port);
    return a->sa.sa_family == AF_INET6 ? ntohs(a->v6.sin6_port) : 0;
}

unsigned conn_peer_port(struct conn *c)
{
    return port_of(&c->peer);
}

unsigned conn_local_port(struct conn *c)
{
    return port_of(&c->local);
}

bool conn_is_loopback(struct conn *c)
{
    return c->is_unix || peers_is_loopback(&c->peer.sa);
}

const struct sockaddr *conn_sockaddr(struct conn *c)
{
    return &c->peer.sa;
}

int conn_peer_uid(struct conn *c, unsigned *ret_uid)
{
    struct ucred cred;
    socklen_t n = sizeof(cred);
    if (!c->is_unix || getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &n))
        return -1;
    *ret_uid = cred.uid;
    return 0;
}

struct slice conn_listener(struct conn *c)
{
    return slice_str(c->listener ? c->listener->name : "");
}

void conn_ids_of(unsigned process, unsigned of)
{
    ids_process = process;
    ids_of = of;
}

uint64_t conn_id(struct conn *c)
{
    return c->id;
}

void conn_pause(struct conn *c)
{
    c->paused = true;
}

void conn_resume(struct conn *c)
{
    c->paused = false;
    c->offer = c->pending.n > 0;
    c->last_in = clock_mono_ms();
    conn_ready(c);
}

void conn_timeout(struct conn *c, int64_t ms)
{
    BUG_IF(ms < 0 || ms > UINT32_MAX);
    c->idle_ms = (uint32_t)ms;
    conn_arm(c);
}

/* --- outgoing ----------------------------------------------------------------------------- */
struct conn *conn_connect(struct loop *l, const struct conn_connect *how, struct err *e)
{
    BUG_IF(loop_current() != l);
    int fd = socket(how->to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        err_errno(e, errno == EMFILE || errno == ENFILE ? ERR_BUSY : ERR_IO, "socket");
        return NULL;
    }
    socklen_t n =
        how->to->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    struct conn *c = NULL;
    if ((connect(fd, how->to, n) && errno != EINPROGRESS) ||
        !(c = conn_new(l, fd, how->ops, NULL))) {
        err_errno(e, ERR_IO, "connect");
        close(fd);
        return NULL;
    }
    socket_options(fd);
    c->state = CONN_CONNECTING;
    c->user = how->user;
    c->service = how->service;
    address_copy(&c->peer, how->to);
    address_text(&c->peer, c->peer_text);
    if (how->tls)
        conn_tls_client(c, how->tls_name, how->verify);
    conn_set_deadline(c, how->connect_ms);
    c->poll_write = true;
    uv_poll_start(&c->poll, UV_WRITABLE, on_poll);
    return c;
}
