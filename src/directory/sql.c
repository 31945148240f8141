/* sql.c - the embedded engine: tables, connections and lookups. One table `address` holds every
   address that is taken, whatever it is, so that its primary key keeps them apart. */
#include "directory/sql.h"

#include <pthread.h>
#include <stdlib.h>

static const struct db_migration migrations[] = {
    {1,
     "CREATE TABLE domain (name TEXT PRIMARY KEY, alias_of TEXT NOT NULL, catch_all TEXT NOT NULL)"
     " WITHOUT ROWID;"
     "CREATE TABLE account (id INTEGER PRIMARY KEY AUTOINCREMENT, address TEXT NOT NULL UNIQUE,"
     " name TEXT NOT NULL, flags INTEGER NOT NULL, quota INTEGER NOT NULL,"
     " created_at INTEGER NOT NULL);"
     "CREATE TABLE address (address TEXT PRIMARY KEY, domain TEXT NOT NULL, kind INTEGER NOT NULL,"
     " account INTEGER NOT NULL, target TEXT NOT NULL) WITHOUT ROWID;"
     "CREATE INDEX address_domain ON address (domain, kind, address);"
     "CREATE INDEX address_target ON address (target);"
     "CREATE TABLE member (list TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (list, member))"
     " WITHOUT ROWID;"
     "CREATE INDEX member_member ON member (member);"
     "CREATE TABLE credential (account INTEGER PRIMARY KEY, hash TEXT NOT NULL,"
     " scram TEXT NOT NULL, changed_at INTEGER NOT NULL);",
     "CREATE TABLE domain (name TEXT PRIMARY KEY, alias_of TEXT NOT NULL, catch_all TEXT NOT NULL);"
     "CREATE TABLE account (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
     " address TEXT NOT NULL UNIQUE, name TEXT NOT NULL, flags BIGINT NOT NULL,"
     " quota BIGINT NOT NULL, created_at BIGINT NOT NULL);"
     "CREATE TABLE address (address TEXT PRIMARY KEY, domain TEXT NOT NULL, kind BIGINT NOT NULL,"
     " account BIGINT NOT NULL, target TEXT NOT NULL);"
     "CREATE INDEX address_domain ON address (domain, kind, address);"
     "CREATE INDEX address_target ON address (target);"
     "CREATE TABLE member (list TEXT NOT NULL, member TEXT NOT NULL, PRIMARY KEY (list, member));"
     "CREATE INDEX member_member ON member (member);"
     "CREATE TABLE credential (account BIGINT PRIMARY KEY, hash TEXT NOT NULL,"
     " scram TEXT NOT NULL, changed_at BIGINT NOT NULL);"},
    {2,
     "CREATE TABLE script (owner TEXT NOT NULL, name TEXT NOT NULL, text BLOB NOT NULL,"
     " PRIMARY KEY (owner, name)) WITHOUT ROWID",
     "CREATE TABLE script (owner TEXT NOT NULL, name TEXT NOT NULL, text BYTEA NOT NULL,"
     " PRIMARY KEY (owner, name))"},
};
DB_MODULE(directory, migrations);

DB_STMT(domain, "SELECT alias_of, catch_all FROM domain WHERE name = $1");
DB_STMT(only_domain, "SELECT MIN(name), COUNT(*) FROM domain WHERE alias_of = ''");
DB_STMT(address, "SELECT kind, account, target FROM address WHERE address = $1");
DB_STMT(account, "SELECT id, address, name, flags, quota, created_at FROM account WHERE id = $1");
DB_STMT(credential, "SELECT hash, scram, changed_at FROM credential WHERE account = $1");
DB_STMT(each_account, "SELECT a.id, a.address, a.name, a.flags, a.quota, a.created_at "
                      "FROM address d JOIN account a ON a.id = d.account "
                      "WHERE d.kind = 1 AND (d.domain = $1 OR $1 = '') AND d.address > $2 "
                      "ORDER BY d.address");
DB_STMT(each_domain, "SELECT name, alias_of, catch_all FROM domain ORDER BY name");
DB_STMT(each_alias, "SELECT address, target FROM address "
                    "WHERE kind = 2 AND (domain = $1 OR $1 = '') ORDER BY address");
