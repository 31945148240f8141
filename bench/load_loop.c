/* load_loop.c - the connections of the load generator and their epoll loop. Input is cut into lines
   and literals here; output is written when the loop comes round. TLS is not verified: the server
   under load made its own certificate. */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>

#include "base/clock.h"
#include "base/fd.h"

#define LINE_MAX_BYTES ((size_t)8 << 20)
#define STALL_US ((int64_t)60 * 1000 * 1000)

static int poll_fd = -1;

void conn_send(struct conn *c, struct slice s)
{
    buf_add(&c->out, s);
}

void conn_sendf(struct conn *c, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_addv(&c->out, fmt, ap);
    va_end(ap);
}

static void conn_close(struct conn *c)
{
    if (!c->open)
        return;
    c->open = false;
    load.opened--;
    SSL_free(c->ssl);
    c->ssl = NULL;
    fd_closep(&c->fd);
    buf_done(&c->in);
    buf_done(&c->out);
    buf_done(&c->body);
}

void conn_finish(struct conn *c)
{
    if (!c->done)
        load.finished++;
    c->done = true;
}

void conn_again(struct conn *c)
{
    c->again = true;
}

void conn_fail(struct conn *c, const char *what, struct slice got)
{
    load_error(what, got);
    load.failed = true;
    conn_finish(c);
}

void conn_ready(struct conn *c)
{
    if (!c->ready)
        load.ready++;
    c->ready = true;
}

static void conn_watch(struct conn *c, bool write)
{
    if (c->want_write == write)
        return;
    c->want_write = write;
    struct epoll_event ev = {.events = EPOLLIN | (write ? EPOLLOUT : 0u), .data.ptr = c};
    BUG_IF(epoll_ctl(poll_fd, EPOLL_CTL_MOD, c->fd, &ev) < 0);
}

/* How many bytes went: 0 means later, -1 that the connection is lost. */
static ptrdiff_t conn_write(struct conn *c, const char *p, size_t n)
{
    if (!c->ssl) {
        ptrdiff_t done = send(c->fd, p, n, MSG_NOSIGNAL);
        return done >= 0 ? done : errno == EAGAIN ? 0 : -1;
    }
    int done = SSL_write(c->ssl, p, (int)(n > 1 << 20 ? 1 << 20 : n));
    if (done > 0)
        return done;
    int why = SSL_get_error(c->ssl, done);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void conn_flush(struct conn *c)
{
    BUG_IF(c->out.failed);
    while (c->open && c->tls_phase != 1 && c->out_at < c->out.n) {
        ptrdiff_t n = conn_write(c, c->out.p + c->out_at, c->out.n - c->out_at);
        if (n < 0)
            return conn_fail(c, "connection lost while writing", SNONE);
        if (n == 0)
            return conn_watch(c, true);
        c->out_at += (size_t)n;
    }
    if (c->out_at == c->out.n) {
        c->out_at = 0;
        buf_reset(&c->out);
        if (c->open)
            conn_watch(c, false);
    }
}

static void conn_feed(struct conn *c)
{
    size_t at = 0;
    while (at < c->in.n && !c->done && !c->again) {
        struct slice rest = {c->in.p + at, c->in.n - at};
        if (c->literal) {
            if (rest.n > c->literal)
                rest.n = c->literal;
            c->literal -= rest.n;
            at += rest.n;
            load.driver->data(c, rest);
            continue;
        }
        ptrdiff_t end = slice_find(rest, '\n');
        if (end < 0) {
            if (rest.n > LINE_MAX_BYTES)
                return conn_fail(c, "endless line", SNONE);
            break;
        }
        at += (size_t)end + 1;
        rest.n = (size_t)end - (end && rest.p[end - 1] == '\r');
        load.driver->line(c, rest);
    }
    buf_drop(&c->in, at);
}

static ptrdiff_t conn_read(struct conn *c, char *p, size_t n)
{
    if (!c->ssl) {
        ptrdiff_t got = recv(c->fd, p, n, 0);
        return got > 0 ? got : got < 0 && errno == EAGAIN ? 0 : -1;
    }
    int got = SSL_read(c->ssl, p, (int)n);
    if (got > 0)
        return got;
    int why = SSL_get_error(c->ssl, got);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static void conn_shake(struct conn *c)
{
    int done = SSL_connect(c->ssl);
    if (done == 1) {
        c->tls_phase = 2;
        return conn_watch(c, c->out.n > 0);
    }
    int why = SSL_get_error(c->ssl, done);
    if (why == SSL_ERROR_WANT_WRITE)
        return conn_watch(c, true);
    if (why != SSL_ERROR_WANT_READ)
        return conn_fail(c, "TLS handshake failed",
                         slice_str(ERR_reason_error_string(ERR_peek_last_error())));
    conn_watch(c, false);
}

static void conn_event(struct conn *c, unsigned events)
{
    load.last_progress = clock_mono_us();
    if (c->tls_phase == 1) {
        conn_shake(c);
        if (c->tls_phase == 1)
            return;
    }
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
        size_t room = 64 << 10;
        for (unsigned rounds = 0; rounds < 16 && !c->done && !c->again; rounds++) {
            char *p = buf_space(&c->in, room);
            BUG_IF(!p);
            ptrdiff_t n = conn_read(c, p, room);
            if (n < 0)
                return conn_fail(c, "connection closed by the server", buf_slice(&c->in));
            if (n == 0)
                break;
            c->in.n += (size_t)n;
            conn_feed(c);
        }
        if (!c->in.n && c->tls_phase == 2 && load.idle_select)
            buf_done(&c->in); /* a thousand idle connections need no buffers here either */
    }
    if (!c->done && !c->again)
        conn_flush(c);
}

static int conn_open(struct conn *c)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)load.port)};
    if (inet_pton(AF_INET, load.host, &to.sin_addr) != 1)
        return load_error("not an IPv4 address", slice_str(load.host)), -1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0)
        return load_error("connect", slice_str(strerror(errno))), -1;
    int on = 1;
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(c->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    BUG_IF(fcntl(c->fd, F_SETFL, O_NONBLOCK) < 0);
    c->open = true;
    load.opened++;
    if (load.tls) {
        c->ssl = SSL_new(load.tls_context);
        BUG_IF(!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1);
        c->tls_phase = 1;
    }
    struct epoll_event ev = {.events = EPOLLIN | (load.tls ? EPOLLOUT : 0u), .data.ptr = c};
    c->want_write = load.tls;
    BUG_IF(epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &ev) < 0);
    return 0;
}

