/* batch_test.c - jobs of one commit: one that fails leaves nothing behind, and the others do not
   notice, whether they share the transaction or have a savepoint each. */
#include "base/metric.h"
#include "base/test.h"
#include "store/entry.h"
#include "store/shard.h"
#include "store/test_store.h"

METRIC_DECLARE(store_batches_again_total);

enum { JOBS = 7, NONE = JOBS };

DB_STMT(count_blobs, "SELECT COUNT(*) FROM blob");

struct adding {
    struct job job;
    struct message_ready *ready;
    unsigned number, runs, fails_at;
    uint32_t uid;
    pthread_mutex_t *lock;
    pthread_cond_t *changed;
    size_t *left;
};

static int64_t again_total(void)
{
    return atomic_load(&metric_store_batches_again_total.n[0]);
}

static enum job_next add(struct job *job, struct txn *t)
{
    struct adding *a = list_entry(job, struct adding, job);
    struct message_add how = {.collection = 1, .prefix = S("Received: y\r\n")};
    a->runs++;
    if (message_add(t, a->ready, &how, &a->uid, NULL, &job->err) == 0 && a->number == a->fails_at)
        err_set(&job->err, ERR_QUOTA, "it shall not be");
    return JOB_DONE;
}

static void added(struct job *job)
{
    struct adding *a = list_entry(job, struct adding, job);
    pthread_mutex_lock(a->lock);
    if (--*a->left == 0)
        pthread_cond_signal(a->changed);
    pthread_mutex_unlock(a->lock);
}

static size_t text_of(unsigned number, char *out, size_t size)
{
    return (size_t)snprintf(out, size, "Message-ID: <%u@example.test>\r\n\r\nNumber %u\r\n", number,
                            number);
}

/* All in one commit; the accounts in turn are 1, 2 and 3. */
static void run_batch(struct adding *a, unsigned fails_at, unsigned without_again)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
    size_t left = JOBS;
    struct err e = {0};
    for (unsigned i = 0; i < JOBS; i++) {
        char text[100];
        a[i] = (struct adding){.number = i,
                               .fails_at = fails_at,
                               .lock = &lock,
                               .changed = &changed,
                               .left = &left,
                               .job = {.place = PLACE_WRITE,
                                       .account = 1 + i % 3,
                                       .run = add,
                                       .again = i != without_again,
                                       .done = added}};
        assert_int_equal(
            message_ready_make(slice_of(text, text_of(i, text, sizeof text)), &a[i].ready, &e), 0);
        if (i)
            a[i - 1].job.queued_next = &a[i].job;
    }
    uint64_t commits = atomic_load(&shard_at(0)->commits);
    job_submit_writes(&a[0].job);
    pthread_mutex_lock(&lock);
    while (left)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    assert_int_equal(atomic_load(&shard_at(0)->commits), commits + 1);
    for (unsigned i = 0; i < JOBS; i++)
        message_ready_free(a[i].ready);
}

struct reading {
    unsigned account, fails_at, next;
};

static void is_next(const struct entry *en, struct slice bytes, void *arg)
{
    struct reading *r = arg;
    char text[100], whole[120];
    if (r->next == r->fails_at)
        r->next += 3;
    text[text_of(r->next, text, sizeof text)] = '\0';
    snprintf(whole, sizeof whole, "Received: y\r\n%s", text);
    assert_slice(bytes, whole);
    assert_int_equal(en->modseq, en->uid);
    r->next += 3;
}

static void all_but(unsigned fails_at)
{
    struct err e = {0};
    struct txn *t;
    int64_t blobs;
    unsigned seen = 0;
    for (unsigned account = 1; account <= 3; account++) {
        struct reading r = {.account = account, .fails_at = fails_at, .next = account - 1};
        struct account_usage u;
        assert_int_equal(txn_read(account, &t, &e), 0);
        unsigned n = test_each(t, 0, is_next, &r);
        assert_int_equal(account_usage(t, &u, &e), 0);
        assert_int_equal(u.messages, n);
        seen += n;
        txn_end(t);
    }
    assert_int_equal(seen, fails_at < JOBS ? JOBS - 1 : JOBS);
    assert_int_equal(txn_read(1, &t, &e), 0);
    assert_int_equal(db_get_i64(t->db, &stmt_count_blobs, &blobs, &e, ""), 1);
    txn_end(t);
    assert_int_equal(blobs, seen);
}

static void one_fails(void **state)
{
    (void)state;
    struct adding a[JOBS];
    for (unsigned fails_at = 0; fails_at <= NONE; fails_at++)
        for (unsigned apart = 0; apart < 2; apart++) {
            test_store_open(1);
            int64_t again = again_total();
            bool twice = fails_at != NONE && !apart;
            run_batch(a, fails_at, apart ? 3 : NONE);
            assert_int_equal(again_total() - again, twice);
            for (unsigned i = 0; i < JOBS; i++) {
                assert_int_equal(a[i].runs, twice && i <= fails_at ? 2 : 1);
                assert_int_equal(a[i].job.err.code, i == fails_at ? ERR_QUOTA : ERR_OK);
            }
            all_but(fails_at);
            test_store_again();
            all_but(fails_at);
            test_store_close();
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_fails),
    };
    return RUN_TESTS(tests);
}
