/* border.c - what it costs to put the parsing of strangers' bytes and the store into two processes
   (docs/decisions/0011-fronts-and-store.md). Two sides exchange requests and replies of given
   sizes, in three ways: two threads that pass a pointer (as the worker does today), two processes
   with a socket between them, two processes with the rings of io/ring.h. Whoever receives looks at
   every byte, in all three. The figure is processor time of both sides for one exchange: what a way
   costs is its difference from the first. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/ring.h"

enum { RING = 1 << 22, BIGGEST = 1 << 19 };

static uint64_t sink; /* so that looking is not optimised away */

static void look(const char *p, size_t n)
{
    uint64_t sum = 0, v;
    for (size_t i = 0; i + sizeof(v) <= n; i += sizeof(v)) {
        memcpy(&v, p + i, sizeof(v));
        sum += v;
    }
    sink += sum;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* --- rings --------------------------------------------------------------------------------- */
static void await(struct ring *r)
{
    struct pollfd p = {.fd = ring_fd(r), .events = POLLIN};
    if (poll(&p, 1, -1) < 0 || ring_woken(r))
        die("poll");
}

/* What is longer than a record goes in several. */
static void ring_put(struct ring *r, const char *p, size_t n)
{
    for (size_t at = 0; at < n;) {
        size_t piece = n - at < RING_RECORD_MAX ? n - at : RING_RECORD_MAX;
        if (ring_send(r, slice_of(p + at, piece)) == RING_OK)
            at += piece;
        else
            await(r);
    }
}

static void ring_take(struct ring *r, struct buf *space, size_t n)
{
    for (size_t at = 0; at < n;) {
        if (ring_receive(r, space) == RING_OK) {
            look(space->p, space->n);
            at += space->n;
        } else if (ring_rest(r)) {
            await(r);
        }
    }
}

/* --- what the sides do ---------------------------------------------------------------------- */
struct work {
    size_t ask, answer; /* bytes */
    unsigned depth;     /* exchanges under way */
    long count;
    char *bytes;
    struct ring *asks, *answers; /* the two ends */
    int fds[2];
};

static const char *pointer_take(struct ring *r, struct buf *space)
{
    const char *p;
    ring_take(r, space, sizeof(p));
    memcpy(&p, space->p, sizeof(p));
    return p;
}

static void *serve_pointers(void *arg)
{
    struct work *w = arg;
    BUF_SCOPE space = {0};
    for (long i = 0; i < w->count; i++) {
        look(pointer_take(w->answers, &space), w->ask);
        ring_put(w->answers, (const char *)&w->bytes, sizeof(w->bytes));
    }
    return NULL;
}

static void ask_pointers(struct work *w)
{
    BUF_SCOPE space = {0};
    for (long sent = 0, got = 0; got < w->count;) {
        if (sent < w->count && sent - got < (long)w->depth) {
            ring_put(w->asks, (const char *)&w->bytes, sizeof(w->bytes));
            sent++;
            continue;
        }
        look(pointer_take(w->asks, &space), w->answer);
        got++;
    }
}

static void serve_rings(struct work *w)
{
    BUF_SCOPE space = {0};
    for (long i = 0; i < w->count; i++) {
        ring_take(w->answers, &space, w->ask);
        ring_put(w->answers, w->bytes, w->answer);
    }
}

static void ask_rings(struct work *w)
{
    BUF_SCOPE space = {0};
    for (long sent = 0, got = 0; got < w->count;) {
        if (sent < w->count && sent - got < (long)w->depth) {
            ring_put(w->asks, w->bytes, w->ask);
            sent++;
            continue;
        }
        ring_take(w->asks, &space, w->answer);
        got++;
    }
}

static void receive(int fd, char *space, size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t got = recv(fd, space + at, n - at, 0);
        if (got <= 0)
            die("recv");
        at += (size_t)got;
    }
    look(space, n);
}

static void serve_socket(struct work *w, char *space)
{
    for (long i = 0; i < w->count; i++) {
        receive(w->fds[1], space, w->ask);
        for (size_t at = 0; at < w->answer;) {
            ssize_t n = send(w->fds[1], w->bytes + at, w->answer - at, MSG_NOSIGNAL);
            if (n <= 0)
                die("send");
            at += (size_t)n;
        }
    }
}

