/* maintain_test.c - the end of deleted mail, compaction under readers, failing disks. */
#include "store/maintain.h"

#include <errno.h>

#include "base/clock.h"
#include "base/setting.h"
#include "base/test.h"
#include "store/change.h"
#include "store/collection.h"
#include "store/entry.h"
#include "store/test_store.h"

SETTING_DECLARE(store, pack_max);
SETTING_DECLARE(store, tail_max);
SETTING_DECLARE(store, retention);

enum { ACCOUNT = 4, BIG = 40000 };

static char *body(unsigned i)
{
    char *b = malloc(BIG + 1);
    int n = snprintf(b, BIG, "Subject: %u\r\nMessage-ID: <%u@x>\r\n\r\n", i, i);
    uint32_t seed = i + 1;
    for (int k = n; k < BIG; k++) {
        seed = seed * 1664525u + 1013904223u;
        b[k] = (char)(32 + (seed >> 20) % 90);
    }
    b[BIG] = 0;
    return b;
}

static void fill(unsigned from, unsigned n)
{
    for (unsigned i = from; i < from + n; i++) {
        char *b = body(i);
        test_add(ACCOUNT, 1, slice_of(b, BIG), SNONE, 0);
        free(b);
    }
}

static int expunge(struct txn *t, void *arg, struct err *e)
{
    return entry_expunge(t, 1, arg, false, NULL, e);
}

static void remove_uids(const char *set)
{
    struct err e = {0};
    UIDSET_SCOPE s = {0};
    assert_int_equal(uidset_parse(&s, slice_str(set), 100), 0);
    assert_int_equal(store_write(ACCOUNT, expunge, &s, &e), 0);
}

static struct entry get(uint32_t uid)
{
    struct err e = {0};
    struct txn *t;
    struct entry_walk *w;
    struct entry en = {0};
    UIDSET_SCOPE one = {0};
    uidset_add(&one, uid, uid);
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(entry_walk_open(t, 1, 0, &one, ENTRY_BYTES, &w, &e), 0);
    assert_int_equal(entry_walk_next(w, &en, &e), 1);
    en.prefix = SNONE;
    entry_walk_close(w);
    txn_end(t);
    return en;
}

static void assert_bytes(struct message_bytes *m, unsigned i)
{
    BUF_SCOPE got = {0};
    char *b = body(i);
    test_bytes(m, &got);
    assert_true(slice_eq(buf_slice(&got), slice_of(b, BIG)));
    free(b);
}

static struct shard *shard(void)
{
    return shard_of(ACCOUNT);
}

DB_STMT(count_all, "SELECT (SELECT COUNT(*) FROM item) * 1000000 + "
                   "(SELECT COUNT(*) FROM message) * 10000 + (SELECT COUNT(*) FROM blob) * 100 + "
                   "(SELECT COUNT(*) FROM pack)");
DB_STMT(count_refs, "SELECT COUNT(*) FROM thread_ref");

static int64_t count(struct db_stmt *stmt)
{
    struct err e = {0};
    struct txn *t;
    int64_t n = -1;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(db_get_i64(t->db, stmt, &n, &e, ""), 1);
    txn_end(t);
    return n;
}

