/* check_test.c - packs, databases and both are damaged at random; a repair must end with a store in
   which every message is either as it was, or has its lost bytes marked, or (its rows gone) is in
   Recovered; and a second check finds nothing. */
#include "store/check.h"

#include <fcntl.h>

#include "base/fd.h"
#include "base/test.h"
#include "store/collection.h"
#include "store/entry.h"
#include "store/test_store.h"

enum { ACCOUNTS = 4, EACH = 30, ALL = ACCOUNTS * EACH };

static uint32_t draw(uint32_t below)
{
    static uint32_t seed = 20240501;
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static size_t text_of(unsigned i, char *out)
{
    size_t n = (size_t)snprintf(out, 200, "Subject: id %u\r\nMessage-ID: <%u@x>\r\n\r\n", i, i);
    uint32_t seed = i * 77 + 1;
    size_t want = i % 7 == 0 ? 150000 : 300 + i * 13;
    for (; n < want; n++) {
        seed = seed * 1664525u + 1013904223u;
        out[n] = n % 70 == 0 ? '\n' : (char)(' ' + (seed >> 20) % 90);
    }
    return n;
}

static int change_some(struct txn *t, void *arg, struct err *e)
{
    (void)arg;
    UIDSET_SCOPE uids = {0};
    UIDSET_SCOPE done = {0};
    uint32_t first;
    struct slice words[] = {S("$Label1"), S("Work")};
    struct flagset flags = {.system = FLAG_SEEN, .keywords = words, .n = 2};
    uidset_add(&uids, 3, 9);
    if (entry_store_flags(t, 1, 0, &uids, FLAGS_ADD, &flags, UINT64_MAX, NULL, NULL, e) ||
        entry_copy(t, 1, &uids, 2, &done, &first, e))
        return -1;
    uidset_clear(&uids);
    uidset_add(&uids, 5, 5);
    return entry_expunge(t, 1, &uids, false, NULL, e); /* its copy stays */
}

/* One commit for the whole account. */
static int add_all(struct txn *t, void *arg, struct err *e)
{
    struct message_ready **m = arg;
    struct message_add how = {.collection = 1, .prefix = S("X: prefix\r\n")};
    for (unsigned i = (unsigned)txn_account(t) - 1; i < ALL; i += ACCOUNTS)
        if (message_add(t, m[i], &how, NULL, NULL, e))
            return -1;
    return 0;
}

static void build(void)
{
    static char text[160000];
    struct message_ready *m[ALL];
    struct err e = {0};
    test_store_open(2);
    for (unsigned i = 0; i < ALL; i++)
        assert_int_equal(message_ready_make(slice_of(text, text_of(i, text)), &m[i], &e), 0);
    for (uint64_t a = 1; a <= ACCOUNTS; a++)
        if (store_write(a, add_all, m, &e) || store_write(a, change_some, NULL, &e))
            fail_msg("%s", e.text);
    for (unsigned i = 0; i < ALL; i++)
        message_ready_unref(m[i]);
    store_close();
}

/* --- damage
 * --------------------------------------------------------------------------------------- */

static const char *files_packs[] = {"packs/0/1.pack", "packs/1/1.pack"};
static const char *files_dbs[] = {"shards/0.db", "shards/1.db"};

static void harm(const char *file)
{
    char path[200], junk[5000];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", test_dir, file);
    AUTO_FD fd = open(path, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    uint32_t size = (uint32_t)st.st_size;
    for (uint32_t k = 1 + draw(4); k > 0; k--) {
        size_t n = 1 + draw(draw(2) ? 16 : sizeof junk - 1);
        for (size_t i = 0; i < n; i++)
            junk[i] = (char)draw(256);
        if (draw(3) == 0)
            memset(junk, 0, n);
        uint32_t at = draw(size);
        if (n > size - at)
            n = size - at;
        assert_int_equal(fd_pwrite_all(fd, junk, n, at), 0);
    }
    if (draw(5) == 0)
        assert_int_equal(ftruncate(fd, draw(size)), 0);
}

static void destroy(const char *file)
{
    char path[200];
    snprintf(path, sizeof path, "%s/%s", test_dir, file);
    assert_int_equal(unlink(path), 0);
}

/* --- what is there
 * -------------------------------------------------------------------------------- */

struct state {
    unsigned whole[ALL], marked[ALL];
    unsigned entries, unknown;
};

static void look_at_message(const struct entry *en, struct state *st)
{
    static char text[160000];
    struct err e = {0};
    struct message_bytes *m;
    BUF_SCOPE got = {0};
    if (message_open(en, &m, &e) || message_read(m, 0, message_size(m), &got, &e))
        fail_msg("%s", e.text);
    message_close(m);
    if ((int64_t)got.n != en->size)
        fail_msg("size is %lld, not %zu", (long long)en->size, got.n);
    struct slice s = buf_slice(&got);
    if (slice_starts(s, S("X: prefix\r\n")))
        s = slice_from(s, 11);
    struct slice rest = s;
    uint32_t id = ALL;
    struct slice line = slice_trim(slice_cut(&rest, '\n'));
    bool named = slice_starts(line, S("Subject: id ")) &&
                 slice_u32(slice_from(line, 12), &id) == 0 && id < ALL;
    if (named && slice_eq(s, slice_of(text, text_of(id, text))))
        st->whole[id]++;
    else if (slice_search(s, S("these bytes of the message were lost")) >= 0) {
        if (named)
            st->marked[id]++;
        else
            st->unknown++;
    } else
        fail_msg("neither whole nor marked");
}

static void look_at_account(uint64_t account, struct state *st)
{
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct txn *t;
    struct collection *c;
    size_t n;
    assert_int_equal(txn_read(account, &t, &e), 0);
    assert_int_equal(collection_list(t, &a, &c, &n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        struct entry_walk *w;
        struct entry en;
        int rc;
        uint64_t count = 0;
        assert_int_equal(entry_walk_open(t, c[i].id, 0, NULL, ~0u, &w, &e), 0);
        while ((rc = entry_walk_next(w, &en, &e)) > 0) {
            look_at_message(&en, st);
            count++;
        }
        assert_int_equal(rc, 0);
        entry_walk_close(w);
        assert_int_equal(count, c[i].messages);
        st->entries += (unsigned)count;
    }
    txn_end(t);
}

static void count_line(void *arg, const char *line)
{
    if (strncmp(line, "lost:", 5) == 0)
        ++*(unsigned *)arg;
}

/* Checks, repairs, opens, looks, checks again. */
static struct store_check_report repair(struct state *st, unsigned *ret_named)
{
    struct err e = {0};
    struct store_check_report r, first, again;
    *st = (struct state){.entries = 0};
    *ret_named = 0;
    if (store_check(test_dir, false, NULL, NULL, NULL, &first, &e))
        fail_msg("%s", e.text);
    if (store_check(test_dir, true, count_line, NULL, ret_named, &r, &e))
        fail_msg("%s", e.text);
    if (store_open(&(struct store_config){.dir = test_dir}, &e))
        fail_msg("%s", e.text);
    for (uint64_t account = 1; account <= ACCOUNTS; account++)
        look_at_account(account, st);
    store_close();
    if (store_check(test_dir, false, NULL, NULL, NULL, &again, &e))
        fail_msg("%s", e.text);
    assert_int_equal(again.problems, 0);
    assert_int_equal(again.lost, 0);
    assert_int_equal(first.problems == 0, r.problems == 0);
    return r;
}

static void clean(void)
{
    nftw(test_dir, test_rm, 16, FTW_DEPTH | FTW_PHYS);
}

enum { ENTRIES = ALL + ACCOUNTS * 6 }; /* seven copies and one expunge each */

static void a_sound_store_has_no_problems(void **state)
{
    (void)state;
    struct state st;
    unsigned named;
    build();
    struct store_check_report r = repair(&st, &named);
    assert_true(r.problems == 0 && r.lost == 0 && r.repaired == 0);
    assert_int_equal(r.accounts, ACCOUNTS);
    assert_int_equal(r.entries, ENTRIES);
    assert_int_equal(r.items, ALL);
    assert_int_equal(r.blobs, ALL);
    assert_int_equal(st.entries, ENTRIES);
    clean();
}

static void damaged_packs(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        struct state st;
        unsigned named, marked = 0;
        build();
        if (round == 5)
            destroy(files_packs[0]);
        else
            harm(files_packs[round % 2]);
        struct store_check_report r = repair(&st, &named);
        assert_int_equal(st.entries, ENTRIES); /* rows were not harmed: nothing goes */
        for (unsigned i = 0; i < ALL; i++)
            marked += st.marked[i] > 0;
        assert_int_equal(named, r.lost);
        assert_true(marked <= r.lost);
        if (round == 5)
            assert_int_equal(r.lost, ALL / 2);
        clean();
    }
}

static void damaged_databases(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        struct state st;
        unsigned named;
        build();
        if (round == 7)
            destroy(files_dbs[0]);
        else
            harm(files_dbs[round % 2]);
        repair(&st, &named);
        for (unsigned i = 0; i < ALL; i++) /* the packs have everything */
            if (!st.whole[i])
                fail_msg("round %d: message %u is nowhere", round, i);
        clean();
    }
}

static void damaged_both(void **state)
{
    (void)state;
    for (int round = 0; round < 6; round++) {
        struct state st;
        unsigned named, there = 0;
        build();
        harm(files_packs[draw(2)]);
        harm(files_dbs[draw(2)]);
        repair(&st, &named);
        for (unsigned i = 0; i < ALL; i++)
            there += st.whole[i] || st.marked[i];
        assert_true(there + st.unknown > 0);
        clean();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_store_has_no_problems),
        cmocka_unit_test(damaged_packs),
        cmocka_unit_test(damaged_databases),
        cmocka_unit_test(damaged_both),
    };
    return RUN_TESTS(tests);
}
