/* message_test.c - threads, quotas, deliveries out of a spool, the outbox, notices. */
#include "store/message.h"

#include "base/clock.h"
#include "base/setting.h"
#include "base/test.h"
#include "io/loop.h"
#include "store/notice.h"
#include "store/outbox.h"
#include "store/check.h"
#include "store/message_ready.h"
#include "store/shard.h"
#include "store/test_store.h"

enum { ACCOUNT = 6 };

static uint64_t thread_of(uint32_t uid)
{
    struct err e = {0};
    struct txn *t;
    struct entry_walk *w;
    struct entry en;
    UIDSET_SCOPE one = {0};
    uidset_add(&one, uid, uid);
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(entry_walk_open(t, 1, 0, &one, ENTRY_ITEM, &w, &e), 0);
    assert_int_equal(entry_walk_next(w, &en, &e), 1);
    entry_walk_close(w);
    txn_end(t);
    return en.thread;
}

static uint64_t add(const char *id, const char *refs, const char *subject)
{
    BUF_SCOPE b = {0};
    buf_addf(&b, "Subject: %s\r\n", subject);
    if (id)
        buf_addf(&b, "Message-ID: <%s>\r\n", id);
    if (refs)
        buf_addf(&b, "References: %s\r\n", refs);
    buf_adds(&b, "\r\ntext\r\n");
    return thread_of(test_add(ACCOUNT, 1, buf_slice(&b), SNONE, 0));
}

/* RFC 8621 3 */
static void threads(void **state)
{
    (void)state;
    test_store_open(2);
    uint64_t first = add("a@x", NULL, "Lunch");
    assert_int_equal(add("b@x", "<a@x>", "Re: Lunch"), first);
    assert_int_equal(add("c@x", "<a@x> <b@x>", "re: [list] lunch"), first);
    assert_true(add("d@x", "<a@x>", "Dinner") != first);
    assert_true(add(NULL, NULL, "Lunch") != first);
    /* The answer comes before the question. */
    uint64_t early = add("f@x", "<e@x>", "Re: Late");
    assert_int_equal(add("e@x", NULL, "Late"), early);
    /* One that would join two goes to the older; those stay what they are. */
    uint64_t one = add("g@x", NULL, "Join"), two = add("h@x", NULL, "Join");
    assert_true(one < two);
    assert_int_equal(add("i@x", "<h@x> <g@x>", "Re: Join"), one);
    assert_int_equal(add("j@x", "<h@x>", "Re: Join"), one); /* i names h too */
    assert_int_equal(thread_of(9), two);
    assert_int_equal(add("k@x", "<i@x>", "Re: Join"), one);
    /* A thread of a hundred references. */
    BUF_SCOPE refs = {0};
    for (int i = 0; i < 100; i++)
        buf_addf(&refs, "<r%d@x> ", i);
    uint64_t begin = add("r0@x", NULL, "Long");
    assert_int_equal(add("z@x", buf_cstr(&refs), "Re: Long"), begin);
    test_store_close();
}

static int set_quota(struct txn *t, void *arg, struct err *e)
{
    return account_set_quota(t, *(int64_t *)arg, e);
}

static void quota_and_spool(void **state)
{
    (void)state;
    struct err e = {0};
    int64_t quota = 150;
    test_store_open(2);
    assert_int_equal(store_write(ACCOUNT, set_quota, &quota, &e), 0);
    struct test_adding a = {.how = {.collection = 1, .spool = 12, .recipient = S("me@x")}};
    struct slice text = S("Subject: x\r\n\r\n0123456789012345678901234567890123456789");
    assert_int_equal(message_ready_make(text, &a.m, &e), 0);
    assert_false(account_over_quota(ACCOUNT, (int64_t)text.n));
    assert_int_equal(store_write(ACCOUNT, test_add_job, &a, &e), 0);
    assert_int_equal(a.uid, 1);
    assert_int_equal(store_write(ACCOUNT, test_add_job, &a, &e), 0);
    assert_int_equal(a.uid, 0); /* has been delivered */
    a.how.recipient = S("other@x");
    assert_int_equal(store_write(ACCOUNT, test_add_job, &a, &e), 0);
    assert_int_equal(a.uid, 2);
    assert_true(account_over_quota(ACCOUNT, (int64_t)text.n));
    a.how.recipient = S("third@x");
    assert_int_equal(store_write(ACCOUNT, test_add_job, &a, &e), -1);
    assert_int_equal(e.code, ERR_QUOTA);
    a.how.no_quota = true; /* and the guard was rolled back with it */
    assert_int_equal(store_write(ACCOUNT, test_add_job, &a, &e), 0);
    assert_int_equal(a.uid, 3);
    message_ready_free(a.m);
    assert_int_equal(account_over_quota(99, 1 << 30), false);
    test_store_close();
}