static void deleted_mail_comes_to_its_end(void **state)
{
    (void)state;
    struct err e = {0};
    unsigned packs = 0;
    assert_int_equal(setting_parse(&set_store_pack_max, S("1M"), &e), 0);
    test_store_open(2);
    fill(0, 60); /* two full packs and a part of one */
    assert_int_equal(count(&stmt_count_all), 60606003);
    struct entry early = get(1), kept = get(2);
    struct message_bytes *open;
    assert_int_equal(message_open(&kept, &open, &e), 0);
    remove_uids("1,3:25,27:40");

    /* Nothing goes before its time. */
    assert_int_equal(prune_shard(shard(), clock_now_ms() - 60000, &e), 0);
    assert_int_equal(sweep_shard(shard(), clock_now_ms() + 1, &e), 0);
    assert_int_equal(count(&stmt_count_all), 60606003);
    struct message_bytes *m;
    assert_int_equal(message_open(&early, &m, &e), 0);
    assert_bytes(m, 0);
    message_close(m);

    assert_int_equal(prune_shard(shard(), clock_now_ms() + 1, &e), 0);
    assert_int_equal(count(&stmt_count_all), 22226003);
    assert_int_equal(count(&stmt_count_refs), 22);
    assert_int_equal(sweep_shard(shard(), clock_now_ms() + 1, &e), 0);
    assert_int_equal(count(&stmt_count_all), 22222203);
    if (compact_shard(shard(), 50, false, &packs, &e))
        fail_msg("%s", e.text);
    assert_int_equal(packs, 1);

    /* Who had it open reads on; who had only the old place finds the new one. */
    assert_bytes(open, 1);
    message_close(open);
    assert_int_equal(message_open(&kept, &open, &e), 0);
    assert_bytes(open, 1);
    message_close(open);
    /* It was pinned: the next round unlinks it. */
    assert_int_equal(compact_shard(shard(), 50, false, &packs, &e), 0);
    assert_int_equal(packs, 0);
    assert_int_equal(message_open(&early, &m, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    if (message_open(&kept, &open, &e))
        fail_msg("%s", e.text);
    assert_bytes(open, 1);
    message_close(open);
    assert_int_equal(count(&stmt_count_all), 22222203);

    struct txn *t;
    UIDSET_SCOPE changed = {0};
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(change_since(t, 1, 1, &changed, NULL, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    struct account_usage u;
    assert_int_equal(account_usage(t, &u, &e), 0);
    assert_int_equal(change_since(t, 1, u.modseq, &changed, NULL, &e), 0);
    txn_end(t);
    for (int again = 0; again < 2; again++) {
        struct entry en = get(26);
        assert_int_equal(message_open(&en, &m, &e), 0);
        assert_bytes(m, 25);
        message_close(m);
        en = get(60);
        assert_int_equal(message_open(&en, &m, &e), 0);
        assert_bytes(m, 59);
        message_close(m);
        test_store_again();
    }
    setting_reset(&set_store_pack_max);
    test_store_close();
}

/* A blob that died comes back to life when the same content arrives. */
static void content_comes_back(void **state)
{
    (void)state;
    struct err e = {0};
    test_store_open(2);
    fill(0, 1);
    remove_uids("1");
    assert_int_equal(prune_shard(shard(), clock_now_ms() + 1, &e), 0);
    fill(0, 1);
    assert_int_equal(sweep_shard(shard(), clock_now_ms() + 1, &e), 0);
    assert_int_equal(count(&stmt_count_all), 1010101);
    struct entry en = get(2);
    struct message_bytes *m;
    assert_int_equal(message_open(&en, &m, &e), 0);
    assert_bytes(m, 0);
    message_close(m);
    test_store_close();
}

/* --- failing disks ------------------------------------------------------------------------------
 */

static int syncs_until_failure;

static int failing_sync(int fd)
{
    if (syncs_until_failure-- == 0) {
        errno = EIO;
        return -1;
    }
    return fdatasync(fd);
}

static void a_failed_sync_is_never_tried_again(void **state)
{
    (void)state;
    struct err e = {0};
    test_store_open(2);
    fill(0, 3);
    char *b = body(99);
    struct test_adding a = {.how = {.collection = 1}};
    assert_int_equal(message_ready_make(slice_of(b, BIG), &a.m, &e), 0);
    uint64_t pack = get(3).blob.pack;
    assert_int_equal(setting_parse(&set_store_tail_max, S("0"), &e), 0);
    writer_sync = failing_sync;
    for (int i = 0; i < 3; i++) { /* at the record, then at the head of the new pack */
        syncs_until_failure = i % 2;
        assert_int_equal(store_write(ACCOUNT, test_add_job, &a, &e), -1);
        assert_int_equal(e.code, ERR_IO);
    }
    writer_sync = fdatasync;
    assert_int_equal(setting_parse(&set_store_tail_max, S("256K"), &e), 0);
    assert_int_equal(store_write(ACCOUNT, test_add_job, &a, &e), 0);
    assert_int_equal(a.uid, 4);
    assert_true(get(4).blob.pack > pack);
    for (int again = 0; again < 2; again++) {
        for (uint32_t u = 1; u <= 4; u++) {
            struct entry en = get(u);
            struct message_bytes *m;
            assert_int_equal(message_open(&en, &m, &e), 0);
            assert_bytes(m, u == 4 ? 99 : u - 1);
            message_close(m);
        }
        test_store_again();
    }
    message_ready_free(a.m);
    free(b);
    test_store_close();
}

/* A job that fails takes back what it did, and nothing else in its batch. */
static int add_and_fail(struct txn *t, void *arg, struct err *e)
{
    if (test_add_job(t, arg, e))
        return -1;
    return err_set(e, ERR_NOPERM, "not today");
}

static void a_failed_job_leaves_nothing(void **state)
{
    (void)state;
    struct err e = {0};
    test_store_open(2);
    char *b = body(1);
    struct test_adding a = {.how = {.collection = 1}};
    assert_int_equal(message_ready_make(slice_of(b, BIG), &a.m, &e), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(store_write(ACCOUNT, add_and_fail, &a, &e), -1);
        assert_int_equal(e.code, ERR_NOPERM);
    }
    assert_int_equal(store_write(ACCOUNT, test_add_job, &a, &e), 0);
    assert_int_equal(a.uid, 1);
    assert_int_equal(count(&stmt_count_all), 1010101);
    struct entry en = get(1);
    struct message_bytes *m;
    assert_int_equal(message_open(&en, &m, &e), 0);
    assert_bytes(m, 1);
    message_close(m);
    message_ready_free(a.m);
    free(b);
    test_store_close();
}

static int delete_account(struct txn *t, void *arg, struct err *e)
{
    *(int *)arg = account_delete(t, e);
    return *(int *)arg < 0 ? -1 : 0;
}

static void an_account_goes_with_all(void **state)
{
    (void)state;
    struct err e = {0};
    int more;
    test_store_open(2);
    fill(0, 5);
    do {
        assert_int_equal(store_write(ACCOUNT, delete_account, &more, &e), 0);
    } while (more);
    assert_int_equal(sweep_shard(shard(), clock_now_ms() + 1, &e), 0);
    assert_int_equal(count(&stmt_count_all), 1);
    assert_int_equal(count(&stmt_count_refs), 0);
    test_store_close();
}

/* --- a disk that fills up ------------------------------------------------------------------------
 */

static fsblkcnt_t disk_free; /* of 1,000,000 blocks of 4 KB */
static struct disk_told heard[8];
static size_t n_heard;

static int small_disk(const char *path, struct statvfs *ret)
{
    (void)path;
    *ret = (struct statvfs){.f_frsize = 4096, .f_blocks = 1000000, .f_bavail = disk_free};
    return 0;
}

static void hear(const struct disk_told *d)
{
    assert_true(n_heard < sizeof heard / sizeof *heard);
    heard[n_heard++] = *d;
}

static int64_t round_with(fsblkcnt_t blocks)
{
    disk_free = blocks;
    return maintain_retention(reserve_look(test_dir));
}

static bool refused(void)
{
    struct err e = {0};
    struct test_adding a = {.how = {.collection = 1}};
    assert_int_equal(message_ready_make(S("Subject: x\r\n\r\n"), &a.m, &e), 0);
    int rc = store_write(ACCOUNT, test_add_job, &a, &e);
    assert_true(rc == 0 || e.code == ERR_BUSY);
    message_ready_free(a.m);
    return rc != 0;
}

static void a_shorter_retention_is_said(void **state)
{
    (void)state;
    int64_t whole = setting_get(&set_store_retention);
    test_store_open(1);
    fill(0, 2);
    reserve_statvfs = small_disk;
    store_on_disk(hear);
    n_heard = 0;
    assert_int_equal(round_with(60000), whole); /* 6 % */
    assert_int_equal(n_heard, 0);
    assert_int_equal(round_with(49000), whole / 2);
    assert_int_equal(round_with(49000), whole / 4);
    assert_int_equal(n_heard, 2);
    assert_string_equal(heard[0].state, "low");
    assert_int_equal(heard[0].free_bytes, 49000 * 4096);
    assert_int_equal(heard[0].retention_ms, whole / 2);
    assert_int_equal(heard[0].wanted_ms, whole);
    assert_int_equal(heard[1].retention_ms, whole / 4);
    assert_false(refused());
    assert_int_equal(round_with(100), whole / 8); /* less than the reserve */
    assert_string_equal(heard[2].state, "full");
    assert_true(refused());
    remove_uids("1"); /* deletion goes on */
    assert_int_equal(round_with(60000), whole);
    assert_int_equal(n_heard, 4);
    assert_string_equal(heard[3].state, "ok");
    assert_int_equal(heard[3].retention_ms, whole);
    assert_int_equal(round_with(60000), whole);
    assert_int_equal(n_heard, 4);
    assert_false(refused());
    store_on_disk(NULL);
    reserve_statvfs = statvfs;
    test_store_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deleted_mail_comes_to_its_end),
        cmocka_unit_test(content_comes_back),
        cmocka_unit_test(a_failed_sync_is_never_tried_again),
        cmocka_unit_test(a_failed_job_leaves_nothing),
        cmocka_unit_test(an_account_goes_with_all),
        cmocka_unit_test(a_shorter_retention_is_said),
    };
    return RUN_TESTS(tests);
}
