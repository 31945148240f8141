/* purge_test.c - what was deleted is nowhere in the state directory after a purge, what was not is
   whole; a purge that is killed at any moment leaves a sound store, and the next does the rest. */
#include "store/purge.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include "base/fd.h"
#include "base/random.h"
#include "base/setting.h"
#include "base/test.h"
#include "store/check.h"
#include "store/entry.h"
#include "store/test_store.h"

SETTING_DECLARE(store, pack_max);

enum { ACCOUNT = 1, MANY = 60, SIZE = 20000, ROUNDS = 8 };

static const char secret[] = "the-word-that-leaked-out-4711";

/* Every third has the secret. What surrounds it does not shrink, so it is stored as it is. */
static void text_of(unsigned i, char *out)
{
    uint32_t seed = i + 1;
    int n = snprintf(out, SIZE, "Subject: %s %u\r\n\r\n", i % 3 ? "plain" : secret, i);
    for (int k = n; k < SIZE; k++) {
        seed = seed * 1664525u + 1013904223u;
        out[k] = (char)(seed >> 24);
    }
    if (i % 3 == 0)
        memcpy(out + SIZE - sizeof secret, secret, sizeof secret - 1);
}

static void fill(void)
{
    static char text[SIZE];
    for (unsigned i = 0; i < MANY; i++) {
        text_of(i, text);
        test_add(ACCOUNT, 1, slice_of(text, SIZE), SNONE, 0);
    }
}

static int secrets_seen;

static int look_for_secret(const char *path, const struct stat *st, int type, struct FTW *f)
{
    struct err e = {0};
    BUF_SCOPE b = {.max = (size_t)1 << 30};
    (void)f;
    if (type != FTW_F || st->st_size == 0 || strstr(path, "-shm"))
        return 0;
    if (file_read(path, &b, &e))
        fail_msg("%s", e.text);
    if (slice_search(buf_slice(&b), slice_str(secret)) >= 0) {
        print_message("# in %s\n", path);
        secrets_seen++;
    }
    return 0;
}

static int secrets(void)
{
    secrets_seen = 0;
    nftw(test_dir, look_for_secret, 16, FTW_PHYS);
    return secrets_seen;
}

static int expunge_secrets(struct txn *t, void *arg, struct err *e)
{
    UIDSET_SCOPE s = {0};
    (void)arg;
    for (uint32_t i = 0; i < MANY; i += 3)
        uidset_add(&s, i + 1, i + 1);
    return entry_expunge(t, 1, &s, false, NULL, e);
}

static void is_no_secret(const struct entry *en, struct slice bytes, void *arg)
{
    static char text[SIZE];
    (void)arg;
    assert_true((en->uid - 1) % 3 != 0);
    text_of(en->uid - 1, text);
    assert_true(slice_eq(bytes, slice_of(text, SIZE)));
}

static void the_rest_is_whole(void)
{
    struct err e = {0};
    struct txn *t;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(test_each(t, 0, is_no_secret, NULL), MANY - MANY / 3);
    txn_end(t);
}

static void is_sound(void)
{
    struct err e = {0};
    struct store_check_report r;
    if (store_check(test_dir, false, NULL, NULL, NULL, &r, &e))
        fail_msg("%s", e.text);
    assert_int_equal(r.problems, 0);
}

static void purge_all(struct purge_report *r)
{
    struct err e = {0};
    if (store_purge(&(struct purge_request){.account = 0}, r, &e))
        fail_msg("%s", e.text);
}

static void deleted_mail_is_nowhere(void **state)
{
    (void)state;
    struct err e = {0};
    struct purge_report r;
    test_store_open(2);
    fill();
    assert_true(secrets() > 0);
    assert_int_equal(store_write(ACCOUNT, expunge_secrets, NULL, &e), 0);
    struct purge_request keep = {.keep = 3600000};
    assert_int_equal(store_purge(&keep, &r, &e), 0);
    assert_true(secrets() > 0); /* may still be brought back */
    purge_all(&r);
    assert_true(r.packs == 1 && r.bytes > MANY / 3 * SIZE);
    assert_int_equal(secrets(), 0);
    the_rest_is_whole();
    test_add(ACCOUNT, 2, S("Subject: goes on\r\n\r\n"), SNONE, 0);
    test_store_again();
    the_rest_is_whole();
    store_close();
    assert_int_equal(secrets(), 0);
    is_sound();
    nftw(test_dir, test_rm, 16, FTW_DEPTH | FTW_PHYS);
}

static void one_account_and_some_uids(void **state)
{
    (void)state;
    struct err e = {0};
    struct purge_report r;
    struct txn *t;
    UIDSET_SCOPE s = {0};
    static char text[SIZE];
    test_store_open(2);
    text_of(0, text);
    test_add(1, 1, slice_of(text, SIZE), SNONE, 0);
    test_add(3, 1, slice_of(text, SIZE), SNONE, 0); /* the same shard has it once */
    uidset_add(&s, 1, 1);
    struct purge_request how = {.account = 1, .collection = 1, .uids = &s};
    assert_int_equal(store_purge(&how, &r, &e), 0);
    assert_int_equal(r.messages, 1);
    assert_true(secrets() > 0); /* somebody else has it still */
    how.account = 3;
    assert_int_equal(store_purge(&how, &r, &e), 0);
    assert_int_equal(r.messages, 1);
    assert_int_equal(secrets(), 0);
    assert_int_equal(txn_read(1, &t, &e), 0);
    txn_end(t);
    test_store_close();
}

static void child(void)
{
    struct err e = {0};
    struct purge_report r;
    if (store_open(&(struct store_config){.dir = test_dir}, &e) ||
        store_purge(&(struct purge_request){.account = 0}, &r, &e))
        _exit(1);
    pause();
}

static void killed_at_any_moment(void **state)
{
    (void)state;
    struct err e = {0};
    struct purge_report r;
    assert_int_equal(setting_parse(&set_store_pack_max, S("1M"), &e), 0);
    for (int i = 0; i < ROUNDS; i++) {
        int status;
        test_store_open(2);
        fill();
        assert_int_equal(store_write(ACCOUNT, expunge_secrets, NULL, &e), 0);
        store_close();
        pid_t pid = fork();
        if (pid == 0)
            child();
        usleep((useconds_t)(random_u64() % 150000));
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        if (store_open(&(struct store_config){.dir = test_dir}, &e))
            fail_msg("%s", e.text);
        the_rest_is_whole();
        purge_all(&r);
        the_rest_is_whole();
        store_close();
        assert_int_equal(secrets(), 0);
        is_sound();
        nftw(test_dir, test_rm, 16, FTW_DEPTH | FTW_PHYS);
    }
    assert_int_equal(setting_parse(&set_store_pack_max, S("512M"), &e), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deleted_mail_is_nowhere),
        cmocka_unit_test(one_account_and_some_uids),
        cmocka_unit_test(killed_at_any_moment),
    };
    return RUN_TESTS(tests);
}