static void conn_reopen(struct conn *c)
{
    c->again = c->want_write = false;
    c->tls_phase = 0;
    c->out_at = 0;
    c->literal = 0;
    if (conn_open(c) < 0)
        conn_fail(c, "connect", SNONE);
}

int loop_open(unsigned count)
{
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    BUG_IF(poll_fd < 0);
    load.all = calloc(count, sizeof(*load.all));
    BUG_IF(!load.all);
    if (load.tls) {
        load.tls_context = SSL_CTX_new(TLS_client_method());
        BUG_IF(!load.tls_context);
        SSL_CTX_set_mode(load.tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                               SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                               SSL_MODE_RELEASE_BUFFERS);
    }
    for (unsigned i = 0; i < count; i++) {
        load.all[i].id = i;
        load.all[i].fd = -1;
        if (conn_open(&load.all[i]) < 0)
            return -1;
        if (i % 32 == 31) /* let the server keep up with its backlog and its passwords */
            loop_run(clock_mono_us() + 20000, NULL);
    }
    return 0;
}

void loop_run(int64_t until_us, bool (*enough)(void))
{
    struct epoll_event events[128];
    load.last_progress = clock_mono_us();
    for (;;) {
        if (load.failed || (enough && enough()))
            return;
        int64_t now = clock_mono_us();
        if (until_us && now >= until_us)
            return;
        if (enough && now - load.last_progress > STALL_US) {
            load_error("no answer for a minute", SNONE);
            load.failed = true;
            return;
        }
        int64_t wait_ms = until_us ? (until_us - now + 999) / 1000 : 500;
        int n = epoll_wait(poll_fd, events, 128, (int)(wait_ms > 500 ? 500 : wait_ms));
        for (int i = 0; i < n; i++) {
            struct conn *c = events[i].data.ptr;
            if (c->open && !c->done)
                conn_event(c, events[i].events);
            if (c->open && (c->done || c->again))
                conn_close(c);
            if (c->again && !c->done)
                conn_reopen(c);
        }
    }
}

void loop_flush(void)
{
    for (unsigned i = 0; i < load.conns; i++)
        if (load.all[i].open && !load.all[i].done)
            conn_flush(&load.all[i]);
}

void loop_close(void)
{
    for (unsigned i = 0; load.all && i < load.conns; i++)
        conn_close(&load.all[i]);
    free(load.all);
    SSL_CTX_free(load.tls_context);
    fd_closep(&poll_fd);
}
