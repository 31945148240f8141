/* migrate.c - brings a module's tables to the version this program knows. Every step is one
   transaction together with its row in `migration`, so that a crash leaves whole steps only.

   Table `migration_needs` has for each module the lowest version of its tables that a program must
   know in order to use them, and the release that came with it: a release that does not know the
   newest steps may go on as long as it knows that one, and else names what to install. */
#include "base/clock.h"
#include "db/db.h"

#include <stdatomic.h>
#include <stdio.h>

DB_STMT(migration_version, "SELECT COALESCE(MAX(version), 0) FROM migration WHERE module = $1");
DB_STMT(migration_add, "INSERT INTO migration (module, version, at) VALUES ($1, $2, $3)");

DB_STMT(migration_needs, "SELECT version, release FROM migration_needs WHERE module = $1");
DB_STMT(migration_need, "INSERT INTO migration_needs (module, version, release) "
                        "VALUES ($1, $2, $3) ON CONFLICT (module) DO UPDATE SET version = $2, "
                        "release = $3");

static const char create_sql[] =
    "CREATE TABLE IF NOT EXISTS migration ("
    "module TEXT NOT NULL, version BIGINT NOT NULL, "
    "at BIGINT NOT NULL, PRIMARY KEY (module, version));"
    "CREATE TABLE IF NOT EXISTS migration_needs ("
    "module TEXT NOT NULL PRIMARY KEY, version BIGINT NOT NULL, release TEXT NOT NULL)";

static _Atomic(void (*)(const char *, int)) on_upgrade;

void db_on_upgrade(void (*fn)(const char *module, int version))
{
    on_upgrade = fn;
}

/* What a step says about the programs that come after it. */
static int need(struct db *db, struct slice module, const struct db_migration *m, bool first,
                struct err *e)
{
    if (!m->needs && !first)
        return 0;
    return db_run(db, &stmt_migration_need, e, "tit", module, (int64_t)m->version,
                  slice_str(m->needs ? m->needs : DB_FIRST_RELEASE));
}

/* One step, or none when somebody else did it first (two nodes that start together). */
static int step(struct db *db, struct slice module, const struct db_migration *m, bool first,
                struct err *e)
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
    return db_run(db, &stmt_migration_add, e, "tii", module, (int64_t)m->version, clock_now()) ||
                   need(db, module, m, first, e)
               ? -1
               : 0;
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

/* Tables of a newer release: 0 when it says that we may use them. */
static int newer(struct db *db, struct slice module, int known, struct err *e)
{
    char release[32] = "";
    int64_t needs = INT64_MAX;
    struct db_query *q = db_query(db, &stmt_migration_needs);
    db_bind_text(q, 1, module);
    int rc = db_next(q, e);
    if (rc > 0) {
        needs = db_i64(q, 0);
        snprintf(release, sizeof release, "%.*s", SARG(slice_sub(db_text(q, 1), 0, 30)));
    }
    db_end(q);
    if (rc < 0)
        return -1;
    if (needs <= known)
        return 0;
    return err_set(e, ERR_UNSUPPORTED,
                   "the %.*s tables are of a newer release: install carbonado %s%sor newer",
                   SARG(module), release, *release ? " " : "");
}

/* Builds of before the first release are refused as well, but nobody has to be asked. */
static bool shuts_out_a_release(const struct db_migration *m)
{
    return m->needs && strcmp(m->needs, DB_FIRST_RELEASE) != 0;
}

static int look(struct db *db, struct slice module, const struct db_migration *m, size_t n,
                int64_t *ret_have, struct err *e)
{
    *ret_have = 0;
    if (db_get_i64(db, &stmt_migration_version, ret_have, e, "t", module) < 0)
        return -1;
    if (*ret_have > m[n - 1].version)
        return newer(db, module, m[n - 1].version, e);
    for (size_t i = 0; i < n && *ret_have && !on_upgrade; i++)
        if (m[i].version > *ret_have && shuts_out_a_release(&m[i]))
            return err_set(e, ERR_UNSUPPORTED,
                           "the %.*s tables are of an older release, which could not use them any "
                           "more after that: stop the server and run carbonado upgrade",
                           SARG(module));
    return 0;
}

int db_migrate(struct db *db, const char *module, const struct db_migration *m, size_t n,
               struct err *e)
{
    struct slice name = slice_str(module);
    int64_t have = 0;
    void (*told)(const char *, int) = on_upgrade;
    if (create_table(db, e) || look(db, name, m, n, &have, e))
        return -1;
    for (size_t i = 0; i < n; i++) {
        BUG_IF(i && m[i].version <= m[i - 1].version);
        if (m[i].version <= have)
            continue;
        if (db_begin(db, DB_WRITE, e))
            return -1;
        if (step(db, name, &m[i], i == 0, e)) {
            db_rollback(db);
            return -1;
        }
        if (db_commit(db, e))
            return -1;
        if (told)
            told(module, m[i].version);
    }
    return 0;
}

int db_migrate_look(struct db *db, const struct db_module *m, struct err *e)
{
    int64_t have;
    if (look(db, slice_str(m->name), m->migrations, m->n, &have, e))
        return -1;
    return have < m->migrations[m->n - 1].version;
}

int db_migrate_module(struct db *db, const struct db_module *m, struct err *e)
{
    return db_migrate(db, m->name, m->migrations, m->n, e);
}
