/* check_test.c - packs, databases and both are damaged at random; a repair must end with a store in
   which every message is either as it was, or has its lost bytes marked, or (its rows gone) is in
   Recovered; and a second check finds nothing. */
#include "store/check.h"

#include <fcntl.h>

#include <sqlite3.h>

#include "base/fd.h"
#include "base/test.h"
#include "db/db.h"
#include "store/collection.h"
#include "store/entry.h"
#include "store/outbox.h"
#include "store/pack.h"
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
        message_ready_free(m[i]);
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
    BUF_SCOPE got = {0};
    test_read(en, &got);
    if ((int64_t)got.n != en->size)
        fail_msg("size is %lld, not %zu", (long long)en->size, got.n);
    /* The lines in front stand in a row, which has no checksum: they may have been hit. */
    struct slice s = slice_from(buf_slice(&got), en->prefix.n);
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

/* --- what was deleted stays deleted ----------------------------------------------------------- */

static int expunge_all(struct txn *t, void *arg, struct err *e)
{
    (void)arg;
    return entry_expunge(t, 1, NULL, false, NULL, e) || entry_expunge(t, 2, NULL, false, NULL, e)
               ? -1
               : 0;
}

static void run_sql(const char *file, const char *sql)
{
    char path[200];
    struct err e = {0};
    struct db *db;
    snprintf(path, sizeof path, "%s/%s", test_dir, file);
    if (db_open_sqlite(path, 0, &db, &e) || db_script(db, sql, &e))
        fail_msg("%s", e.text);
    db_close(db);
}

/* The root page of a table or index is overwritten. */
static void harm_table(const char *file, const char *table)
{
    char path[200], sql[200], junk[4096];
    struct err e = {0};
    struct db *db;
    sqlite3 *h;
    sqlite3_stmt *st;
    snprintf(path, sizeof path, "%s/%s", test_dir, file);
    assert_int_equal(db_open_sqlite(path, 0, &db, &e), 0); /* which ends the write-ahead log */
    assert_int_equal(db_checkpoint(db, DB_CHECKPOINT_CUT, NULL, &e), 0);
    db_close(db);
    snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_master WHERE name = '%s'", table);
    assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(h, sql, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    int64_t page = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(h);
    memset(junk, 0xa5, sizeof junk);
    AUTO_FD fd = open(path, O_RDWR);
    assert_int_equal(fd_pwrite_all(fd, junk, sizeof junk, (page - 1) * 4096), 0);
}

static void deleted_mail_stays_deleted(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *table;
    } losses[] = {
        {NULL, "item"}, /* the log says so */
        {NULL, "seen"}, /* the rows say so */
        {"DELETE FROM blob_ref; DELETE FROM item; DELETE FROM message; UPDATE blob SET dead_since "
         "= 5; DELETE FROM change",
         "thread_ref"}, /* past retention: dead blobs */
        {"DELETE FROM blob_ref; DELETE FROM item; DELETE FROM message; DELETE FROM blob; "
         "DELETE FROM change",
         "thread_ref"}, /* swept: records that nothing names */
    };
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        struct state st;
        struct err e = {0};
        unsigned named;
        build();
        assert_int_equal(store_open(&(struct store_config){.dir = test_dir}, &e), 0);
        for (uint64_t a = 1; a <= ACCOUNTS; a++)
            if (store_write(a, expunge_all, NULL, &e))
                fail_msg("%s", e.text);
        store_close();
        for (size_t k = 0; k < 2; k++) {
            if (losses[i].sql)
                run_sql(files_dbs[k], losses[i].sql);
            harm_table(files_dbs[k], losses[i].table);
        }
        repair(&st, &named);
        if (st.entries)
            fail_msg("%zu: %u messages are back", i, st.entries);
        clean();
    }
}

/* --- the queue -------------------------------------------------------------------------------- */

static int count_queued(const struct outbox_message *m, void *arg)
{
    (void)m;
    ++*(unsigned *)arg;
    return 0;
}

static int queue_one(struct txn *t, void *arg, struct err *e)
{
    struct outbox_recipient to[] = {{.address = S("user2@x"), .account = 2},
                                    {.address = S("far@y")}};
    struct outbox_message m = {.from = S("me@x"), .recipients = to, .n = 2};
    uint64_t id;
    return outbox_add(t, arg, &m, &id, e);
}

static void queued_mail_without_bytes(void **state)
{
    (void)state;
    static char text[160000];
    struct state st;
    struct err e = {0};
    struct message_ready *m;
    struct store_check_report r;
    unsigned named = 0, queued = 0;
    size_t n = text_of(1000 * 7, text);
    build();
    assert_int_equal(store_open(&(struct store_config){.dir = test_dir}, &e), 0);
    assert_int_equal(message_ready_make(slice_of(text, n), &m, &e), 0);
    assert_int_equal(store_write(1, queue_one, m, &e), 0);
    message_ready_free(m);
    store_close();
    char path[200]; /* its record is the last of the pack: the second of its frames goes */
    struct stat file;
    snprintf(path, sizeof path, "%s/%s", test_dir, files_packs[1]);
    assert_int_equal(stat(path, &file), 0);
    AUTO_FD fd = open(path, O_RDWR);
    assert_int_equal(fd_pwrite_all(fd, "junk", 4, file.st_size - 20), 0);
    if (store_check(test_dir, false, count_line, NULL, &named, &r, &e))
        fail_msg("%s", e.text);
    assert_true(r.problems > 0 && r.lost > 0);
    r = repair(&st, &named);
    assert_int_equal(named, 2); /* both recipients */
    assert_int_equal(r.lost, 1);
    assert_int_equal(st.entries, ENTRIES + 1); /* what is left of it, for the one who is here */
    assert_int_equal(st.unknown, 1);
    assert_int_equal(store_open(&(struct store_config){.dir = test_dir}, &e), 0);
    assert_int_equal(outbox_each(count_queued, &queued, &e), 0);
    assert_int_equal(queued, 0);
    store_close();
    clean();
}

