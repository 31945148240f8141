/* ring_test.c - order and content of what goes through, waiting on both sides, and a peer that
   writes into the shared memory what it likes. */
#include "io/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

enum { SIZE = 256 * 1024, PAGE = 4096 };

struct pair {
    struct ring *a, *b;
    int memory; /* a third descriptor of it */
};

static struct pair pair_open(void)
{
    struct ring_end ends[2];
    struct pair p;
    struct err e = {0};
    assert_int_equal(ring_make(SIZE, ends, &e), 0);
    p.memory = fcntl(ends[0].memory, F_DUPFD_CLOEXEC, 0);
    assert_int_equal(ring_open(&ends[0], 0, &p.a, &e), 0);
    assert_int_equal(ring_open(&ends[1], 1, &p.b, &e), 0);
    assert_int_equal(ends[0].memory, -1);
    assert_int_equal(ends[1].socket, -1);
    return p;
}

static void pair_close(struct pair *p)
{
    ring_close(p->a);
    ring_close(p->b);
    close(p->memory);
}

static bool readable(const struct ring *r)
{
    struct pollfd p = {.fd = ring_fd(r), .events = POLLIN};
    return poll(&p, 1, 0) == 1;
}

/* Record i: a length and bytes that depend on it. */
static struct slice record(unsigned i, char *space)
{
    size_t n = i % 17 == 0 ? RING_RECORD_MAX - i % 5 : i * 2654435761u % 3000;
    for (size_t k = 0; k < n; k++)
        space[k] = (char)(i + k * 7);
    return slice_of(space, n);
}

static void test_order_and_bytes(void **state)
{
    (void)state;
    static char space[RING_RECORD_MAX];
    BUF_SCOPE got = {0};
    struct pair p = pair_open();
    assert_int_equal(ring_receive(p.b, &got), RING_WAIT);
    for (unsigned i = 0; i < 500; i++) { /* many times around */
        assert_int_equal(ring_send(p.a, record(i, space)), RING_OK);
        assert_int_equal(ring_send(p.b, S("")), RING_OK);
        assert_int_equal(ring_receive(p.b, &got), RING_OK);
        assert_true(slice_eq(buf_slice(&got), record(i, space)));
        assert_int_equal(ring_receive(p.a, &got), RING_OK);
        assert_int_equal(got.n, 0);
    }
    assert_int_equal(ring_receive(p.a, &got), RING_WAIT);
    pair_close(&p);
}

static void test_full_and_room(void **state)
{
    (void)state;
    static char space[1000];
    BUF_SCOPE got = {0};
    struct pair p = pair_open();
    unsigned sent = 0, taken = 0;
    while (ring_send(p.a, slice_of(space, sizeof(space))) == RING_OK)
        sent++;
    assert_int_equal(sent, SIZE / (sizeof(space) + 4));
    assert_false(readable(p.a));
    assert_int_equal(ring_receive(p.b, &got), RING_OK);
    assert_true(readable(p.a)); /* it waited for room */
    assert_int_equal(ring_woken(p.a), 0);
    assert_false(readable(p.a));
    assert_int_equal(ring_send(p.a, slice_of(space, sizeof(space))), RING_OK);
    for (taken = 1; ring_receive(p.b, &got) == RING_OK; taken++)
        assert_int_equal(got.n, sizeof(space));
    assert_int_equal(taken, sent + 1);
    pair_close(&p);
}

static void test_wakes_only_who_sleeps(void **state)
{
    (void)state;
    BUF_SCOPE got = {0};
    struct pair p = pair_open();
    assert_int_equal(ring_send(p.a, S("one")), RING_OK);
    assert_false(readable(p.b));
    assert_false(ring_rest(p.b)); /* something is there */
    assert_int_equal(ring_receive(p.b, &got), RING_OK);
    assert_true(ring_rest(p.b));
    assert_int_equal(ring_send(p.a, S("two")), RING_OK);
    assert_int_equal(ring_send(p.a, S("three")), RING_OK);
    assert_true(readable(p.b));
    assert_int_equal(ring_woken(p.b), 0);
    assert_false(readable(p.b));
    assert_int_equal(ring_receive(p.b, &got), RING_OK);
    assert_slice(buf_slice(&got), "two");
    pair_close(&p);
}

static void test_peer_has_gone(void **state)
{
    (void)state;
    BUF_SCOPE got = {0};
    struct pair p = pair_open();
    assert_int_equal(ring_send(p.a, S("last words")), RING_OK);
    ring_close(p.a);
    assert_true(readable(p.b));
    assert_int_equal(ring_woken(p.b), -1);
    assert_int_equal(ring_receive(p.b, &got), RING_OK);
    assert_slice(buf_slice(&got), "last words");
    assert_int_equal(ring_send(p.b, S("nobody hears")), RING_OK);
    ring_close(p.b);
    close(p.memory);
}

/* --- two sides at once ------------------------------------------------------------------------ */
enum { COUNT = 5000 };

