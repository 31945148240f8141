/* ring_fuzz.c - the peer writes any bytes to any place of the shared memory, between sending and
   receiving: whatever it does, a record comes out whole and within its limit or the ring is broken,
   and broken it stays. The input is a row of steps: what to do, where, how many bytes, the bytes.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/fuzz.h"
#include "io/ring.h"

enum { SIZE = 256 * 1024, ALL = 4096 + 2 * SIZE };

struct sides {
    struct ring *mine, *theirs;
    int memory;
    bool broken;
    struct buf got;
};

static void check(struct sides *s, enum ring_result result)
{
    if (s->broken && result != RING_BROKEN)
        abort();
    s->broken = result == RING_BROKEN;
    if (result == RING_OK && s->got.n > RING_RECORD_MAX)
        abort();
}

static void step(struct sides *s, unsigned what, size_t where, struct slice bytes)
{
    static char zeros[RING_RECORD_MAX];
    switch (what % 4) {
    case 0: /* the control words */
        if (pwrite(s->memory, bytes.p, bytes.n, (off_t)(where % 256)) < 0)
            abort();
        break;
    case 1:
        if (pwrite(s->memory, bytes.p, bytes.n, (off_t)(where * 61 % (ALL - 256))) < 0)
            abort();
        break;
    case 2:
        check(s, ring_receive(s->mine, &s->got));
        break;
    default:
        ring_send(s->theirs, bytes);
        check(s, ring_send(s->mine, slice_of(zeros, where)));
        ring_rest(s->mine);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct ring_end ends[2];
    struct err e = {0};
    struct sides s = {0};
    if (ring_make(SIZE, ends, &e))
        abort();
    s.memory = fcntl(ends[0].memory, F_DUPFD_CLOEXEC, 0);
    if (ring_open(&ends[0], 0, &s.mine, &e) || ring_open(&ends[1], 1, &s.theirs, &e))
        abort();
    for (size_t at = 0; at + 4 <= n;) {
        size_t more = d[at + 3] % 64;
        size_t where = d[at + 1] | (size_t)d[at + 2] << 8;
        more = more < n - at - 4 ? more : n - at - 4;
        step(&s, d[at], where, slice_of(d + at + 4, more));
        at += 4 + more;
    }
    buf_done(&s.got);
    ring_close(s.mine);
    ring_close(s.theirs);
    close(s.memory);
    return 0;
}