/* The first record of a pack with several frames. */
static struct record long_record(int fd)
{
    struct err e = {0};
    struct record rec;
    uint64_t at = PACK_HEAD;
    do {
        if (record_read(fd, at, INT64_MAX, &rec, &e))
            fail_msg("%s", e.text);
        at = rec.end;
        record_done(&rec);
    } while (rec.n < 2);
    return rec;
}

/* Rows say of a message that it has 2^64 bytes: its record knows better, or nobody knows. */
static void sizes_that_cannot_be(void **state)
{
    (void)state;
    for (int headless = 0; headless < 2; headless++) {
        struct state st;
        unsigned named, whole = 0;
        char path[200], sql[300];
        build();
        snprintf(path, sizeof path, "%s/%s", test_dir, files_packs[0]);
        AUTO_FD fd = open(path, O_RDWR);
        unsigned long long at = long_record(fd).at;
        snprintf(sql, sizeof sql,
                 "UPDATE item SET size = -20000 WHERE blob = (SELECT id FROM blob WHERE at = %llu);"
                 "UPDATE blob SET size = -17405 WHERE at = %llu",
                 at, at);
        run_sql(files_dbs[0], sql);
        if (headless)
            assert_int_equal(fd_pwrite_all(fd, "junkjunk", 8, (int64_t)at + 8), 0);
        repair(&st, &named);
        for (unsigned i = 0; i < ALL; i++)
            whole += st.whole[i];
        assert_int_equal(whole + st.unknown, ENTRIES);
        assert_true((st.unknown > 0) == (headless > 0));
        clean();
    }
}

/* A repair that was cut short after it had taken the damaged row away. */
static void a_damaged_record_without_a_row(void **state)
{
    (void)state;
    struct state st;
    unsigned named;
    build();
    AUTO_FD fd = -1;
    char path[200];
    snprintf(path, sizeof path, "%s/%s", test_dir, files_packs[0]);
    fd = open(path, O_RDWR);
    struct record rec = long_record(fd);
    assert_int_equal(fd_pwrite_all(fd, "junk", 4, (int64_t)rec.end - 20), 0);
    char sql[200];
    snprintf(sql, sizeof sql,
             "UPDATE item SET blob = 0 - blob WHERE blob = (SELECT id FROM blob WHERE at = %llu);"
             "DELETE FROM blob WHERE at = %llu",
             (unsigned long long)rec.at, (unsigned long long)rec.at);
    run_sql(files_dbs[0], sql);
    repair(&st, &named);
    unsigned marked = 0;
    for (unsigned i = 0; i < ALL; i++)
        marked += st.marked[i] > 0; /* its begin is there: it is known which it was */
    assert_int_equal(marked, 1);
    clean();
}

static int add_one(struct txn *t, void *arg, struct err *e)
{
    struct message_add how = {.collection = 1};
    return message_add(t, arg, &how, NULL, NULL, e);
}

/* Whose rows are lost but for the log begins behind it. */
static void an_account_of_which_the_log_is_left(void **state)
{
    (void)state;
    struct err e = {0};
    struct store_check_report r;
    struct message_ready *m;
    build();
    for (unsigned i = 0; i < 2; i++)
        run_sql(files_dbs[i], "DELETE FROM account; DELETE FROM collection; DELETE FROM entry;"
                              "DELETE FROM item; DELETE FROM message");
    if (store_check(test_dir, true, NULL, NULL, NULL, &r, &e) ||
        store_open(&(struct store_config){.dir = test_dir}, &e))
        fail_msg("%s", e.text);
    assert_int_equal(message_ready_make(S("Subject: new\r\n\r\n"), &m, &e), 0);
    for (uint64_t account = 1; account <= ACCOUNTS; account++)
        if (store_write(account, add_one, m, &e))
            fail_msg("%s", e.text);
    message_ready_free(m);
    store_close();
    clean();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sound_store_has_no_problems),
        cmocka_unit_test(damaged_packs),
        cmocka_unit_test(damaged_databases),
        cmocka_unit_test(damaged_both),
        cmocka_unit_test(deleted_mail_stays_deleted),
        cmocka_unit_test(queued_mail_without_bytes),
        cmocka_unit_test(a_damaged_record_without_a_row),
        cmocka_unit_test(sizes_that_cannot_be),
        cmocka_unit_test(an_account_of_which_the_log_is_left),
    };
    return RUN_TESTS(tests);
}
