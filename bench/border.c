/* border.c - what it would cost to put the parsing of strangers' bytes and the store into two
   processes (docs/decisions/0011-one-worker.md). Two sides exchange requests and replies of given
   sizes, in three ways: two threads that pass a pointer (as the worker does today), two processes
   with a socket between them, two processes with rings in shared memory. Whoever receives looks at
   every byte, in all three. The figure is processor time of both sides for one exchange: what a way
   costs is its difference from the first. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
struct ring {
    _Alignas(64) _Atomic uint64_t head;   /* bytes put */
    _Alignas(64) _Atomic uint64_t tail;   /* bytes taken */
    _Alignas(64) _Atomic int sleeping[2]; /* who waits for bytes, who for room */
    int event[2];
    char data[RING];
};

static void ring_init(struct ring *r)
{
    r->event[0] = eventfd(0, 0);
    r->event[1] = eventfd(0, 0);
}

static void wake(struct ring *r, int who)
{
    uint64_t one = 1;
    if (atomic_exchange(&r->sleeping[who], 0) && write(r->event[who], &one, sizeof(one)) < 0)
        die("eventfd");
}

/* Until at least n bytes are there (who 0) or free (who 1). */
static void await(struct ring *r, int who, size_t n)
{
    for (;;) {
        uint64_t used = atomic_load(&r->head) - atomic_load(&r->tail), count;
        if ((who ? RING - used : used) >= n)
            return;
        atomic_store(&r->sleeping[who], 1);
        used = atomic_load(&r->head) - atomic_load(&r->tail);
        if ((who ? RING - used : used) >= n) {
            if (atomic_exchange(&r->sleeping[who], 0))
                return;
        }
        if (read(r->event[who], &count, sizeof(count)) < 0)
            die("eventfd");
    }
}

/* A record does not wrap: what is left at the end is skipped by both, who know the sizes. */
static uint64_t place(uint64_t at, size_t n)
{
    return at % RING + n > RING ? at + RING - at % RING : at;
}

static void ring_put(struct ring *r, const char *p, size_t n)
{
    uint64_t head = atomic_load(&r->head), at = place(head, n);
    await(r, 1, at + n - head);
    memcpy(r->data + at % RING, p, n);
    atomic_store(&r->head, at + n);
    wake(r, 0);
}

static const char *ring_peek(struct ring *r, size_t n)
{
    uint64_t tail = atomic_load(&r->tail), at = place(tail, n);
    await(r, 0, at + n - tail);
    return r->data + at % RING;
}

static void ring_take(struct ring *r, size_t n)
{
    uint64_t tail = atomic_load(&r->tail);
    atomic_store(&r->tail, place(tail, n) + n);
    wake(r, 1);
}

/* --- what the sides do ---------------------------------------------------------------------- */
struct work {
    size_t ask, answer; /* bytes */
    unsigned depth;     /* exchanges under way */
    long count;
    char *bytes;
    struct ring *there, *back;
    int fds[2];
};

static void *serve_pointers(void *arg)
{
    struct work *w = arg;
    for (long i = 0; i < w->count; i++) {
        const char *p;
        memcpy(&p, ring_peek(w->there, sizeof(p)), sizeof(p));
        ring_take(w->there, sizeof(p));
        look(p, w->ask);
        p = w->bytes;
        ring_put(w->back, (const char *)&p, sizeof(p));
    }
    return NULL;
}

static void ask_pointers(struct work *w)
{
    for (long sent = 0, got = 0; got < w->count;) {
        const char *p = w->bytes;
        if (sent < w->count && sent - got < (long)w->depth) {
            ring_put(w->there, (const char *)&p, sizeof(p));
            sent++;
            continue;
        }
        memcpy(&p, ring_peek(w->back, sizeof(p)), sizeof(p));
        ring_take(w->back, sizeof(p));
        look(p, w->answer);
        got++;
    }
}

static void serve_rings(struct work *w)
{
    for (long i = 0; i < w->count; i++) {
        look(ring_peek(w->there, w->ask), w->ask);
        ring_take(w->there, w->ask);
        ring_put(w->back, w->bytes, w->answer);
    }
}

static void ask_rings(struct work *w)
{
    for (long sent = 0, got = 0; got < w->count;) {
        if (sent < w->count && sent - got < (long)w->depth) {
            ring_put(w->there, w->bytes, w->ask);
            sent++;
            continue;
        }
        look(ring_peek(w->back, w->answer), w->answer);
        ring_take(w->back, w->answer);
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
    size_t size = sizeof(struct ring);
    w->there =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    w->back =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (!space || w->there == MAP_FAILED || w->back == MAP_FAILED ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, w->fds))
        die("setup");
    memset(space, 0, BIGGEST);
    ring_init(w->there);
    ring_init(w->back);
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
    for (int i = 0; i < 2; i++) {
        close(w->there->event[i]);
        close(w->back->event[i]);
        close(w->fds[i]);
    }
    munmap(w->there, size);
    munmap(w->back, size);
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
    return sink == 1;
}
