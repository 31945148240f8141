/* script.c - scripts as rows of table script. What is made of them is kept elsewhere, by version: a
   number that goes up inside the job that changes them and once more when somebody may have read
   between that and the commit. */
#include "store/script.h"

#include <stdatomic.h>

#include "base/clock.h"
#include "base/setting.h"
#include "store/shard.h"

SETTING(sieve, scripts_max, INT, 64, 1, 10000, "How many Sieve scripts a person may have.");
SETTING(sieve, storage_max, SIZE, MiB, 4 * KiB, GiB,
        "How many bytes the Sieve scripts of a person may have together.");

DB_STMT(script_all, "SELECT name, active, size, changed_at FROM script WHERE account = $1 "
                    "ORDER BY name");
DB_STMT(script_get, "SELECT name, text FROM script WHERE account = $1 AND name = $2");
DB_STMT(script_get_active, "SELECT name, text FROM script WHERE account = $1 AND active = 1");
DB_STMT(script_others, "SELECT COUNT(*) FROM script WHERE account = $1 AND name <> $2");
DB_STMT(script_others_size, "SELECT SUM(size) FROM script WHERE account = $1 AND name <> $2 "
                            "HAVING COUNT(*) > 0");
DB_STMT(script_put, "INSERT INTO script (account, name, active, size, changed_at, text) "
                    "VALUES ($1, $2, 0, $3, $4, $5) ON CONFLICT (account, name) DO UPDATE SET "
                    "size = excluded.size, changed_at = excluded.changed_at, text = excluded.text");
DB_STMT(script_deactivate, "UPDATE script SET active = 0 WHERE account = $1 AND active = 1");
DB_STMT(script_activate, "UPDATE script SET active = 1 WHERE account = $1 AND name = $2 "
                         "RETURNING 1");
DB_STMT(script_is_active, "SELECT active FROM script WHERE account = $1 AND name = $2");
DB_STMT(script_rename, "UPDATE script SET name = $3 WHERE account = $1 AND name = $2");
DB_STMT(script_drop, "DELETE FROM script WHERE account = $1 AND name = $2");

enum { VERSIONS = 4096 };
static _Atomic uint64_t versions[VERSIONS];

void script_told(uint64_t account)
{
    atomic_fetch_add(&versions[account % VERSIONS], 1);
}

uint64_t script_version(uint64_t account)
{
    return atomic_load(&versions[account % VERSIONS]);
}

int script_list(struct txn *t, struct arena *a, struct script **ret, size_t *ret_n, struct err *e)
{
    size_t n = 0, cap = (size_t)setting_get(&set_sieve_scripts_max);
    struct script *list = arena_new(a, struct script, cap);
    struct db_query *q = db_query(t->db, &stmt_script_all);
    db_bind_i64(q, 1, (int64_t)t->account);
    int rc = 0;
    while (list && n < cap && (rc = db_next(q, e)) > 0)
        list[n++] = (struct script){.name = arena_dup(a, db_text(q, 0)),
                                    .active = db_i64(q, 1) != 0,
                                    .size = db_i64(q, 2),
                                    .changed_at = db_i64(q, 3)};
    db_end(q);
    if (rc < 0)
        return -1;
    if (a->failed)
        return err_set(e, ERR_LIMIT, "too many scripts");
    *ret = list;
    *ret_n = n;
    return 0;
}

int script_read(struct txn *t, struct slice name, struct arena *a, struct slice *ret_name,
                struct slice *ret_text, struct err *e)
{
    struct db_query *q = db_query(t->db, name.p ? &stmt_script_get : &stmt_script_get_active);
    db_bind_i64(q, 1, (int64_t)t->account);
    if (name.p)
        db_bind_text(q, 2, name);
    int rc = db_next(q, e);
    if (rc > 0) {
        if (ret_name)
            *ret_name = arena_dup(a, db_text(q, 0));
        *ret_text = arena_dup(a, db_blob(q, 1));
    }
    db_end(q);
    if (rc > 0 && a->failed)
        return err_set(e, ERR_LIMIT, "no memory for a script");
    return rc;
}

int script_fits(struct txn *t, struct slice name, uint64_t size, struct err *e)
{
    int64_t n = 0, bytes = 0, account = (int64_t)t->account;
    int64_t most = setting_get(&set_sieve_storage_max), room;
    if (db_get_i64(t->db, &stmt_script_others, &n, e, "it", account, name) < 0 ||
        db_get_i64(t->db, &stmt_script_others_size, &bytes, e, "it", account, name) < 0)
        return -1;
    if (n >= setting_get(&set_sieve_scripts_max))
        return err_set(e, ERR_QUOTA, "there are %lld scripts already, which is the limit",
                       (long long)n);
    room = most - bytes;
    if (room < 0 || size > (uint64_t)room)
        return err_set(e, ERR_QUOTA, "scripts may have %lld bytes together", (long long)most);
    return 0;
}

int script_put(struct txn *t, struct slice name, struct slice text, struct err *e)
{
    BUG_IF(!t->write || !name.n || name.n > SCRIPT_NAME_MAX);
    if (account_load(t, e) || script_fits(t, name, text.n, e))
        return -1;
    script_told(t->account);
    return db_run(t->db, &stmt_script_put, e, "itiib", (int64_t)t->account, name, (int64_t)text.n,
                  clock_now_ms(), text.n ? text : S(""));
}

int script_activate(struct txn *t, struct slice name, struct err *e)
{
    int64_t one;
    BUG_IF(!t->write);
    script_told(t->account);
    if (db_run(t->db, &stmt_script_deactivate, e, "i", (int64_t)t->account))
        return -1;
    if (!name.n)
        return 0;
    int got = db_get_i64(t->db, &stmt_script_activate, &one, e, "it", (int64_t)t->account, name);
    return got > 0 ? 0 : got < 0 ? -1 : err_set(e, ERR_NOTFOUND, "there is no such script");
}

/* 1 active, 0 not, -1. */
static int is_active(struct txn *t, struct slice name, struct err *e)
{
    int64_t active = 0;
    int got =
        db_get_i64(t->db, &stmt_script_is_active, &active, e, "it", (int64_t)t->account, name);
    if (got == 0)
        return err_set(e, ERR_NOTFOUND, "there is no such script");
    return got < 0 ? -1 : active != 0;
}

int script_rename(struct txn *t, struct slice from, struct slice to, struct err *e)
{
    struct err none = {0};
    BUG_IF(!t->write || !to.n || to.n > SCRIPT_NAME_MAX);
    if (is_active(t, from, e) < 0)
        return -1;
    if (slice_eq(from, to))
        return 0;
    if (is_active(t, to, &none) >= 0)
        return err_set(e, ERR_EXISTS, "there is a script with the new name");
    if (none.code != ERR_NOTFOUND)
        return err_set(e, none.code, "%s", none.text);
    script_told(t->account);
    return db_run(t->db, &stmt_script_rename, e, "itt", (int64_t)t->account, from, to);
}

int script_remove(struct txn *t, struct slice name, struct err *e)
{
    BUG_IF(!t->write);
    int active = is_active(t, name, e);
    if (active)
        return active < 0 ? -1 : err_set(e, ERR_CONFLICT, "the script is active");
    script_told(t->account);
    return db_run(t->db, &stmt_script_drop, e, "it", (int64_t)t->account, name);
}