/* --- outbox
 * --------------------------------------------------------------------------------------- */

static _Atomic int added;

static void note_added(unsigned shard)
{
    added = (int)shard + 1;
}

struct sending {
    struct message_ready *m;
    struct outbox_message msg;
    uint64_t id;
};

static int send_job(struct txn *t, void *arg, struct err *e)
{
    struct sending *s = arg;
    return outbox_add(t, s->m, &s->msg, &s->id, e);
}

static int count_messages(const struct outbox_message *m, void *arg)
{
    *(size_t *)arg += m->n;
    return 0;
}

static void outbox_drains(void **state)
{
    (void)state;
    struct err e = {0};
    struct outbox_recipient to[] = {
        {.address = S("b@y"), .next_at = 1000, .detail = S("tag")},
        {.address = S("c@y"), .next_at = 2000, .notify = 6, .orcpt = S("rfc822;c@y")},
        {.address = S("b@y"), .next_at = 1}, /* named twice */
    };
    struct sending s = {.msg = {.envid = S("env"),
                                .trace = S("abc"),
                                .ret_full = 1,
                                .queued_at = 5,
                                .expires_at = 9,
                                .prefix = S("Received: here\r\n"),
                                .recipients = to,
                                .n = 3}};
    ARENA_SCOPE a = {0};
    struct outbox_message *m;
    size_t n, all = 0;
    int64_t next;
    test_store_open(2);
    outbox_on_added(note_added);
    assert_int_equal(message_ready_make(S("Subject: x\r\n\r\nout"), &s.m, &e), 0);
    assert_int_equal(store_write(ACCOUNT, send_job, &s, &e), 0);
    message_ready_free(s.m);
    unsigned shard = ACCOUNT % 2;
    assert_int_equal(added, (int)shard + 1);
    test_store_again();
    assert_int_equal(outbox_due(shard, 999, 10, &a, &m, &n, &next, &e), 0);
    assert_true(n == 0 && next == 1000);
    assert_int_equal(outbox_due(shard, 1000, 10, &a, &m, &n, &next, &e), 0);
    assert_true(n == 1 && next == 2000 && m->id == s.id && m->n == 1 && m->ret_full);
    assert_true(m->queued_at == 5 && m->expires_at == 9 && m->from.n == 0);
    assert_slice(m->recipients[0].address, "b@y");
    assert_slice(m->recipients[0].detail, "tag");
    assert_slice(m->prefix, "Received: here\r\n");
    struct blob *b;
    BUF_SCOPE got = {0};
    assert_int_equal(blob_open(&m->blob, &b, &e), 0);
    assert_int_equal(blob_read(b, 0, UINT64_MAX, &got, &e), 0);
    assert_slice(buf_slice(&got), "Subject: x\r\n\r\nout");
    blob_close(b);
    assert_int_equal(outbox_later(shard, s.id, S("b@y"), 5000, S("451 later"), &e), 0);
    assert_int_equal(outbox_due(shard, 9000, 10, &a, &m, &n, &next, &e), 0);
    assert_true(n == 1 && m->n == 2 && next == INT64_MAX);
    assert_true(m->recipients[0].attempts == 1 && m->recipients[1].notify == 6);
    assert_null(m->recipients[1].detail.p);
    assert_slice(m->recipients[0].last_reply, "451 later");
    assert_int_equal(outbox_done(shard, s.id, S("b@y"), &e), 0);
    assert_int_equal(outbox_done(shard, s.id, S("b@y"), &e), 0);
    assert_int_equal(outbox_each(count_messages, &all, &e), 0);
    assert_int_equal(all, 1);
    assert_int_equal(outbox_done(shard, s.id, S("c@y"), &e), 0);
    all = 0;
    assert_int_equal(outbox_each(count_messages, &all, &e), 0);
    assert_int_equal(all, 0);
    outbox_on_added(NULL);
    test_store_close();
}

