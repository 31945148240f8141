/* listener.c - binding, accepting in batches, limits over all loops. When descriptors run out the
   reserve is closed so that one connection can be accepted and dropped at once (its peer sees an
   end, not silence), and accepting pauses for a moment. */
#include "io/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/metric.h"
#include "base/setting.h"
#include "io/conn_internal.h"
#include "io/peers.h"
#include "io/loop_internal.h"

SETTING(io, connections_max, INT, 120000, 1, 10000000,
        "Connections at a time, over all ports. More are closed at once.");
SETTING(io, backlog, INT, 4096, 1, 65535,
        "Connections that the kernel holds until we accept them.");
METRIC_COUNTER(connections_accepted, "Connections accepted.");
METRIC_COUNTER_BY(connections_refused, "why", "address total descriptors",
                  "Connections closed at once.");
METRIC_DECLARE(connections);

enum { BATCH = 32, PAUSE_MS = 500, PATIENCE_MS = 2000, NAP_MS = 20, MILLION = 1000 * 1000 };

struct acceptor {
    struct acceptor *next;
    uv_poll_t poll;
    struct timer pause;
    struct loop *loop;
    int fd, reserve;
    const struct listener *listener;
};

static struct acceptor *acceptors;

/* Connections point to the listener that they came by, so these live until the loops are gone. */
struct kept_listener {
    struct kept_listener *next;
    struct listener listener;
    char host[];
};
static struct kept_listener *kept;

/* --- binding ------------------------------------------------------------------------------ */
static int bind_error(const struct listener *l, struct err *e)
{
    enum err_code code = errno == EADDRINUSE                 ? ERR_BUSY
                         : errno == EACCES || errno == EPERM ? ERR_NOPERM
                                                             : ERR_IO;
    return err_errno(e, code, "%s: listen on %.*s port %u", l->name, SARG(l->host), l->port);
}

static int address_parse(const struct listener *l, struct sockaddr_storage *ret, socklen_t *ret_n,
                         struct err *e)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
    char host[64];
    memset(ret, 0, sizeof(*ret));
    snprintf(host, sizeof(host), "%.*s", SARG(l->host));
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(l->port);
        *ret_n = sizeof(*v4);
    } else if (inet_pton(AF_INET6, host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(l->port);
        *ret_n = sizeof(*v6);
    } else {
        return err_set(e, ERR_SYNTAX, "%s: \"%s\" is not an address", l->name, host);
    }
    return 0;
}

static int bind_one(const struct listener *l, const struct sockaddr *a, socklen_t n, bool shared,
                    struct err *e)
{
    int on = 1;
    AUTO_FD fd = socket(a->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) ||
        (a->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
        bind(fd, a, n) || listen(fd, (int)setting_get(&set_io_backlog)))
        return bind_error(l, e);
    return TAKE_FD(fd);
}

static int bind_alone(const struct listener *l, const struct sockaddr *a, socklen_t n,
                      struct err *e)
{
    int on = 1;
    AUTO_FD fd = socket(a->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
        (a->sa_family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on))) ||
        bind(fd, a, n))
        return bind_error(l, e);
    return 0;
}

/* SO_REUSEPORT would let us share the port with a second server of the same user: so that "taken"
   is noticed, it is first bound without, for as long as the check takes. A server that was killed
   lets its ports go a moment after it is gone: hence patience. */
static int check_free(const struct listener *l, const struct sockaddr *a, socklen_t n,
                      struct err *e)
{
    struct timespec nap = {.tv_nsec = NAP_MS * MILLION};
    struct err why = {0};
    for (int waited = 0; bind_alone(l, a, n, &why); waited += NAP_MS) {
        if (why.code != ERR_BUSY || waited >= PATIENCE_MS) {
            if (e)
                *e = why;
            return -1;
        }
        nanosleep(&nap, NULL);
    }
    return 0;
}

static int bind_unix(const struct listener *l, int *fds, unsigned n, struct err *e)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (l->host.n >= sizeof(a.sun_path))
        return err_set(e, ERR_LIMIT, "%s: socket path too long", l->name);
    memcpy(a.sun_path, l->host.p, l->host.n);
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bind_error(l, e);
    unlink(a.sun_path);
    /* Set on the socket, the mode is that of the file from its first moment. */
    if (fchmod(fd, 0600) || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
        listen(fd, (int)setting_get(&set_io_backlog)))
        return bind_error(l, e);
    for (unsigned i = 1; i < n; i++)
        fds[i] = -1;
    fds[0] = TAKE_FD(fd);
    return 0;
}

