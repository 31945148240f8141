/* sockets.c - from the table of ports to sockets. */
#include "node/sockets.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "node/service.h"

SETTING_STR(
    listen, proxy, "", NULL,
    "Names of ports (as in `carbonado ports`) where proxies of io.proxy_from connect and begin "
    "with a PROXY header: \"inner_imap inner_pop3\".");
SETTING_AT_START(listen, proxy);

static bool in_list(struct slice list, struct slice word)
{
    while (list.p) {
        if (slice_eq(slice_cut(&list, ' '), word))
            return true;
    }
    return false;
}

/* A kernel without IPv6 (containers): the rows for it are not an error. */
static bool family_missing(struct slice host)
{
    if (slice_find(host, ':') < 0)
        return false;
    AUTO_FD fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd < 0 && errno == EAFNOSUPPORT;
}

static bool is_any(struct slice host)
{
    return slice_eq(host, S("::")) || slice_eq(host, S("::1"));
}

static int bind_row(struct node_sockets *s, const struct role_listener *row, struct err *e)
{
    const struct node_service *service = service_find(row->port->service);
    if (!service || !row->number || family_missing(row->host))
        return 0;
    struct node_socket *k = &s->list[s->n];
    *k = (struct node_socket){
        .service = row->port->service,
        .listener = {.name = row->port->name,
                     .host = row->host,
                     .port = row->number,
                     .tls = row->port->tls,
                     .proxy = in_list(slice_str(setting_text(&set_listen_proxy)),
                                      slice_str(row->port->name)),
                     .alpn = service->alpn},
    };
    struct err local = {0};
    k->in_front = service->in_front && s->fronts;
    k->n = k->in_front ? s->fronts : s->loops;
    if (listener_bind(&k->listener, k->fds, k->n, &local)) {
        /* IPv6 switched off by sysctl: the address does not exist. */
        if (is_any(row->host) && errno == EADDRNOTAVAIL)
            return 0;
        return err_set(e, local.code, "%s", local.text);
    }
    s->n++;
    return 0;
}

int sockets_bind(struct node_sockets *s, unsigned loops, unsigned fronts, struct err *e)
{
    struct role_listener *rows;
    size_t n;
    *s = (struct node_sockets){.loops = loops, .fronts = fronts};
    if (roles_listeners(&s->arena, &rows, &n, e))
        return -1;
    s->list = arena_new(&s->arena, struct node_socket, n);
    BUG_IF(!s->list);
    for (size_t i = 0; i < n; i++) {
        if (bind_row(s, &rows[i], e) == 0)
            continue;
        sockets_close(s);
        return -1;
    }
    return 0;
}

void sockets_close(struct node_sockets *s)
{
    for (size_t i = 0; i < s->n; i++) {
        for (unsigned k = 0; k < s->list[i].n; k++)
            fd_closep(&s->list[i].fds[k]);
    }
    arena_reset(&s->arena);
    s->n = 0;
}

void sockets_keep(struct node_sockets *s, int front)
{
    for (size_t i = 0; i < s->n; i++) {
        struct node_socket *at = &s->list[i];
        for (unsigned k = 0; k < at->n; k++)
            if (at->in_front ? (int)k != front : front != SOCKETS_WORKER)
                fd_closep(&at->fds[k]);
    }
}
