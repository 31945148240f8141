/* lane_test.c - messages of all lengths between two loops, and peers that break the rules, that go,
   and that do not read. */
#include "io/lane.h"

#include <pthread.h>
#include <stdlib.h>
#include <stdio.h>

#include "base/test.h"

#include "io/loop.h"
#include "io/ring.h"
#include "io/testing.h"

enum { SIZE = 256 * 1024, COUNT = 300, UNSENT_MAX = 1024 * 1024 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* One end, on a loop. */
struct side {
    struct loop *loop;
    struct ring *ring;
    struct lane *lane;
    size_t unsent_max;
    bool echoes;
    unsigned next, good;
    char why[64]; /* it has ended */
};

static size_t length_of(unsigned i)
{
    return i == 7 ? LANE_MESSAGE_MAX : i % 11 == 0 ? RING_RECORD_MAX * 2 + i : i * 7 + 1;
}

static bool is_message(struct slice s, unsigned i)
{
    for (size_t k = 0; k < s.n; k += 997)
        if (s.p[k] != (char)(i + k))
            return false;
    return s.n == length_of(i);
}

static void message(struct lane *l, struct slice bytes)
{
    struct side *s = lane_user(l);
    if (s->echoes) {
        size_t half = bytes.n / 2;
        lane_send(l, slice_sub(bytes, 0, half), slice_from(bytes, half));
        return;
    }
    pthread_mutex_lock(&lock);
    s->good += is_message(bytes, s->next++);
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static void ended(struct lane *l, const char *why)
{
    struct side *s = lane_user(l);
    pthread_mutex_lock(&lock);
    snprintf(s->why, sizeof(s->why), "%s", why);
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static const struct lane_ops ops = {message, ended};

static void start(void *arg)
{
    struct side *s = arg;
    s->lane = lane_open(s->loop, s->ring, &ops, s, s->unsent_max);
}

static void stop(void *arg)
{
    struct side *s = arg;
    lane_break(s->lane, "enough");
}

static void wait_for_end(struct side *s, const char *why)
{
    pthread_mutex_lock(&lock);
    while (!s->why[0])
        pthread_cond_wait(&changed, &lock);
    assert_string_equal(s->why, why);
    pthread_mutex_unlock(&lock);
}

static void send_all(void *arg)
{
    struct side *s = arg;
    char *space = malloc(LANE_MESSAGE_MAX);
    BUG_IF(!space);
    for (unsigned i = 0; i < COUNT; i++) {
        size_t n = length_of(i);
        for (size_t k = 0; k < n; k++)
            space[k] = (char)(i + k);
        lane_send(s->lane, slice_of(space, n > 5 ? 5 : n), slice_of(space + 5, n > 5 ? n - 5 : 0));
    }
    free(space);
}

static struct ring *open_both(struct side *s)
{
    struct ring_end ends[2];
    struct ring *other;
    struct err e = {0};
    assert_int_equal(ring_make(SIZE, ends, &e), 0);
    assert_int_equal(ring_open(&ends[0], 0, &s->ring, &e), 0);
    assert_int_equal(ring_open(&ends[1], 1, &other, &e), 0);
    loop_call(s->loop, start, s);
    return other;
}

static void test_echo(void **state)
{
    (void)state;
    struct side a = {.loop = loop_at(0)}, b = {.loop = loop_at(1), .echoes = true};
    b.ring = open_both(&a);
    loop_call(b.loop, start, &b);
    loop_call(a.loop, send_all, &a);
    pthread_mutex_lock(&lock);
    while (a.next < COUNT && !a.why[0] && !b.why[0])
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    assert_int_equal(a.good, COUNT);
    loop_call(a.loop, stop, &a);
    wait_for_end(&a, "enough");
    wait_for_end(&b, "it has gone");
}

static void test_who_does_not_read(void **state)
{
    (void)state;
    struct side a = {.loop = loop_at(0), .unsent_max = UNSENT_MAX};
    struct ring *silent = open_both(&a);
    loop_call(a.loop, send_all, &a);
    wait_for_end(&a, "it does not read what it is sent");
    ring_close(silent);
}

static void test_who_goes(void **state)
{
    (void)state;
    struct side a = {.loop = loop_at(1)};
    struct ring *other = open_both(&a);
    uint32_t n = 1;
    char first = 0;
    assert_int_equal(ring_send_both(other, slice_of(&n, sizeof(n)), slice_of(&first, 1)), RING_OK);
    ring_close(other);
    wait_for_end(&a, "it has gone");
    assert_int_equal(a.next, 1); /* what it said before is heard */
}

static void test_who_breaks_rules(void **state)
{
    (void)state;
    static const struct {
        uint32_t length;
        const char *text, *why;
    } rows[] = {
        {0, "x", "a message that is too long"},
        {LANE_MESSAGE_MAX + 1, "x", "a message that is too long"},
        {3, "abcd", "a message that is longer than it says"},
        {3, "", "a message without a length"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct side a = {.loop = loop_at(0)};
        struct ring *evil = open_both(&a);
        assert_int_equal(ring_send_both(evil, slice_of(&rows[i].length, sizeof(uint32_t)),
                                        slice_str(rows[i].text)),
                         RING_OK);
        wait_for_end(&a, rows[i].why);
        ring_close(evil);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_who_does_not_read),
        cmocka_unit_test(test_who_goes),
        cmocka_unit_test(test_who_breaks_rules),
    };
    return cmocka_run_group_tests_name("lane", tests, test_loops_start, test_loops_stop);
}
