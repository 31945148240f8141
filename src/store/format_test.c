/* format_test.c - files of a newer release: each kind is refused by name of the release to install,
   nothing in it is changed, and `store check --repair` leaves it alone as well. */
#include "base/test.h"

#include <fcntl.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/fd.h"
#include "base/setting.h"
#include "db/db.h"
#include "store/check.h"
#include "store/pack.h"
#include "store/schema.h"
#include "store/snapshot.h"
#include "store/test_store.h"

static char *path_of(const char *name)
{
    static char path[200];
    snprintf(path, sizeof path, "%s/%s", test_dir, name);
    return path;
}

static void run_sql(const char *file, const char *sql)
{
    struct err e = {0};
    struct db *db;
    if (db_open_sqlite(path_of(file), 0, &db, &e) || db_script(db, sql, &e))
        fail_msg("%s", e.text);
    db_close(db);
}

static void refused(const char *release)
{
    for (int read_only = 0; read_only < 2; read_only++) {
        struct err e = {0};
        char want[80];
        snprintf(want, sizeof want, "install carbonado %s or newer", release);
        assert_int_equal(
            store_open(&(struct store_config){.dir = test_dir, .read_only = read_only}, &e), -1);
        assert_int_equal(e.code, ERR_UNSUPPORTED);
        if (!strstr(e.text, want))
            fail_msg("%s", e.text);
    }
    for (int mend = 0; mend < 2; mend++) {
        struct err e = {0};
        struct store_check_report r = {0};
        assert_int_equal(store_check(test_dir, mend, NULL, NULL, NULL, &r, &e), -1);
        assert_int_equal(e.code, ERR_UNSUPPORTED);
    }
}

static void filled(void)
{
    test_store_open(2);
    assert_int_equal(test_add(1, 1, S("Subject: x\r\n\r\nbody\r\n"), SNONE, 0), 1);
    assert_int_equal(test_add(2, 1, S("Subject: y\r\n\r\nbody\r\n"), SNONE, 0), 1);
    store_close();
}

static void opens(void)
{
    struct err e = {0};
    if (store_open(&(struct store_config){.dir = test_dir}, &e))
        fail_msg("%s", e.text);
}

struct bodies {
    char text[200];
};

static void keep_body(const struct entry *en, struct slice bytes, void *arg)
{
    (void)en;
    struct bodies *b = arg;
    size_t n = strlen(b->text);
    snprintf(b->text + n, sizeof b->text - n, "%.*s", SARG(bytes));
}

static void a_newer_store(void **state)
{
    (void)state;
    struct err e = {0};
    BUF_SCOPE now = {.max = 4096};
    struct slice text = S("carbonado store\nformat 9\nreader 8\nnews 1\nrelease 3.2.1\nshards 2\n");
    filled();
    assert_int_equal(file_read(path_of("shards/format"), &now, &e), 0);
    assert_true(slice_search(buf_slice(&now), S("\nrelease " STORE_FORMAT_RELEASE "\n")) > 0);
    assert_int_equal(file_replace(path_of("shards/format"), text, 0600, &e), 0);
    refused("3.2.1");
    /* A newer one that we may open. */
    text = S("carbonado store\nformat 9\nreader 1\nnews 1\nrelease 0.1.0\nshards 2\n");
    assert_int_equal(file_replace(path_of("shards/format"), text, 0600, &e), 0);
    opens();
    test_store_close();
}

