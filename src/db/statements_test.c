/* statements_test.c - every statement of the program (DB_STMT) is prepared and run on both engines,
   against the tables of every module (DB_MODULE), with arguments of the types that PostgreSQL
   infers. A statement belongs to the modules named after its folder: src/store/x.c runs where
   `store` and `store_*` have made their tables. Linked with all libraries of the program. */
#include "base/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "db/engine.h"
#include "db/pg_test.h"

static struct pg_test cluster;
static bool have_pg;

/* "store" of "../src/store/entry.c". */
static struct slice folder_of(const char *file)
{
    struct slice s = slice_str(file);
    s = slice_sub(s, 0, (size_t)slice_rfind(s, '/'));
    return slice_from(s, (size_t)(slice_rfind(s, '/') + 1));
}

static bool belongs(const struct db_module *m, struct slice folder)
{
    struct slice name = slice_str(m->name);
    return slice_starts(name, folder) && (name.n == folder.n || name.p[folder.n] == '_');
}

static void run_one(struct db *db, struct db_stmt *s, const char *types, const char *engine)
{
    struct err e = {0};
    assert_int_equal(db_begin(db, DB_WRITE, &e), 0);
    struct db_query *q = db_query(db, s);
    for (int n = 1; n <= q->params; n++) {
        char t = types ? types[n - 1] : 'i';
        if (t == 'i')
            db_bind_i64(q, n, n);
        else if (t == 'b')
            db_bind_blob(q, n, S("dummy"));
        else
            db_bind_text(q, n, S("dummy"));
    }
    int r;
    while ((r = db_next(q, &e)) > 0)
        ;
    db_end(q);
    db_rollback(db);
    if (r < 0)
        fail_msg("%s: %s on %s: %s\n%s", s->module, s->name, engine, e.text, s->sql);
}

static void make_tables(struct db *db, struct slice folder)
{
    struct err e = {0};
    for (struct db_module *m = db_module_first(); m; m = m->next)
        if (belongs(m, folder) && db_migrate_module(db, m, &e))
            fail_msg("%s: %s", m->name, e.text);
    if (db_migrate(db, "none", (const struct db_migration[]){{1, "", ""}}, 1, &e))
        fail_msg("%s", e.text);
}

static struct db *open_both(struct slice folder, const char *path, struct db **ret_pg)
{
    struct err e = {0};
    struct db *lite = NULL;
    char sql[300];
    if (db_open_sqlite(path, DB_CREATE, &lite, &e))
        fail_msg("%s", e.text);
    make_tables(lite, folder);
    if (!have_pg)
        return lite;
    if (db_open_postgres(cluster.conninfo, 0, ret_pg, &e))
        fail_msg("%s", e.text);
    snprintf(sql, sizeof(sql), "CREATE SCHEMA m_%.*s; SET search_path = m_%.*s", SARG(folder),
             SARG(folder));
    assert_int_equal(db_script(*ret_pg, sql, &e), 0);
    make_tables(*ret_pg, folder);
    return lite;
}

static void run_folder(struct slice folder)
{
    char path[] = "/tmp/carbonado-stmt-XXXXXX", side[64];
    struct err e = {0};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct db *pg = NULL, *lite = open_both(folder, path, &pg);
    for (struct db_stmt *s = db_stmt_first(); s; s = s->next) {
        char types[DB_PARAMS + 1];
        if (!slice_eq(folder_of(s->module), folder))
            continue;
        if (pg) {
            if (db_postgres_infer(pg, s, types, sizeof(types), &e))
                fail_msg("%s: %s: %s\n%s", s->module, s->name, e.text, s->sql);
            run_one(pg, s, types, "postgresql");
        }
        run_one(lite, s, pg ? types : NULL, "sqlite");
    }
    db_close(pg);
    db_close(lite);
    unlink(path);
    snprintf(side, sizeof(side), "%s-wal", path);
    unlink(side);
    snprintf(side, sizeof(side), "%s-shm", path);
    unlink(side);
}

static void every_statement_runs(void **state)
{
    (void)state;
    struct slice done[32];
    size_t n = 0;
    for (struct db_stmt *s = db_stmt_first(); s; s = s->next) {
        struct slice folder = folder_of(s->module);
        size_t i = 0;
        while (i < n && !slice_eq(done[i], folder))
            i++;
        if (i < n)
            continue;
        assert_true(n < 32);
        done[n++] = folder;
        run_folder(folder);
    }
    printf("# %d statements of %zu folders, %s\n", db_stmt_count(), n,
           have_pg ? "both engines" : "SQLite only");
    assert_true(db_stmt_count() >= 2);
    if (!have_pg && pg_test_is_needed())
        fail_msg("no PostgreSQL");
}

static void every_module_has_its_folder(void **state)
{
    (void)state;
    for (struct db_module *m = db_module_first(); m; m = m->next) {
        bool found = false;
        for (struct db_stmt *s = db_stmt_first(); s && !found; s = s->next)
            found = belongs(m, folder_of(s->module));
        if (!found)
            fail_msg("module %s is not named after a folder with statements", m->name);
    }
}

static int set_up(void **state)
{
    (void)state;
    have_pg = pg_test_start(&cluster);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (have_pg)
        pg_test_stop(&cluster);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_runs),
        cmocka_unit_test(every_module_has_its_folder),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, set_up, tear_down);
}
