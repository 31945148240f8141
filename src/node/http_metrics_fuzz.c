/* http_metrics_fuzz.c - the status page's HTTP: the same answers whole and in pieces, each with a
   status line that there is. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/fuzz.h"
#include "io/conn.h"
#include "io/listener.h"
#include "io/loop.h"
#include "node/http_metrics.h"

static char path[64];

static void remove_path(void)
{
    unlink(path);
}

static void start(void)
{
    snprintf(path, sizeof(path), "/tmp/carbonado-http-fuzz.%d", (int)getpid());
    struct listener l = {.name = "metrics", .host = slice_str(path), .ops = &http_metrics_ops};
    int fd;
    unlink(path);
    BUG_IF(loops_start(1, NULL) || listener_bind(&l, &fd, 1, NULL));
    BUG_IF(listener_start(&l, &fd, 1, NULL));
    atexit(remove_path);
}

/* libFuzzer's timer interrupts calls: SIGALRM comes without SA_RESTART. */
static bool send_piece(void *ctx, struct slice piece)
{
    ssize_t n;
    do
        n = send(*(int *)ctx, piece.p, piece.n, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)piece.n;
}

/* The status codes that come back. */
static void ask(struct slice in, enum fuzz_split split, struct buf *codes)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    AUTO_FD fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BUF_SCOPE got = {0};
    ssize_t n;
    memcpy(to.sun_path, path, strlen(path));
    BUG_IF(fd < 0);
    while (connect(fd, (struct sockaddr *)&to, sizeof(to)))
        BUG_IF(errno != EINTR);
    fuzz_feed(in, split, send_piece, &fd);
    shutdown(fd, SHUT_WR);
    do {
        char *room = buf_space(&got, 65536);
        n = recv(fd, room, 65536, 0);
        got.n += n > 0 ? (size_t)n : 0;
    } while (n > 0 || (n < 0 && errno == EINTR));
    struct slice rest = buf_slice(&got);
    BUG_IF(rest.n && !slice_starts(rest, S("HTTP/1.1 ")));
    for (ptrdiff_t at; (at = slice_search(rest, S("HTTP/1.1 "))) >= 0;) {
        rest = slice_from(rest, (size_t)at + 9);
        buf_add(codes, slice_sub(rest, 0, 3));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    BUF_SCOPE whole = {0};
    BUF_SCOPE pieces = {0};
    struct slice in = slice_sub(slice_of(d, n), 0, 4096); /* fewer answers than a socket holds */
    if (!path[0])
        start();
    ask(in, FUZZ_WHOLE, &whole);
    ask(in, FUZZ_PIECES, &pieces);
    BUG_IF(!slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    return 0;
}