DB_STMT(each_list, "SELECT d.address, (SELECT COUNT(*) FROM member m WHERE m.list = d.address) "
                   "FROM address d WHERE d.kind = 3 AND (d.domain = $1 OR $1 = '') "
                   "ORDER BY d.address");
DB_STMT(each_member, "SELECT member FROM member WHERE list = $1 ORDER BY member");
DB_STMT(script, "SELECT text FROM script WHERE owner = $1 AND name = $2");
DB_STMT(each_script, "SELECT owner, name, text FROM script ORDER BY owner, name");

/* --- connections ----------------------------------------------------------------------------- */

enum { IDLE_MAX = 32 };

static struct {
    pthread_mutex_t lock; /* path, idle */
    char *path;
    struct db *idle[IDLE_MAX];
    size_t idle_n;
    pthread_mutex_t write_lock;
    struct db *writer;
} sql = {.lock = PTHREAD_MUTEX_INITIALIZER, .write_lock = PTHREAD_MUTEX_INITIALIZER};

struct db *sql_reader(struct err *e)
{
    struct db *db = NULL;
    pthread_mutex_lock(&sql.lock);
    if (sql.idle_n)
        db = sql.idle[--sql.idle_n];
    pthread_mutex_unlock(&sql.lock);
    if (db)
        return db;
    if (!sql.path) {
        err_set(e, ERR_IO, "the directory is not open");
        return NULL;
    }
    return db_open_sqlite(sql.path, DB_READONLY, &db, e) ? NULL : db;
}

void sql_reader_done(struct db *db)
{
    pthread_mutex_lock(&sql.lock);
    if (sql.idle_n < IDLE_MAX && !db_is_ailing(db)) {
        sql.idle[sql.idle_n++] = db;
        db = NULL;
    }
    pthread_mutex_unlock(&sql.lock);
    db_close(db);
}

int sql_write(int (*fn)(struct db *db, void *arg, struct err *e), void *arg, struct err *e)
{
    int r = -1;
    pthread_mutex_lock(&sql.write_lock);
    if (!sql.writer)
        err_set(e, ERR_IO, "the directory is not open");
    else if (db_begin(sql.writer, DB_WRITE, e) == 0) {
        r = fn(sql.writer, arg, e);
        if (r)
            db_rollback(sql.writer);
        else
            r = db_commit(sql.writer, e);
    }
    pthread_mutex_unlock(&sql.write_lock);
    return r;
}

static void sql_close(void)
{
    while (sql.idle_n)
        db_close(sql.idle[--sql.idle_n]);
    db_close(sql.writer);
    sql.writer = NULL;
    free(sql.path);
    sql.path = NULL;
}

static int sql_open(const char *where, struct err *e)
{
    BUG_IF(sql.path);
    if (db_renew_log(where, e) || db_open_sqlite(where, DB_CREATE, &sql.writer, e))
        return -1;
    if (db_migrate_module(sql.writer, &db_module_directory, e)) {
        sql_close();
        return -1;
    }
    sql.path = strdup(where);
    BUG_IF(!sql.path);
    return 0;
}

/* --- lookups ---------------------------------------------------------------------------------- */

static int copy(struct arena *a, struct slice *s, struct err *e)
{
    *s = arena_dup(a, s->p ? *s : S(""));
    return s->p ? 0 : err_set(e, ERR_BUSY, "directory: out of memory");
}

/* A lookup of one row: begins the query, gives the row to `read`, ends it. */
static int one(struct db_stmt *stmt, struct slice text, int64_t number,
               int (*read)(struct db_query *q, struct arena *a, void *ret, struct err *e),
               struct arena *a, void *ret, struct err *e)
{
    struct db *db = sql_reader(e);
    if (!db)
        return -1;
    struct db_query *q = db_query(db, stmt);
    if (text.p)
        db_bind_text(q, 1, text);
    else if (number)
        db_bind_i64(q, 1, number);
    int r = db_next(q, e);
    if (r > 0 && read(q, a, ret, e))
        r = -1;
    db_end(q);
    sql_reader_done(db);
    return r;
}