/* --- notices
 * -------------------------------------------------------------------------------------- */

static struct notice_sub subs[3];
static _Atomic unsigned told[3], kinds_told;
static _Atomic bool subscribed;

static void on_notice(struct notice_sub *s, const struct notice *n)
{
    size_t i = (size_t)(s - subs);
    told[i]++;
    kinds_told |= n->kinds;
    if (i == 0) /* takes its neighbour off while being told */
        notice_unsubscribe(&subs[1]);
}

static void on_loop(struct loop_msg *msg)
{
    (void)msg;
    for (size_t i = 0; i < 3; i++) {
        subs[i] = (struct notice_sub){
            .account = i == 2 ? ACCOUNT + 1 : ACCOUNT, .loop = loop_current(), .fn = on_notice};
        notice_subscribe(&subs[i]);
    }
    subscribed = true;
}

static void off_loop(struct loop_msg *msg)
{
    (void)msg;
    for (size_t i = 0; i < 3; i++)
        notice_unsubscribe(&subs[i]);
    subscribed = false;
}

static void wait_for(bool (*fn)(void))
{
    for (int64_t end = clock_mono_ms() + 60000; !fn() && clock_mono_ms() < end;)
        usleep(1000);
    assert_true(fn());
}

static bool is_on(void)
{
    return subscribed;
}

static bool is_off(void)
{
    return !subscribed;
}

static bool was_told(void)
{
    return told[0] > 0;
}

static void commits_are_told(void **state)
{
    (void)state;
    struct err e = {0};
    struct loop_msg on = {.fn = on_loop}, off = {.fn = off_loop};
    test_store_open(2);
    assert_int_equal(loops_start(2, &e), 0);
    loop_post(loop_at(1), &on);
    wait_for(is_on);
    test_add(ACCOUNT, 1, S("Subject: x\r\n\r\nx"), SNONE, 0);
    wait_for(was_told);
    loop_post(loop_at(1), &off);
    wait_for(is_off);
    assert_int_equal(told[1], 0);
    assert_int_equal(told[2], 0);
    assert_true(kinds_told & 1u << 1);
    loops_stop();
    test_store_close();
}

/* --- large messages --------------------------------------------------------------------------- */

SETTING_DECLARE(store, staging_memory);

static void set_staging(struct slice bytes)
{
    struct err e = {0};
    assert_int_equal(setting_parse(&set_store_staging_memory, bytes, &e), 0);
}

enum { LARGE = 3 };
static const size_t large_size[LARGE] = {700, 3000000, 900};

/* Bytes that do not shrink. */
static char *large_text(size_t i)
{
    char *p = malloc(large_size[i]);
    uint32_t seed = (uint32_t)i + 9;
    size_t n = (size_t)snprintf(p, 100, "Subject: %zu\r\n\r\n", i);
    for (; n < large_size[i]; n++) {
        seed = seed * 1664525u + 1013904223u;
        p[n] = (char)(128 + (seed >> 24) % 128);
    }
    return p;
}

static int add_large(struct txn *t, void *arg, struct err *e)
{
    struct message_ready **m = arg;
    struct message_add how = {.collection = 1};
    for (size_t i = 0; i < LARGE; i++)
        if (message_add(t, m[i], &how, NULL, NULL, e))
            return -1;
    return 0;
}

static void assert_large(size_t i, const struct entry *en)
{
    struct err e = {0};
    BUF_SCOPE got = {0};
    struct message_bytes *b;
    char *want = large_text(i);
    if (message_open(en, &b, &e) || message_read(b, 0, message_size(b), &got, &e))
        fail_msg("%s", e.text);
    message_close(b);
    assert_true(slice_eq(buf_slice(&got), slice_of(want, large_size[i])));
    free(want);
}

/* What is staged of a large one stands in a file, and goes from there to its place between others.
 */