static void wait_for(struct ring *r)
{
    struct pollfd p = {.fd = ring_fd(r), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_int_equal(ring_woken(r), 0);
}

static void *echo(void *arg)
{
    struct ring *r = arg;
    BUF_SCOPE got = {0};
    for (unsigned i = 0; i < COUNT;) {
        enum ring_result result = ring_receive(r, &got);
        if (result == RING_WAIT && ring_rest(r))
            wait_for(r);
        if (result != RING_OK)
            continue;
        while (ring_send(r, buf_slice(&got)) == RING_WAIT)
            wait_for(r);
        i++;
    }
    return NULL;
}

/* Sends without looking whether answers come, as long as there is room. */
static void exchange(struct ring *r)
{
    static char space[RING_RECORD_MAX];
    BUF_SCOPE got = {0};
    for (unsigned sent = 0, taken = 0; taken < COUNT;) {
        if (sent < COUNT && sent - taken < 1000 && ring_send(r, record(sent, space)) == RING_OK) {
            sent++;
            continue;
        }
        enum ring_result result = ring_receive(r, &got);
        if (result == RING_OK)
            assert_true(slice_eq(buf_slice(&got), record(taken++, space)));
        else if (ring_rest(r))
            wait_for(r);
    }
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t thread;
    struct pair p = pair_open();
    assert_int_equal(pthread_create(&thread, NULL, echo, p.b), 0);
    exchange(p.a);
    pthread_join(thread, NULL);
    pair_close(&p);
}

static void test_processes(void **state)
{
    (void)state;
    int status;
    struct pair p = pair_open();
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        ring_close(p.a);
        echo(p.b);
        _exit(0);
    }
    ring_close(p.b);
    exchange(p.a);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    ring_close(p.a);
    close(p.memory);
}

/* --- a peer that lies ------------------------------------------------------------------------- */
/* b's words in the shared page: the head of its ring, the tail of a's. */
enum { TAIL_OF_A = 64, IDLE_OF_B = 72, HEAD_OF_B = 128, BYTES_OF_B = PAGE + SIZE };

static void put(int memory, size_t at, const void *p, size_t n)
{
    assert_int_equal(pwrite(memory, p, n, (off_t)at), (ssize_t)n);
}

static void test_lies(void **state)
{
    (void)state;
    static const struct {
        uint64_t head;
        uint32_t length;
    } rows[] = {
        {SIZE + 1, 10},   /* more than there is */
        {UINT64_MAX, 10}, /* ... backwards */
        {4, 1},           /* a record that is longer than what was put */
        {100, 97},
        {SIZE, RING_RECORD_MAX + 1}, /* longer than a record */
        {SIZE, UINT32_MAX},
        {3, 0}, /* half a header */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BUF_SCOPE got = {0};
        struct pair p = pair_open();
        put(p.memory, BYTES_OF_B, &rows[i].length, sizeof(rows[i].length));
        put(p.memory, HEAD_OF_B, &rows[i].head, sizeof(rows[i].head));
        assert_int_equal(ring_receive(p.a, &got), RING_BROKEN);
        uint64_t good = 0;
        put(p.memory, HEAD_OF_B, &good, sizeof(good));
        assert_int_equal(ring_receive(p.a, &got), RING_BROKEN); /* for good */
        assert_int_equal(ring_send(p.a, S("x")), RING_BROKEN);
        pair_close(&p);
    }
}

static void test_lies_about_room(void **state)
{
    (void)state;
    static const uint64_t tails[] = {1, 0 - (uint64_t)SIZE - 1, SIZE, (uint64_t)1 << 63};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        struct pair p = pair_open();
        put(p.memory, TAIL_OF_A, &tails[i], sizeof(tails[i]));
        assert_int_equal(ring_send(p.a, S("x")), RING_BROKEN);
        pair_close(&p);
    }
}

static void test_memory_stays(void **state)
{
    (void)state;
    struct pair p = pair_open();
    assert_int_equal(ftruncate(p.memory, 0), -1);
    assert_int_equal(ftruncate(p.memory, 1 << 24), -1);
    assert_int_equal(fallocate(p.memory, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), 0);
    assert_int_equal(ring_send(p.a, S("x")), RING_OK); /* zeros, and no signal */
    pair_close(&p);
}

/* A peer that sends wake-ups without end, or takes none: nobody waits for it. */
static void test_wake_ups_without_end(void **state)
{
    (void)state;
    BUF_SCOPE got = {0};
    struct pair p = pair_open();
    uint32_t one = 1;
    for (int i = 0; i < 100000; i++) {
        put(p.memory, IDLE_OF_B, &one, sizeof(one)); /* b: "I sleep" */
        assert_int_equal(ring_send(p.a, S("")), RING_OK);
        assert_int_equal(ring_receive(p.b, &got), RING_OK);
    }
    assert_int_equal(ring_woken(p.b), 0);
    pair_close(&p);
}

static void test_not_rings(void **state)
{
    (void)state;
    struct ring_end ends[2];
    struct ring *r;
    struct err e = {0};
    assert_int_equal(ring_make(SIZE, ends, &e), 0);
    close(ends[0].memory);
    ends[0].memory = memfd_create("no ring", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_int_equal(ftruncate(ends[0].memory, PAGE + 2 * SIZE), 0); /* not sealed */
    assert_int_equal(ring_open(&ends[0], 0, &r, &e), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
    assert_int_equal(ends[0].memory, -1);
    ends[0].memory = open("/dev/null", O_RDWR | O_CLOEXEC);
    ends[0].socket = -1;
    assert_int_equal(ring_open(&ends[0], 0, &r, &e), -1);
    ring_end_close(&ends[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_bytes),
        cmocka_unit_test(test_full_and_room),
        cmocka_unit_test(test_wakes_only_who_sleeps),
        cmocka_unit_test(test_peer_has_gone),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_processes),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_lies_about_room),
        cmocka_unit_test(test_memory_stays),
        cmocka_unit_test(test_wake_ups_without_end),
        cmocka_unit_test(test_not_rings),
    };
    return RUN_TESTS(tests);
}