int listener_bind(const struct listener *l, int *fds, unsigned n, struct err *e)
{
    struct sockaddr_storage a;
    socklen_t a_n = 0;
    if (slice_starts(l->host, S("/")))
        return bind_unix(l, fds, n, e);
    if (address_parse(l, &a, &a_n, e) || check_free(l, (struct sockaddr *)&a, a_n, e))
        return -1;
    for (unsigned i = 0; i < n; i++) {
        fds[i] = bind_one(l, (struct sockaddr *)&a, a_n, n > 1, e);
        if (fds[i] >= 0)
            continue;
        while (i--)
            fd_closep(&fds[i]);
        return -1;
    }
    return 0;
}

/* --- accepting ---------------------------------------------------------------------------- */
static void on_poll(uv_poll_t *h, int status, int events);

static void resume(struct timer *t)
{
    struct acceptor *a = list_entry(t, struct acceptor, pause);
    if (a->reserve < 0)
        a->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uv_poll_start(&a->poll, UV_READABLE, on_poll);
}

static void out_of_descriptors(struct acceptor *a)
{
    fd_closep(&a->reserve);
    int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC);
    fd_closep(&fd);
    a->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
    metric_add(&metric_connections_refused, 2, 1);
    uv_poll_stop(&a->poll);
    timer_start(a->loop, &a->pause, PAUSE_MS, resume);
}

static void take(struct acceptor *a, int fd, const struct sockaddr *peer)
{
    struct peer_count *counted = NULL;
    const struct listener *l = a->listener;
    if (metric_connections.n[0] >= setting_get(&set_io_connections_max)) {
        metric_add(&metric_connections_refused, 1, 1);
        close(fd);
        return;
    }
    bool from_proxy = l->proxy && peers_trusts_proxy(peer);
    if (!from_proxy && peers_enter(peer, &counted, NULL)) {
        metric_add(&metric_connections_refused, 0, 1);
        close(fd);
        return;
    }
    metric_inc(&metric_connections_accepted);
    conn_accepted(a->loop, fd, l, counted, peer);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
    struct acceptor *a = h->data;
    (void)status;
    (void)events;
    for (int i = 0; i < BATCH; i++) {
        struct sockaddr_storage peer = {0};
        socklen_t n = sizeof(peer);
        int fd = accept4(a->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            if (n == 0)
                peer.ss_family = AF_UNIX;
            take(a, fd, (struct sockaddr *)&peer);
            conns_flush_many(a->loop);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            out_of_descriptors(a);
            return;
        } else if (errno == EAGAIN) {
            return;
        } /* else: that one connection failed */
    }
}

/* --- start and stop ----------------------------------------------------------------------- */
static void start_on_loop(void *arg)
{
    struct acceptor *a = arg;
    int rc = uv_poll_init(loop_uv(a->loop), &a->poll, a->fd);
    BUG_IF(rc);
    a->poll.data = a;
    uv_poll_start(&a->poll, UV_READABLE, on_poll);
}

int listener_start(const struct listener *l, const int *fds, unsigned n, struct err *e)
{
    struct kept_listener *copy = calloc(1, sizeof(*copy) + l->host.n + 1);
    BUG_IF(!copy);
    copy->listener = *l;
    if (l->host.n)
        memcpy(copy->host, l->host.p, l->host.n);
    copy->listener.host.p = copy->host;
    copy->next = kept;
    kept = copy;
    for (unsigned i = 0; i < n; i++) {
        if (fds[i] < 0)
            continue;
        if (fcntl(fds[i], F_SETFL, O_NONBLOCK) || fcntl(fds[i], F_SETFD, FD_CLOEXEC))
            return err_errno(e, ERR_IO, "%s: listener", l->name);
        struct acceptor *a = calloc(1, sizeof(*a));
        BUG_IF(!a);
        a->loop = loop_at(i % loops_count());
        a->fd = fds[i];
        a->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
        a->listener = &copy->listener;
        a->next = acceptors;
        acceptors = a;
        loop_call(a->loop, start_on_loop, a);
    }
    return 0;
}

static void on_closed(uv_handle_t *h)
{
    free(h->data);
}

static void stop_on_loop(void *arg)
{
    struct acceptor *a = arg;
    timer_stop(&a->pause);
    uv_close((uv_handle_t *)&a->poll, on_closed);
    close(a->fd);
    fd_closep(&a->reserve);
}

void listeners_stop(void)
{
    while (acceptors) {
        struct acceptor *a = acceptors;
        acceptors = a->next;
        loop_call(a->loop, stop_on_loop, a);
    }
}

void listeners_forget(void)
{
    while (kept) {
        struct kept_listener *next = kept->next;
        free(kept);
        kept = next;
    }
}

unsigned long listeners_connections(void)
{
    int64_t n = metric_connections.n[0];
    return n > 0 ? (unsigned long)n : 0;
}