/* Never waits for one direction alone: both could be full. */
static void ask_socket(struct work *w, char *space)
{
    long sent = 0, got = 0;
    size_t out = 0, in = 0;
    while (got < w->count) {
        bool more = sent < w->count && sent - got < (long)w->depth;
        ssize_t n =
            more ? send(w->fds[0], w->bytes + out, w->ask - out, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
        if (n > 0) {
            out = (out + (size_t)n) % w->ask;
            sent += out == 0;
            continue;
        }
        n = recv(w->fds[0], space + in, w->answer - in, MSG_DONTWAIT);
        if (n > 0) {
            in += (size_t)n;
            if (in == w->answer) {
                look(space, in);
                in = 0;
                got++;
            }
            continue;
        }
        struct pollfd p = {.fd = w->fds[0], .events = (short)(POLLIN | (more ? POLLOUT : 0))};
        poll(&p, 1, -1);
    }
}

/* --- measuring ------------------------------------------------------------------------------ */
static double seconds(const struct rusage *u)
{
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
           (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

enum way { POINTER, SOCKET, RINGS, WAYS };

static double run(struct work *w, enum way way)
{
    struct rusage before, after, child = {0};
    char *space = malloc(BIGGEST);
    struct ring_end ends[2];
    struct err e = {0};
    if (!space || ring_make(RING, ends, &e) || ring_open(&ends[0], 0, &w->asks, &e) ||
        ring_open(&ends[1], 1, &w->answers, &e) || socketpair(AF_UNIX, SOCK_STREAM, 0, w->fds))
        die("setup");
    memset(space, 0, BIGGEST);
    getrusage(RUSAGE_SELF, &before);
    if (way == POINTER) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, serve_pointers, w))
            die("thread");
        ask_pointers(w);
        pthread_join(thread, NULL);
    } else {
        pid_t pid = fork();
        if (pid == 0) {
            if (way == SOCKET)
                serve_socket(w, space);
            else
                serve_rings(w);
            _exit(0);
        }
        if (way == SOCKET)
            ask_socket(w, space);
        else
            ask_rings(w);
        int status;
        if (wait4(pid, &status, 0, &child) != pid || status)
            die("child");
    }
    getrusage(RUSAGE_SELF, &after);
    for (int i = 0; i < 2; i++)
        close(w->fds[i]);
    ring_close(w->asks);
    ring_close(w->answers);
    free(space);
    return (seconds(&after) - seconds(&before) + seconds(&child)) / (double)w->count * 1e6;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

int main(int argc, char **argv)
{
    enum { ROUNDS = 5 };
    static const struct {
        const char *name;
        size_t ask, answer;
        long count;
    } rows[] = {
        {"small question, small answer", 128, 128, 100000},
        {"message of 18 KB, small answer", 18 * 1024, 128, 20000},
        {"small question, answer of 18 KB", 128, 18 * 1024, 20000},
        {"small question, answer of 256 KB", 128, 256 * 1024, 2000},
    };
    static const unsigned depths[] = {1, 32};
    long scale = argc > 1 ? strtol(argv[1], NULL, 10) : 1;
    struct work w = {.bytes = malloc(BIGGEST)};
    if (!w.bytes)
        die("memory");
    memset(w.bytes, 'x', BIGGEST);
    printf("%-34s %5s %10s %10s %10s   microseconds of processor time, median of %d\n", "exchange",
           "depth", "pointer", "socket", "rings", ROUNDS);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t d = 0; d < 2; d++) {
            double all[WAYS][ROUNDS];
            w.ask = rows[i].ask;
            w.answer = rows[i].answer;
            w.depth = rows[i].answer > 100000 && depths[d] > 8 ? 8 : depths[d];
            w.count = rows[i].count / (scale > 0 ? scale : 1);
            for (int round = 0; round < ROUNDS; round++) {
                for (int way = 0; way < WAYS; way++)
                    all[way][round] = run(&w, (enum way)way);
            }
            printf("%-34s %5u", rows[i].name, w.depth);
            for (int way = 0; way < WAYS; way++) {
                qsort(all[way], ROUNDS, sizeof(double), by_value);
                printf(" %10.2f", all[way][ROUNDS / 2]);
            }
            printf("\n");
        }
    }
    free(w.bytes);
    return sink == 1;
}
