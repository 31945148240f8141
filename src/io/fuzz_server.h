/* fuzz_server.h - a server on a socket of its own in a fuzzer's process: one loop, any callbacks.
   libFuzzer's timer interrupts calls (SIGALRM comes without SA_RESTART), so each is made again. */
#pragma once

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fuzz.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop.h"

static char fuzz_server_path[64];

static void fuzz_server_remove(void)
{
    unlink(fuzz_server_path);
}

/* At the first call only. */
static void fuzz_server_start(const char *name, const struct conn_ops *ops)
{
    char *path = fuzz_server_path;
    int fd;
    if (path[0])
        return;
    snprintf(path, sizeof(fuzz_server_path), "/tmp/carbonado-%s-fuzz.%d", name, (int)getpid());
    struct listener l = {.name = name, .host = slice_str(path), .ops = ops};
    unlink(path);
    BUG_IF(loops_start(1, NULL) || listener_bind(&l, &fd, 1, NULL));
    BUG_IF(listener_start(&l, &fd, 1, NULL));
    atexit(fuzz_server_remove);
}

static int fuzz_server_connect(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    memcpy(to.sun_path, fuzz_server_path, strlen(fuzz_server_path));
    BUG_IF(fd < 0);
    while (connect(fd, (struct sockaddr *)&to, sizeof(to)))
        BUG_IF(errno != EINTR);
    return fd;
}

/* A fuzz_feed_fn; ctx: the socket. */
static bool fuzz_server_send(void *ctx, struct slice piece)
{
    ssize_t n;
    do
        n = send(*(int *)ctx, piece.p, piece.n, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)piece.n;
}
