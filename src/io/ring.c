/* ring.c - positions count bytes for ever; where they point to is their remainder. The bytes of a
   ring are mapped twice, one copy behind the other, so that a record is in one piece wherever it
   begins. Flags say who sleeps: a sender publishes, then looks at the flag; a receiver sets it,
   then looks for records; both in one total order, so that one of them sees the other. */
#include "io/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { HEADER = sizeof(uint32_t), PAGE = 4096, SIZE_MIN = 256 * 1024, SIZE_MAX_ = 1 << 30 };
_Static_assert(SIZE_MIN >= 2 * (RING_RECORD_MAX + 2 * HEADER), "a ring has room for a record");

/* One direction. */
struct shared {
    _Alignas(64) _Atomic uint64_t head; /* bytes put: the sender's */
    _Atomic uint32_t full;              /* the sender waits for room */
    _Alignas(64) _Atomic uint64_t tail; /* bytes taken: the receiver's */
    _Atomic uint32_t idle;              /* the receiver sleeps */
};

struct direction {
    struct shared *shared;
    char *bytes;
    uint64_t at; /* our own position */
};

struct ring {
    int socket;
    size_t size;
    bool broken;
    void *page; /* of both struct shared */
    struct direction out, in;
};

/* --- making ---------------------------------------------------------------------------------- */
static size_t memory_size(size_t size)
{
    return PAGE + 2 * size;
}