static int read_domain(struct db_query *q, struct arena *a, void *ret, struct err *e)
{
    struct domain_row row = {.alias_of = db_text(q, 0), .catch_all = db_text(q, 1)};
    if (copy(a, &row.alias_of, e) || copy(a, &row.catch_all, e))
        return -1;
    *(struct domain_row *)ret = row;
    return 0;
}

static int read_address(struct db_query *q, struct arena *a, void *ret, struct err *e)
{
    struct address_row row = {.kind = (enum row_kind)db_i64(q, 0),
                              .account = (uint64_t)db_i64(q, 1),
                              .target = db_text(q, 2)};
    if (copy(a, &row.target, e))
        return -1;
    *(struct address_row *)ret = row;
    return 0;
}

static struct account_info account_of(struct db_query *q)
{
    return (struct account_info){.id = (uint64_t)db_i64(q, 0),
                                 .address = db_text(q, 1),
                                 .name = db_text(q, 2),
                                 .flags = (uint64_t)db_i64(q, 3),
                                 .quota = db_i64(q, 4),
                                 .created_at = db_i64(q, 5)};
}

static int read_account(struct db_query *q, struct arena *a, void *ret, struct err *e)
{
    struct account_info info = account_of(q);
    if (copy(a, &info.address, e) || copy(a, &info.name, e))
        return -1;
    *(struct account_info *)ret = info;
    return 0;
}

static int read_credential(struct db_query *q, struct arena *a, void *ret, struct err *e)
{
    struct credential c = {
        .hash = db_text(q, 0), .scram = db_text(q, 1), .changed_at = db_i64(q, 2)};
    if (copy(a, &c.hash, e) || copy(a, &c.scram, e))
        return -1;
    *(struct credential *)ret = c;
    return 0;
}

static int read_only_domain(struct db_query *q, struct arena *a, void *ret, struct err *e)
{
    struct slice name = db_i64(q, 1) == 1 ? db_text(q, 0) : S("");
    if (copy(a, &name, e))
        return -1;
    *(struct slice *)ret = name;
    return 0;
}

static int sql_domain(struct slice name, struct arena *a, struct domain_row *ret, struct err *e)
{
    return one(&stmt_domain, name, 0, read_domain, a, ret, e);
}

static int sql_only_domain(struct arena *a, struct slice *ret, struct err *e)
{
    struct slice name = SNONE;
    int r = one(&stmt_only_domain, SNONE, 0, read_only_domain, a, &name, e);
    if (r > 0 && name.n == 0)
        return 0;
    if (r > 0)
        *ret = name;
    return r;
}

static int sql_address(struct slice address, struct arena *a, struct address_row *ret,
                       struct err *e)
{
    return one(&stmt_address, address, 0, read_address, a, ret, e);
}

static int sql_account(uint64_t id, struct arena *a, struct account_info *ret, struct err *e)
{
    return one(&stmt_account, SNONE, (int64_t)id, read_account, a, ret, e);
}

static int sql_credential(uint64_t account, struct arena *a, struct credential *ret, struct err *e)
{
    int r = one(&stmt_credential, SNONE, (int64_t)account, read_credential, a, ret, e);
    if (r > 0)
        ret->account = account;
    return r;
}

static int sql_script(struct slice owner, struct slice name, struct arena *a, struct slice *ret,
                      struct err *e)
{
    struct db *db = sql_reader(e);
    if (!db)
        return -1;
    struct db_query *q = db_query(db, &stmt_script);
    db_bind_text(q, 1, owner);
    db_bind_text(q, 2, name);
    int r = db_next(q, e);
    struct slice text = r > 0 ? db_blob(q, 0) : SNONE;
    if (r > 0 && copy(a, &text, e))
        r = -1;
    db_end(q);
    sql_reader_done(db);
    if (r > 0)
        *ret = text;
    return r;
}

/* --- walks ------------------------------------------------------------------------------------ */

/* The caller's function by its shape; one is set. */
struct walker {
    int (*account)(const struct account_info *, void *);
    int (*domain)(struct slice, struct slice, struct slice, void *);
    int (*alias)(struct slice, struct slice, void *);
    int (*list)(struct slice, size_t, void *);
    int (*member)(struct slice, void *);
    int (*script)(struct slice, struct slice, struct slice, void *);
    void *arg;
};

