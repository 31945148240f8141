/* past_test.c - a random walk over two mailboxes and the tree; after each step the state is written
   down as text, and at the end the log must tell every one of them again. */
#include "store/past.h"

#include "base/clock.h"
#include "base/test.h"
#include "store/test_store.h"

enum { ACCOUNT = 1, PERSON = 77, STEPS = 250 };

static uint32_t draw(uint32_t below)
{
    static uint32_t seed = 7;
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

/* --- a state as text -------------------------------------------------------------------------- */

static void put_entry(struct buf *out, const struct entry *en)
{
    buf_addf(out, "%u=%llu/%llx/%lld", en->uid, (unsigned long long)en->item,
             (unsigned long long)(en->flags & ~FLAG_OVERFLOW), (long long)en->size);
    for (size_t i = 0; i < en->overflow_n; i++)
        buf_addf(out, "+%u", en->overflow[i]);
    buf_addc(out, ' ');
}

static int put_past(const struct entry *en, void *arg)
{
    put_entry(arg, en);
    return 0;
}

static void put_now(struct txn *t, uint64_t collection, uint64_t person, struct buf *out)
{
    struct err e = {0};
    struct entry_walk *w;
    struct entry en;
    assert_int_equal(
        entry_walk_open(t, collection, person, NULL, ENTRY_KEYWORDS | ENTRY_ITEM, &w, &e), 0);
    while (entry_walk_next(w, &en, &e) > 0)
        put_entry(out, &en);
    entry_walk_close(w);
}

static void put_box(const struct collection *c, struct buf *out)
{
    buf_addf(out, "\n%llu %.*s %d %d %u %d: ", (unsigned long long)c->id, SARG(c->path), c->role,
             c->selectable, c->uidvalidity, c->kind);
}

static char *state_now(uint64_t *ret_moment)
{
    BUF_SCOPE out = {0};
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct account_usage u;
    struct collection *c;
    struct txn *t;
    size_t n;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(account_usage(t, &u, &e), 0);
    *ret_moment = u.modseq;
    assert_int_equal(collection_list(t, &a, &c, &n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        put_box(&c[i], &out);
        put_now(t, c[i].id, 0, &out);
        put_now(t, c[i].id, PERSON, &out);
    }
    txn_end(t);
    return strndup(out.p, out.n);
}

static char *state_then(uint64_t moment)
{
    BUF_SCOPE out = {0};
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct collection *c;
    struct txn *t;
    size_t n;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    if (past_collections(t, moment, &a, &c, &n, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < n; i++) {
        put_box(&c[i], &out);
        for (uint64_t person = 0; person <= PERSON; person += PERSON)
            if (past_entries(t, c[i].id, person, moment, ENTRY_ITEM, put_past, &out, &e))
                fail_msg("%s", e.text);
    }
    txn_end(t);
    return strndup(out.p, out.n);
}

/* --- steps ------------------------------------------------------------------------------------ */

static uint64_t some_box(struct txn *t, struct arena *a, struct slice *ret_path)
{
    struct err e = {0};
    struct collection *c;
    size_t n;
    assert_int_equal(collection_list(t, a, &c, &n, &e), 0);
    size_t i;
    do
        i = draw((uint32_t)n);
    while (!c[i].selectable);
    if (ret_path)
        *ret_path = c[i].path;
    return c[i].id;
}

static void some_uids(struct uidset *uids)
{
    uint32_t first = 1 + draw(40);
    uidset_add(uids, first, first + draw(6));
}

static int store_some(struct txn *t, struct err *e)
{
    ARENA_SCOPE a = {0};
    UIDSET_SCOPE uids = {0};
    struct slice words[2] = {arena_printf(&a, "k%u", draw(70)), arena_printf(&a, "k%u", draw(70))};
    struct flagset flags = {.system = draw(32), .keywords = words, .n = draw(3)};
    some_uids(&uids);
    return entry_store_flags(t, some_box(t, &a, NULL), draw(2) ? PERSON : 0, &uids,
                             (enum flag_op)draw(3), &flags, UINT64_MAX, NULL, NULL, e);
}

static int move_some(struct txn *t, struct err *e)
{
    ARENA_SCOPE a = {0};
    UIDSET_SCOPE uids = {0};
    UIDSET_SCOPE done = {0};
    uint32_t first;
    uint64_t from = some_box(t, &a, NULL), to = some_box(t, &a, NULL);
    some_uids(&uids);
    uint32_t how = draw(3);
    return how == 0   ? entry_copy(t, from, &uids, to, &done, &first, e)
           : how == 1 ? entry_move(t, from, &uids, to, &done, &first, e)
                      : entry_expunge(t, from, &uids, false, NULL, e);
}

static int tree_some(struct txn *t, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct slice path;
    struct err why = {0};
    uint64_t id = some_box(t, &a, &path);
    uint32_t how = draw(4);
    int rc;
    if (how == 0)
        rc = collection_delete(t, id, &why);
    else if (how == 1)
        rc = collection_rename(t, id, arena_printf(&a, "r%u/x%u", draw(4), draw(9)), &why);
    else
        rc = collection_create(t, arena_printf(&a, "r%u/x%u", draw(4), draw(9)), COLLECTION_MAILBOX,
                               ROLE_NONE, &id, &why);
    if (rc && (why.code == ERR_CORRUPT || why.code == ERR_BUG || why.code == ERR_IO))
        return err_set(e, why.code, "%s", why.text);
    return rc ? err_set(e, ERR_CONFLICT, "%s", why.text) : 0;
}

static int add_some(struct txn *t, void *arg, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct slice words[2] = {arena_printf(&a, "k%u", draw(70)), arena_printf(&a, "k%u", draw(70))};
    struct message_add how = {.collection = some_box(t, &a, NULL),
                              .flags = {.system = draw(32), .keywords = words, .n = draw(3)}};
    return message_add(t, arg, &how, NULL, NULL, e);
}

static int step(struct txn *t, void *arg, struct err *e)
{
    (void)arg;
    uint32_t how = draw(10);
    return how < 5 ? store_some(t, e) : how < 9 ? move_some(t, e) : tree_some(t, e);
}

static void the_log_tells_every_state(void **state)
{
    (void)state;
    static char *text[STEPS];
    static uint64_t moment[STEPS];
    struct message_ready *m;
    struct err e = {0};
    size_t n = 0;
    test_store_open(2);
    assert_int_equal(message_ready_make(S("Subject: x\r\n\r\nbody\r\n"), &m, &e), 0);
    test_add(ACCOUNT, 1, S("Subject: first\r\n\r\n"), S(""), 0);
    for (size_t i = 0; i < STEPS; i++) {
        int rc = draw(3) == 0 ? store_write(ACCOUNT, add_some, m, &e)
                              : store_write(ACCOUNT, step, NULL, &e);
        if (rc && e.code != ERR_CONFLICT)
            fail_msg("%s", e.text);
        text[n] = state_now(&moment[n]);
        n++;
    }
    message_ready_free(m);
    for (size_t i = 0; i < n; i++) {
        char *then = state_then(moment[i]);
        if (strcmp(then, text[i]) != 0)
            fail_msg("step %zu, moment %llu:\nwas  %s\ntold %s", i, (unsigned long long)moment[i],
                     text[i], then);
        free(then);
        free(text[i]);
    }
    test_store_close();
}

static void a_time_is_a_moment(void **state)
{
    (void)state;
    struct err e = {0};
    struct txn *t;
    uint64_t moment;
    test_store_open(2);
    test_add(ACCOUNT, 1, S("Subject: first\r\n\r\n"), S(""), 0);
    int64_t between = clock_now_ms() + 2;
    while (clock_now_ms() <= between)
        usleep(1000);
    test_add(ACCOUNT, 1, S("Subject: second\r\n\r\n"), S(""), 0);
    BUF_SCOPE out = {0};
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(past_moment(t, between, &moment, &e), 0);
    assert_int_equal(past_entries(t, 1, 0, moment, 0, put_past, &out, &e), 0);
    assert_true(slice_starts(buf_slice(&out), S("1=1/0/")));
    assert_int_equal(slice_find(buf_slice(&out), ' '), (ptrdiff_t)out.n - 1);
    assert_int_equal(past_moment(t, between - 3600000, &moment, &e), 0);
    assert_int_equal(moment, 0); /* before the account was there */
    txn_end(t);
    test_store_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_log_tells_every_state),
        cmocka_unit_test(a_time_is_a_moment),
    };
    return RUN_TESTS(tests);
}