static void newer_tables(void **state)
{
    (void)state;
    struct err e = {0};
    ARENA_SCOPE a = {0};
    struct pack_extent *packs;
    size_t n;
    filled();
    run_sql("shards/1.db", "INSERT INTO migration VALUES ('store', 99, 0);"
                           "UPDATE migration_needs SET version = 98, release = '4.5.6';");
    refused("4.5.6");
    assert_int_equal(store_snapshot_packs(path_of("shards/1.db"), &a, &packs, &n, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    run_sql("shards/1.db", "UPDATE migration_needs SET version = 1");
    opens();
    assert_int_equal(test_add(1, 1, S("Subject: z\r\n\r\nbody\r\n"), SNONE, 0), 2);
    test_store_close();
}

/* The head as another release writes it: `reader` is the least that a program must know. */
static void renumber(const char *name, uint32_t format, uint32_t reader)
{
    char head[PACK_HEAD];
    const uint16_t release[3] = {1, 20, 300};
    AUTO_FD fd = open(path_of(name), O_RDWR | O_CLOEXEC);
    assert_int_equal(fd_pread_full(fd, head, sizeof head, 0), PACK_HEAD);
    memcpy(head + 8, &format, 4);
    memcpy(head + 12, &reader, 4);
    memcpy(head + 48, release, 6);
    uint64_t sum = XXH3_64bits(head, 56);
    memcpy(head + 56, &sum, 8);
    assert_int_equal(fd_pwrite_all(fd, head, sizeof head, 0), 0);
}

static void a_newer_pack(void **state)
{
    (void)state;
    struct err e = {0};
    int fd = -1;
    filled();
    renumber("packs/1/1.pack", 7, 6);
    assert_int_equal(pack_open(path_of("packs/1"), 1, 1, false, &fd, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_non_null(strstr(e.text, "install carbonado 1.20.300 or newer"));
    assert_int_equal(store_open(&(struct store_config){.dir = test_dir}, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    struct store_check_report r = {0};
    assert_int_equal(store_check(test_dir, true, NULL, NULL, NULL, &r, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    renumber("packs/1/1.pack", 7, PACK_FORMAT);
    opens();
    test_store_close();
}

/* What stands in a pack of another format is read; what comes goes to a pack of ours, so that a
   program that does not know it is never led astray. */
static void older_pack(uint32_t format)
{
    struct err e = {0};
    struct setting *compress = setting_find(S("store.compress"));
    assert_int_equal(setting_parse(compress, S("no"), &e), 0);
    filled();
    setting_reset(compress);
    renumber("packs/1/1.pack", format, format);
    struct stat before, after;
    assert_int_equal(stat(path_of("packs/1/1.pack"), &before), 0);
    opens();
    assert_int_equal(test_add(1, 1, S("Subject: z\r\n\r\nbody of a new one\r\n"), SNONE, 0), 2);
    struct txn *t;
    assert_int_equal(txn_read(1, &t, &e), 0);
    struct bodies b = {0};
    assert_int_equal(test_each(t, 0, keep_body, &b), 2);
    txn_end(t);
    assert_string_equal(b.text,
                        "Subject: x\r\n\r\nbody\r\nSubject: z\r\n\r\nbody of a new one\r\n");
    store_close();
    assert_int_equal(stat(path_of("packs/1/1.pack"), &after), 0);
    assert_int_equal(after.st_size, before.st_size);
    assert_int_equal(access(path_of("packs/1/2.pack"), F_OK), 0);
    struct store_check_report r = {0};
    assert_int_equal(store_check(test_dir, false, NULL, NULL, NULL, &r, &e), 0);
    assert_int_equal(r.problems, 0);
    opens();
    test_store_close();
}

static void an_older_pack_is_read_and_not_written(void **state)
{
    (void)state;
    for (uint32_t format = 1; format < PACK_FORMAT; format++)
        older_pack(format);
}

static char taken[200];

static void note(const char *module, int version)
{
    size_t n = strlen(taken);
    snprintf(taken + n, sizeof taken - n, "%s %d;", module, version);
}

static const struct db_module *module(void)
{
    const struct db_module *m = db_module_first();
    while (m && strcmp(m->name, "store") != 0)
        m = m->next;
    assert_non_null(m);
    return m;
}

/* Two shards as the first step left them. */
static void older(void)
{
    char wanted[200] = "";
    struct err e = {0};
    const struct db_module *m = module();
    for (int i = 0; i < 2; i++) {
        char name[20];
        struct db *db;
        snprintf(name, sizeof name, "shards/%d.db-wal", i);
        unlink(path_of(name));
        snprintf(name, sizeof name, "shards/%d.db", i);
        assert_int_equal(unlink(path_of(name)), 0);
        if (db_open_sqlite(path_of(name), DB_CREATE, &db, &e) ||
            db_migrate(db, m->name, m->migrations, 1, &e))
            fail_msg("%s", e.text);
        db_close(db);
        for (size_t k = 1; k < m->n; k++)
            snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "store %d;",
                     m->migrations[k].version);
    }
    taken[0] = 0;
    db_on_upgrade(note);
    if (store_upgrade(test_dir, &e))
        fail_msg("%s", e.text);
    assert_string_equal(taken, wanted);
}

static void an_older_store_is_upgraded(void **state)
{
    (void)state;
    struct err e = {0};
    filled();
    older();
    taken[0] = 0;
    assert_int_equal(store_upgrade(test_dir, &e), 0);
    assert_string_equal(taken, "");
    db_on_upgrade(NULL);
    assert_int_equal(store_open(&(struct store_config){.dir = test_dir, .read_only = true}, &e), 0);
    store_close();
    opens();
    assert_int_equal(test_add(1, 1, S("Subject: z\r\n\r\nbody\r\n"), SNONE, 0), 1);
    assert_int_equal(store_upgrade(test_dir, &e), -1); /* in use */
    assert_int_equal(e.code, ERR_BUSY);
    test_store_close();
}

/* Whoever does not write cannot bring tables up to date. */
static void an_older_store_is_not_read(void **state)
{
    (void)state;
    struct err e = {0};
    filled();
    run_sql("shards/1.db", "DELETE FROM migration WHERE version > 1");
    assert_int_equal(store_open(&(struct store_config){.dir = test_dir, .read_only = true}, &e),
                     -1);
    assert_non_null(strstr(e.text, "older release"));
    nftw(test_dir, test_rm, 16, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_newer_store),
        cmocka_unit_test(newer_tables),
        cmocka_unit_test(a_newer_pack),
        cmocka_unit_test(an_older_pack_is_read_and_not_written),
        cmocka_unit_test(an_older_store_is_upgraded),
        cmocka_unit_test(an_older_store_is_not_read),
    };
    return RUN_TESTS(tests);
}