static void large_messages_are_not_held(void **state)
{
    (void)state;
    struct err e = {0};
    struct txn *t;
    struct entry_walk *w;
    struct entry en;
    struct message_ready *m[LARGE];
    struct store_check_report r = {0};
    test_store_open(1);
    set_staging(S("0"));
    for (size_t i = 0; i < LARGE; i++) {
        char *p = large_text(i);
        assert_int_equal(message_ready_make(slice_of(p, large_size[i]), &m[i], &e), 0);
        free(p);
        const struct frames *f = &m[i]->staged->frames;
        assert_int_equal(f->in_file, large_size[i] > FRAMES_MEMORY);
        assert_true(f->bytes.cap <= 1000);
    }
    if (store_write(2, add_large, m, &e))
        fail_msg("%s", e.text);
    test_store_again();
    assert_int_equal(txn_read(2, &t, &e), 0);
    assert_int_equal(entry_walk_open(t, 1, 0, NULL, ENTRY_BYTES, &w, &e), 0);
    for (size_t i = 0; i < LARGE; i++) {
        assert_int_equal(entry_walk_next(w, &en, &e), 1);
        assert_large(i, &en);
    }
    entry_walk_close(w);
    txn_end(t);
    for (size_t i = 0; i < LARGE; i++)
        message_ready_free(m[i]);
    store_close();
    assert_int_equal(store_check(test_dir, false, NULL, NULL, NULL, &r, &e), 0);
    assert_int_equal(r.problems, 0);
    nftw(test_dir, test_rm, 16, FTW_DEPTH | FTW_PHYS);
}

/* As many as there is memory for are staged without a file. */
static void some_large_messages_are_held(void **state)
{
    (void)state;
    enum { SOME = 4, SIZE = 1000000 };
    struct err e = {0};
    struct frames f[SOME];
    char *p = large_text(1);
    set_staging(S("2500000"));
    for (int turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < SOME; i++) {
            assert_int_equal(frames_make(&f[i], slice_of(p, SIZE), SIZE + 1, "/tmp", &e), 0);
            assert_int_equal(f[i].stored, SIZE);
            assert_int_equal(f[i].in_file, i >= 2);
        }
        for (size_t i = 0; i < SOME; i++)
            frames_done(&f[i]);
    }
    struct slice large = slice_of(p, large_size[1]);
    assert_int_equal(frames_make(&f[0], large, large.n + 1, "/tmp", &e), 0);
    assert_true(f[0].in_file); /* more than one message gets */
    frames_done(&f[0]);
    free(p);
}

static void no_room_for_a_large_message(void **state)
{
    (void)state;
    struct err e = {0};
    struct frames f;
    char *p = large_text(1);
    set_staging(S("0"));
    struct slice large = slice_of(p, large_size[1]);
    assert_int_equal(frames_make(&f, large, large.n, "/nowhere/at/all", &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(frames_make(&f, large, large.n - 1, "/tmp", &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    free(p);
}

static void what_is_too_large_is_refused(void **state)
{
    (void)state;
    struct err e = {0};
    struct message_ready *m = NULL;
    struct setting *max = setting_find(S("store.message_max"));
    test_store_open(2);
    assert_int_equal(setting_parse(max, S("64K"), &e), 0);
    char *p = calloc(1, 65537);
    assert_non_null(p);
    memset(p, 'x', 65537);
    assert_int_equal(message_ready_make(slice_of(p, 65537), &m, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(message_ready_make_fd(0, 65537, &m, &e), -1); /* before it is read */
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(message_ready_make_fd(-1, 100, &m, &e), -1);
    assert_int_equal(e.code, ERR_IO);
    assert_int_equal(message_ready_make(slice_of(p, 65536), &m, &e), 0);
    assert_int_equal(message_ready_size(m), 65536);
    message_ready_free(m);
    assert_int_equal(message_ready_make_fd(-1, 0, &m, &e), 0); /* nothing is to be read */
    assert_int_equal(message_ready_size(m), 0);
    message_ready_free(m);
    free(p);
    assert_int_equal(setting_parse(max, S("50M"), &e), 0);
    test_store_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads),
        cmocka_unit_test(quota_and_spool),
        cmocka_unit_test(outbox_drains),
        cmocka_unit_test(commits_are_told),
        cmocka_unit_test(large_messages_are_not_held),
        cmocka_unit_test(some_large_messages_are_held),
        cmocka_unit_test(no_room_for_a_large_message),
        cmocka_unit_test(what_is_too_large_is_refused),
    };
    return RUN_TESTS(tests);
}
