/* kill_test.c - SIGKILL in the middle of concurrent deliveries, again and again: what was
   acknowledged is there exactly once, nothing is half there, and the counters are right. */
#include "base/test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/random.h"
#include "base/setting.h"
#include "store/collection.h"
#include "store/test_store.h"

SETTING_DECLARE(store, pack_max);
SETTING_DECLARE(store, checkpoint_interval);

enum { ROUNDS = 20, THREADS = 6, ACCOUNTS = 5, BODIES = 40, BODY_MAX = 60000 };

static int ack_fd;
static uint32_t round_first;
static _Atomic uint32_t next_id;
static char *bodies[BODIES];
static size_t body_n[BODIES];

static void make_bodies(void)
{
    for (size_t i = 0; i < BODIES; i++) {
        size_t n = 200 + random_u64() % BODY_MAX;
        bodies[i] = malloc(n);
        random_bytes(bodies[i], n);
        for (size_t k = 0; k < n; k++)
            bodies[i][k] = (char)('0' + (bodies[i][k] & 63));
        memcpy(bodies[i], "Subject: x\r\n\r\n", 14);
        body_n[i] = n;
    }
}

/* Small and large messages, some the same as others; the prefix tells them apart. */
static void *deliver(void *arg)
{
    (void)arg;
    for (;;) {
        uint32_t id = atomic_fetch_add(&next_id, 1);
        size_t i = random_u64() % BODIES;
        char prefix[32];
        struct err e = {0};
        struct test_adding a = {.how = {.collection = 1}};
        snprintf(prefix, sizeof prefix, "X-Id: %u\r\n", id);
        a.how.prefix = slice_str(prefix);
        if (message_ready_make(slice_of(bodies[i], body_n[i]), &a.m, &e) ||
            store_write(1 + id % ACCOUNTS, test_add_job, &a, &e))
            _exit(9);
        message_ready_free(a.m);
        if (write(ack_fd, &id, sizeof id) != sizeof id)
            _exit(8);
    }
    return NULL;
}

static void child(int fd)
{
    struct err e = {0};
    ack_fd = fd;
    if (store_open(&(struct store_config){.dir = test_dir, .shards = 2}, &e)) {
        fprintf(stderr, "%s\n", e.text);
        _exit(7);
    }
    pthread_t t[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&t[i], NULL, deliver, NULL);
    pause();
}

struct found {
    uint64_t account;
    unsigned char *there;
    uint32_t n;
    int64_t bytes;
};

static void look_at_message(const struct entry *en, struct slice bytes, void *arg)
{
    struct found *f = arg;
    struct slice line = slice_trim(en->prefix);
    uint32_t id;
    assert_int_equal(slice_u32(slice_from(line, 6), &id), 0);
    assert_true(id < f->n && id % ACCOUNTS + 1 == f->account);
    assert_int_equal(bytes.n, en->size);
    f->there[id]++;
    f->bytes += en->size;
}

static void look_at(uint64_t account, unsigned char *there, uint32_t n)
{
    struct err e = {0};
    struct txn *t;
    struct found f = {account, there, n, 0};
    assert_int_equal(txn_read(account, &t, &e), 0);
    unsigned count = test_each(t, ENTRY_ITEM, look_at_message, &f);
    ARENA_SCOPE a = {0};
    struct collection c;
    struct account_usage u;
    if (count) {
        assert_int_equal(collection_by_id(t, 1, &a, &c, &e), 0);
        assert_int_equal(c.messages, count);
        assert_int_equal(c.uidnext, count + 1);
        assert_int_equal(c.bytes, f.bytes);
        assert_int_equal(account_usage(t, &u, &e), 0);
        assert_int_equal(u.bytes, f.bytes);
    }
    txn_end(t);
}

static void verify(const unsigned char *acked, uint32_t n)
{
    struct err e = {0};
    unsigned char *there = calloc(n, 1);
    if (store_open(&(struct store_config){.dir = test_dir}, &e))
        fail_msg("%s", e.text);
    for (uint64_t account = 1; account <= ACCOUNTS; account++)
        look_at(account, there, n);
    store_close();
    for (uint32_t i = 0; i < n; i++)
        if (there[i] > 1 || (acked[i] && !there[i]))
            fail_msg("message %u: acknowledged %d, there %d", i, acked[i], there[i]);
    free(there);
}

enum { IDS = 200000 };

static uint32_t run_round(unsigned char *acked)
{
    int fd[2], status;
    uint32_t id, n = 0;
    assert_int_equal(pipe(fd), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(fd[0]);
        next_id = round_first;
        child(fd[1]);
    }
    close(fd[1]);
    int64_t end = INT64_MAX;
    while (clock_mono_ms() < end && read(fd[0], &id, sizeof id) == sizeof id) {
        assert_true(id < IDS);
        acked[id] = 1;
        if (!n++)
            end = clock_mono_ms() + 20 + (int64_t)(random_u64() % 150);
    }
    kill(pid, SIGKILL);
    while (read(fd[0], &id, sizeof id) == sizeof id) { /* acknowledged before it died */
        acked[id] = 1;
        n++;
    }
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return n;
}

static void nothing_is_lost(void **state)
{
    (void)state;
    struct err e = {0};
    unsigned char *acked = calloc(IDS, 1);
    uint32_t total = 0;
    assert_int_equal(setting_parse(&set_store_pack_max, S("1M"), &e), 0);
    assert_int_equal(setting_parse(&set_store_checkpoint_interval, S("20ms"), &e), 0);
    snprintf(test_dir, sizeof test_dir, "/tmp/carbonado-kill-XXXXXX");
    assert_non_null(mkdtemp(test_dir));
    make_bodies();
    for (int i = 0; i < ROUNDS; i++) {
        total += run_round(acked);
        round_first += 5000; /* more than a round can send */
        verify(acked, round_first);
    }
    assert_true(total > ROUNDS);
    print_message("# %u messages acknowledged in %d rounds\n", total, ROUNDS);
    for (size_t i = 0; i < BODIES; i++)
        free(bodies[i]);
    free(acked);
    nftw(test_dir, test_rm, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost),
    };
    return RUN_TESTS(tests);
}