static int memory_make(size_t size, struct err *e)
{
    AUTO_FD fd = memfd_create("carbonado-ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)memory_size(size)) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return err_errno(e, ERR_IO, "shared memory");
    return TAKE_FD(fd);
}

int ring_make(size_t size, struct ring_end ret[2], struct err *e)
{
    int sockets[2];
    BUG_IF(size < SIZE_MIN || size > SIZE_MAX_ || size & (size - 1));
    AUTO_FD memory = memory_make(size, e);
    AUTO_FD twin = memory < 0 ? -1 : fcntl(memory, F_DUPFD_CLOEXEC, 0);
    if (memory < 0)
        return -1;
    if (twin < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
        return err_errno(e, ERR_IO, "shared memory");
    ret[0] = (struct ring_end){TAKE_FD(memory), sockets[0]};
    ret[1] = (struct ring_end){TAKE_FD(twin), sockets[1]};
    return 0;
}

void ring_end_close(struct ring_end *end)
{
    fd_closep(&end->memory);
    fd_closep(&end->socket);
}

/* --- opening --------------------------------------------------------------------------------- */
static char *map_twice(int memory, size_t at, size_t size)
{
    char *p = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    for (int i = 0; i < 2; i++) {
        if (mmap(p + (i ? size : 0), size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, memory,
                 (off_t)at) != MAP_FAILED)
            continue;
        munmap(p, 2 * size);
        return NULL;
    }
    return p;
}

static void unmap(struct ring *r)
{
    if (r->out.bytes)
        munmap(r->out.bytes, 2 * r->size);
    if (r->in.bytes)
        munmap(r->in.bytes, 2 * r->size);
    if (r->page)
        munmap(r->page, PAGE);
}

static int map_all(struct ring *r, int memory, unsigned side)
{
    void *page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    if (page == MAP_FAILED)
        return -1;
    struct shared *shared = r->page = page;
    _Static_assert(2 * sizeof(*shared) <= PAGE, "one page");
    r->out.shared = &shared[side];
    r->in.shared = &shared[!side];
    r->out.bytes = map_twice(memory, PAGE + side * r->size, r->size);
    r->in.bytes = map_twice(memory, PAGE + !side * r->size, r->size);
    return r->out.bytes && r->in.bytes ? 0 : -1;
}

int ring_open(struct ring_end *end, unsigned side, struct ring **ret, struct err *e)
{
    struct stat st;
    AUTO_FD memory = TAKE_FD(end->memory), socket = TAKE_FD(end->socket);
    int seals = fcntl(memory, F_GET_SEALS);
    BUG_IF(side > 1);
    if (seals < 0 || fstat(memory, &st))
        return err_errno(e, ERR_IO, "shared memory");
    size_t size = ((size_t)st.st_size - PAGE) / 2;
    if (!(seals & F_SEAL_SHRINK) || size < SIZE_MIN || size > SIZE_MAX_ || size & (size - 1) ||
        memory_size(size) != (size_t)st.st_size)
        return err_set(e, ERR_SYNTAX, "shared memory: not a pair of rings");
    struct ring *r = calloc(1, sizeof(*r));
    BUG_IF(!r);
    r->size = size;
    if (map_all(r, memory, side)) {
        err_errno(e, ERR_IO, "shared memory");
        unmap(r);
        free(r);
        return -1;
    }
    r->socket = TAKE_FD(socket);
    *ret = r;
    return 0;
}

void ring_close(struct ring *r)
{
    if (!r)
        return;
    unmap(r);
    close(r->socket);
    free(r);
}

/* --- waking ---------------------------------------------------------------------------------- */
/* A socket that is full wakes already; one that has ended, ring_woken() notices. */
static void wake(const struct ring *r, _Atomic uint32_t *asleep)
{
    if (atomic_load(asleep) && atomic_exchange(asleep, 0) &&
        send(r->socket, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return;
}

int ring_fd(const struct ring *r)
{
    return r->socket;
}

int ring_woken(struct ring *r)
{
    char bytes[64];
    ssize_t n = recv(r->socket, bytes, sizeof(bytes), MSG_DONTWAIT);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) ? 0 : -1;
}

/* --- records --------------------------------------------------------------------------------- */
/* Headers stay aligned. */
static uint64_t space_of(size_t n)
{
    return HEADER + ((uint64_t)n + HEADER - 1) / HEADER * HEADER;
}

static enum ring_result broken(struct ring *r)
{
    r->broken = true;
    return RING_BROKEN;
}

static uint32_t *header_at(const struct ring *r, const struct direction *d)
{
    return (uint32_t *)(void *)(d->bytes + (d->at & (r->size - 1)));
}

/* How much of the way out is in use; more than there is: broken. */
static uint64_t used(const struct direction *out)
{
    return out->at - atomic_load(&out->shared->tail);
}

enum ring_result ring_send_both(struct ring *r, struct slice first, struct slice second)
{
    struct direction *out = &r->out;
    uint64_t need = space_of(first.n + second.n), in_use = used(out);
    BUG_IF(first.n > RING_RECORD_MAX || second.n > RING_RECORD_MAX - first.n);
    if (!r->broken && in_use <= r->size && r->size - in_use < need) {
        atomic_store(&out->shared->full, 1);
        in_use = used(out);
    }
    if (r->broken || in_use > r->size)
        return broken(r);
    if (r->size - in_use < need)
        return RING_WAIT;
    uint32_t *header = header_at(r, out);
    __atomic_store_n(header, (uint32_t)(first.n + second.n), __ATOMIC_RELAXED);
    char *to = (char *)(header + 1);
    if (first.n)
        memcpy(to, first.p, first.n);
    if (second.n)
        memcpy(to + first.n, second.p, second.n);
    out->at += need;
    atomic_store(&out->shared->head, out->at);
    wake(r, &out->shared->idle);
    return RING_OK;
}

enum ring_result ring_send(struct ring *r, struct slice record)
{
    return ring_send_both(r, record, S(""));
}

enum ring_result ring_receive(struct ring *r, struct buf *out)
{
    struct direction *in = &r->in;
    uint64_t there = atomic_load(&in->shared->head) - in->at;
    buf_reset(out);
    if (r->broken || there > r->size)
        return broken(r);
    if (there == 0)
        return RING_WAIT;
    const uint32_t *header = header_at(r, in);
    uint32_t n = __atomic_load_n(header, __ATOMIC_RELAXED); /* once: it may change */
    if (n > RING_RECORD_MAX || space_of(n) > there)
        return broken(r);
    char *space = buf_space(out, n ? n : 1);
    if (!space)
        return broken(r);
    memcpy(space, header + 1, n);
    out->n = n;
    in->at += space_of(n);
    atomic_store(&in->shared->tail, in->at);
    wake(r, &in->shared->full);
    return RING_OK;
}

bool ring_rest(struct ring *r)
{
    struct shared *in = r->in.shared;
    atomic_store(&in->idle, 1);
    if (atomic_load(&in->head) == r->in.at)
        return true;
    atomic_store(&in->idle, 0);
    return false;
}
