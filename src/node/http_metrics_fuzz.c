/* http_metrics_fuzz.c - the status page's HTTP: the same answers whole and in pieces, each with a
   status line that there is. */
#include "base/fd.h"
#include "io/fuzz_server.h"
#include "node/http_metrics.h"

/* The status codes that come back. */
static void ask(struct slice in, enum fuzz_split split, struct buf *codes)
{
    AUTO_FD fd = fuzz_server_connect();
    BUF_SCOPE got = {0};
    ssize_t n;
    fuzz_feed(in, split, fuzz_server_send, &fd);
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
    fuzz_server_start("metrics", &http_metrics_ops);
    ask(in, FUZZ_WHOLE, &whole);
    ask(in, FUZZ_PIECES, &pieces);
    BUG_IF(!slice_eq(buf_slice(&whole), buf_slice(&pieces)));
    return 0;
}
