/* tail_test.c - small batches wait for the write-ahead log only: what the pack files lost in a
   power cut is there again, rows go when the packs are synced, and a sync that fails is made up
   for. */
#include "store/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/setting.h"
#include "base/test.h"
#include "store/entry.h"
#include "store/test_store.h"

SETTING_DECLARE(store, checkpoint_interval);
SETTING_DECLARE(store, pack_max);

enum { ACCOUNT = 1, MANY = 30 };

DB_STMT(count_tails, "SELECT COUNT(*) FROM pack_tail");

static int64_t tails(void)
{
    struct err e = {0};
    struct txn *t;
    int64_t n = -1;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(db_get_i64(t->db, &stmt_count_tails, &n, &e, ""), 1);
    txn_end(t);
    return n;
}

static void interval(const char *text)
{
    struct err e = {0};
    assert_int_equal(setting_parse(&set_store_checkpoint_interval, slice_str(text), &e), 0);
}

static size_t text_of(unsigned i, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, 100, "Subject: %u\r\n\r\n", i), want = 200 + i * 700;
    for (uint32_t seed = i; n < want && n < size; n++) {
        seed = seed * 1664525u + 1013904223u;
        out[n] = (char)(' ' + (seed >> 20) % 90);
    }
    return n;
}

static void fill(unsigned n)
{
    char text[MANY * 800];
    for (unsigned i = 0; i < n; i++)
        test_add(ACCOUNT, 1, slice_of(text, text_of(i, text, sizeof text)), SNONE, 0);
}

static void is_the_next(const struct entry *en, struct slice bytes, void *arg)
{
    char text[MANY * 800];
    unsigned *n = arg;
    (void)en;
    assert_true(slice_eq(bytes, slice_of(text, text_of((*n)++, text, sizeof text))));
}

static void all_is_there(unsigned want)
{
    struct err e = {0};
    struct txn *t;
    unsigned n = 0;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(test_each(t, 0, is_the_next, &n), want);
    txn_end(t);
}

/* The store ends without being closed. */
static void fill_and_die(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct err e = {0};
        if (store_open(&(struct store_config){.dir = test_dir}, &e))
            _exit(1);
        fill(MANY);
        if (tails() != MANY)
            _exit(2);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void a_power_cut(void **state)
{
    (void)state;
    struct err e = {0};
    interval("1h");
    for (int how = 0; how < 3; how++) {
        char path[128];
        test_store_open(2);
        store_close();
        fill_and_die();
        snprintf(path, sizeof path, "%s/packs/1/1.pack", test_dir);
        AUTO_FD fd = open(path, O_RDWR);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        if (how == 0) /* nothing of it was written */
            assert_int_equal(ftruncate(fd, PACK_HEAD), 0);
        if (how == 1) /* the length was, some of the bytes were not */
            assert_int_equal(fd_pwrite_all(fd, (char[20000]){0}, 20000, PACK_HEAD + 3000), 0);
        if (how == 2) /* written, and more that was never committed */
            assert_int_equal(fd_pwrite_all(fd, "more", 4, st.st_size), 0);
        if (store_open(&(struct store_config){.dir = test_dir}, &e))
            fail_msg("%s", e.text);
        assert_int_equal(tails(), 0);
        all_is_there(MANY);
        test_store_close();
    }
    interval("1s");
}

static bool sync_fails;

static int maybe_sync(int fd)
{
    if (!__atomic_load_n(&sync_fails, __ATOMIC_RELAXED))
        return fdatasync(fd);
    errno = EIO;
    return -1;
}

static void settle(bool want)
{
    struct shard *s = shard_of(ACCOUNT);
    for (int i = 0; i < 6000; i++) {
        pthread_mutex_lock(&s->lock);
        struct tails t = s->tails;
        pthread_mutex_unlock(&s->lock);
        if (want ? t.settled == t.last : t.anew)
            return;
        usleep(10000);
    }
    fail_msg("the checkpointer does nothing");
}

static void rows_go_when_the_pack_is_synced(void **state)
{
    (void)state;
    interval("10ms");
    writer_sync = maybe_sync; /* for as long as the store is open */
    test_store_open(2);
    fill(3);
    settle(true);
    test_add(ACCOUNT, 2, S("Subject: x\r\n\r\n"), SNONE, 0); /* the rows before go with it */
    assert_true(tails() == 1);
    __atomic_store_n(&sync_fails, true, __ATOMIC_RELAXED);
    test_add(ACCOUNT, 2, S("Subject: y\r\n\r\n"), SNONE, 0);
    settle(false);
    test_add(ACCOUNT, 2, S("Subject: z\r\n\r\n"), SNONE, 0);
    assert_true(tails() >= 2); /* kept for as long as they are needed */
    __atomic_store_n(&sync_fails, false, __ATOMIC_RELAXED);
    test_add(ACCOUNT, 2, S("Subject: wakes it\r\n\r\n"), SNONE, 0);
    settle(true);
    test_add(ACCOUNT, 2, S("Subject: w\r\n\r\n"), SNONE, 0);
    assert_true(tails() == 1);
    test_store_again();
    assert_int_equal(tails(), 0);
    all_is_there(3);
    test_store_close();
    writer_sync = fdatasync;
    interval("1s");
}

static void a_full_pack_needs_no_rows(void **state)
{
    (void)state;
    struct err e = {0};
    interval("1h");
    assert_int_equal(setting_parse(&set_store_pack_max, S("1M"), &e), 0);
    test_store_open(2);
    static char big[300000];
    for (int i = 0; i < 12; i++) {
        uint32_t seed = (uint32_t)i + 1;
        for (size_t k = 0; k < sizeof big; k++) {
            seed = seed * 1664525u + 1013904223u;
            big[k] = (char)(seed >> 24);
        }
        test_add(ACCOUNT, 2, slice_of(big, sizeof big), SNONE, 0);
        fill(1);
    }
    assert_true(tails() <= 1); /* the last; those before stood in front of a sync */
    test_store_again();
    assert_int_equal(tails(), 0);
    test_store_close();
    assert_int_equal(setting_parse(&set_store_pack_max, S("512M"), &e), 0);
    interval("1s");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_cut),
        cmocka_unit_test(rows_go_when_the_pack_is_synced),
        cmocka_unit_test(a_full_pack_needs_no_rows),
    };
    return RUN_TESTS(tests);
}
