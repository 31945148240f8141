/* migrate.c - brings a module's tables to the version this program knows. Every step is one
   transaction together with its row in `migration`, so that a crash leaves whole steps only. */
#include "base/clock.h"
#include "db/db.h"

#include <inttypes.h>

DB_STMT(migration_version, "SELECT COALESCE(MAX(version), 0) FROM migration WHERE module = $1");
DB_STMT(migration_add, "INSERT INTO migration (module, version, at) VALUES ($1, $2, $3)");

static const char create_sql[] = "CREATE TABLE IF NOT EXISTS migration ("
                                 "module TEXT NOT NULL, version BIGINT NOT NULL, "
                                 "at BIGINT NOT NULL, PRIMARY KEY (module, version))";

/* One step, or none when somebody else did it first (two nodes that start together). */
static int step(struct db *db, struct slice module, const struct db_migration *m, struct err *e)
{
    int64_t have = 0;
    if (db_engine(db) == DB_POSTGRES && db_script(db, "LOCK TABLE migration IN EXCLUSIVE MODE", e))
        return -1;
    if (db_get_i64(db, &stmt_migration_version, &have, e, "t", module) < 0)
        return -1;
    if (have >= m->version)
        return 0;
    if (db_script(db, db_engine(db) == DB_SQLITE ? m->sqlite : m->postgres, e))
        return -1;
    return db_run(db, &stmt_migration_add, e, "tii", module, (int64_t)m->version, clock_now());
}

static int create_table(struct db *db, struct err *e)
{
    if (db_begin(db, DB_WRITE, e))
        return -1;
    if (db_script(db, create_sql, e)) {
        db_rollback(db);
        return -1;
    }
    return db_commit(db, e);
}

int db_migrate(struct db *db, const char *module, const struct db_migration *m, size_t n,
               struct err *e)
{
    struct slice name = slice_str(module);
    int64_t have = 0;
    if (create_table(db, e) || db_get_i64(db, &stmt_migration_version, &have, e, "t", name) < 0)
        return -1;
    if (have > m[n - 1].version)
        return err_set(e, ERR_UNSUPPORTED,
                       "the %s tables have version %" PRId64 ", this program knows %d: install a "
                       "newer carbonado",
                       module, have, m[n - 1].version);
    for (size_t i = 0; i < n; i++) {
        BUG_IF(i && m[i].version <= m[i - 1].version);
        if (m[i].version <= have)
            continue;
        if (db_begin(db, DB_WRITE, e))
            return -1;
        if (step(db, name, &m[i], e)) {
            db_rollback(db);
            return -1;
        }
        if (db_commit(db, e))
            return -1;
    }
    return 0;
}

int db_migrate_module(struct db *db, const struct db_module *m, struct err *e)
{
    return db_migrate(db, m->name, m->migrations, m->n, e);
}