static int give(const struct walker *w, struct db_query *q)
{
    if (w->account) {
        struct account_info info = account_of(q);
        return w->account(&info, w->arg);
    }
    if (w->domain)
        return w->domain(db_text(q, 0), db_text(q, 1), db_text(q, 2), w->arg);
    if (w->alias)
        return w->alias(db_text(q, 0), db_text(q, 1), w->arg);
    if (w->script)
        return w->script(db_text(q, 0), db_text(q, 1), db_blob(q, 2), w->arg);
    if (w->list)
        return w->list(db_text(q, 0), (size_t)db_i64(q, 1), w->arg);
    return w->member(db_text(q, 0), w->arg);
}

static int walk(struct db_stmt *stmt, struct slice of, struct slice after, const struct walker *w,
                struct err *e)
{
    struct db *db = sql_reader(e);
    if (!db)
        return -1;
    struct db_query *q = db_query(db, stmt);
    if (of.p)
        db_bind_text(q, 1, of);
    if (after.p)
        db_bind_text(q, 2, after);
    int r;
    while ((r = db_next(q, e)) > 0 && give(w, q) == 0)
        ;
    db_end(q);
    sql_reader_done(db);
    return r < 0 ? -1 : 0;
}

static int sql_each_account(struct slice domain, struct slice after,
                            int (*fn)(const struct account_info *, void *), void *arg,
                            struct err *e)
{
    return walk(&stmt_each_account, domain, after.p ? after : S(""),
                &(struct walker){.account = fn, .arg = arg}, e);
}

static int sql_each_domain(int (*fn)(struct slice, struct slice, struct slice, void *), void *arg,
                           struct err *e)
{
    return walk(&stmt_each_domain, SNONE, SNONE, &(struct walker){.domain = fn, .arg = arg}, e);
}

static int sql_each_alias(struct slice domain, int (*fn)(struct slice, struct slice, void *),
                          void *arg, struct err *e)
{
    return walk(&stmt_each_alias, domain, SNONE, &(struct walker){.alias = fn, .arg = arg}, e);
}

static int sql_each_list(struct slice domain, int (*fn)(struct slice, size_t, void *), void *arg,
                         struct err *e)
{
    return walk(&stmt_each_list, domain, SNONE, &(struct walker){.list = fn, .arg = arg}, e);
}

static int sql_each_member(struct slice list, int (*fn)(struct slice, void *), void *arg,
                           struct err *e)
{
    return walk(&stmt_each_member, list, SNONE, &(struct walker){.member = fn, .arg = arg}, e);
}

static int sql_each_script(int (*fn)(struct slice, struct slice, struct slice, void *), void *arg,
                           struct err *e)
{
    return walk(&stmt_each_script, SNONE, SNONE, &(struct walker){.script = fn, .arg = arg}, e);
}

const struct directory_backend directory_sql = {
    .open = sql_open,
    .close = sql_close,
    .domain = sql_domain,
    .only_domain = sql_only_domain,
    .address = sql_address,
    .account = sql_account,
    .credential = sql_credential,
    .each_account = sql_each_account,
    .each_domain = sql_each_domain,
    .each_alias = sql_each_alias,
    .each_list = sql_each_list,
    .each_member = sql_each_member,
    .script = sql_script,
    .each_script = sql_each_script,
    .domain_add = sql_domain_add,
    .domain_remove = sql_domain_remove,
    .domain_catch_all = sql_domain_catch_all,
    .account_add = sql_account_add,
    .account_remove = sql_account_remove,
    .account_set_flags = sql_account_set_flags,
    .account_set_name = sql_account_set_name,
    .account_set_quota = sql_account_set_quota,
    .account_rename = sql_account_rename,
    .alias_add = sql_alias_add,
    .address_remove = sql_address_remove,
    .list_add = sql_list_add,
    .member_add = sql_member_add,
    .member_remove = sql_member_remove,
    .script_set = sql_script_set,
    .credential_set = sql_credential_set,
};
