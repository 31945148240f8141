/* sql_change.c - the changes of the SQL engine, each one transaction of the writer. */
#include "base/clock.h"
#include "directory/sql.h"

DB_STMT(domain_add, "INSERT INTO domain (name, alias_of, catch_all) VALUES ($1, $2, '') "
                    "ON CONFLICT DO NOTHING RETURNING 1");
DB_STMT(domain_own, "SELECT 1 FROM domain WHERE name = $1 AND alias_of = ''");
DB_STMT(domain_used, "SELECT 1 WHERE EXISTS (SELECT 1 FROM address WHERE domain = $1) "
                     "OR EXISTS (SELECT 1 FROM domain WHERE alias_of = $1)");
DB_STMT(domain_remove, "DELETE FROM domain WHERE name = $1 RETURNING 1");
DB_STMT(domain_catch_all, "UPDATE domain SET catch_all = $2 WHERE name = $1 RETURNING 1");
DB_STMT(account_add, "INSERT INTO account (address, name, flags, quota, created_at) "
                     "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING id");
DB_STMT(account_address, "SELECT address FROM account WHERE id = $1");
DB_STMT(account_remove, "DELETE FROM account WHERE id = $1 RETURNING 1");
DB_STMT(account_flags, "UPDATE account SET flags = $2 WHERE id = $1 RETURNING 1");
DB_STMT(account_name, "UPDATE account SET name = $2 WHERE id = $1 RETURNING 1");
DB_STMT(account_quota, "UPDATE account SET quota = $2 WHERE id = $1 RETURNING 1");
DB_STMT(account_rename, "UPDATE account SET address = $2 WHERE id = $1 RETURNING 1");
DB_STMT(address_add, "INSERT INTO address (address, domain, kind, account, target) "
                     "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING RETURNING 1");
DB_STMT(address_remove, "DELETE FROM address WHERE address = $1 AND kind = $2 RETURNING 1");
DB_STMT(aliases_remove, "DELETE FROM address WHERE target = $1 AND kind = 2");
DB_STMT(aliases_retarget, "UPDATE address SET target = $2 WHERE target = $1 AND kind = 2");
DB_STMT(catch_all_remove, "UPDATE domain SET catch_all = '' WHERE catch_all = $1");
DB_STMT(catch_all_retarget, "UPDATE domain SET catch_all = $2 WHERE catch_all = $1");
DB_STMT(members_of_list, "DELETE FROM member WHERE list = $1");
DB_STMT(member_everywhere, "DELETE FROM member WHERE member = $1");
DB_STMT(member_double, "DELETE FROM member WHERE member = $1 "
                       "AND list IN (SELECT list FROM member WHERE member = $2)");
DB_STMT(member_rename, "UPDATE member SET member = $2 WHERE member = $1");
DB_STMT(list_there, "SELECT 1 FROM address WHERE address = $1 AND kind = 3");
DB_STMT(member_count, "SELECT COUNT(*) FROM member WHERE list = $1");
DB_STMT(member_add, "INSERT INTO member (list, member) VALUES ($1, $2) "
                    "ON CONFLICT DO NOTHING RETURNING 1");
DB_STMT(member_remove, "DELETE FROM member WHERE list = $1 AND member = $2 RETURNING 1");
DB_STMT(credential_put, "INSERT INTO credential (account, hash, scram, changed_at) "
                        "VALUES ($1, $2, $3, $4) ON CONFLICT (account) DO UPDATE "
                        "SET hash = excluded.hash, scram = excluded.scram, "
                        "changed_at = excluded.changed_at");
DB_STMT(credential_remove, "DELETE FROM credential WHERE account = $1");
DB_STMT(script_put, "INSERT INTO script (owner, name, text) VALUES ($1, $2, $3) "
                    "ON CONFLICT (owner, name) DO UPDATE SET text = excluded.text");
DB_STMT(script_remove, "DELETE FROM script WHERE owner = $1 AND name = $2 RETURNING 1");
DB_STMT(scripts_of, "DELETE FROM script WHERE owner = $1");

/* What a change is given; each function uses its own part. */
struct change {
    struct slice address, domain, other, text;
    uint64_t id;
    int64_t number;
    const struct account_info *info;
    const struct credential *credential;
};

/* `got` of db_get_i64: a row was asked for. */
static int must(int got, struct err *e, enum err_code code, const char *text)
{
    return got > 0 ? 0 : got < 0 ? -1 : err_set(e, code, "%s", text);
}

/* The same with the name of what is not there, or is there already: "no such alias: a@b". */
static int must_name(int got, struct err *e, enum err_code code, const char *text,
                     struct slice name)
{
    return got > 0 ? 0 : got < 0 ? -1 : err_set(e, code, "%s: %.*s", text, SARG(name));
}

static int must_have_domain(struct db *db, struct slice name, struct err *e)
{
    int64_t one;
    int got = db_get_i64(db, &stmt_domain_own, &one, e, "t", name);
    if (got == 0)
        return err_set(e, ERR_NOTFOUND, "there is no domain %.*s here (or it is an alias)",
                       SARG(name));
    return got > 0 ? 0 : -1;
}

static int take_address(struct db *db, struct slice address, struct slice domain,
                        enum row_kind kind, uint64_t account, struct slice target, struct err *e)
{
    int64_t one;
    if (must_have_domain(db, domain, e))
        return -1;
    int got = db_get_i64(db, &stmt_address_add, &one, e, "ttiit", address, domain, (int64_t)kind,
                         (int64_t)account, target);
    if (got == 0)
        return err_set(e, ERR_EXISTS, "%.*s is taken", SARG(address));
    return got > 0 ? 0 : -1;
}

static int domain_add(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    int64_t one;
    if (c->other.n && must_have_domain(db, c->other, e))
        return -1;
    return must_name(db_get_i64(db, &stmt_domain_add, &one, e, "tt", c->domain, c->other), e,
                     ERR_EXISTS, "the domain is there already", c->domain);
}

static int domain_remove(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    int64_t one;
    int used = db_get_i64(db, &stmt_domain_used, &one, e, "t", c->domain);
    if (used > 0)
        return err_set(e, ERR_CONFLICT, "%.*s still has addresses or alias domains",
                       SARG(c->domain));
    return used < 0 || db_run(db, &stmt_scripts_of, e, "t", c->domain)
               ? -1
               : must_name(db_get_i64(db, &stmt_domain_remove, &one, e, "t", c->domain), e,
                           ERR_NOTFOUND, "no such domain", c->domain);
}

static int domain_catch_all(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    int64_t one;
    return must_name(db_get_i64(db, &stmt_domain_catch_all, &one, e, "tt", c->domain, c->other), e,
                     ERR_NOTFOUND, "no such domain", c->domain);
}

static int account_add(struct db *db, void *arg, struct err *e)
{
    struct change *c = arg;
    int64_t id;
    int got = db_get_i64(db, &stmt_account_add, &id, e, "ttiii", c->info->address, c->info->name,
                         (int64_t)c->info->flags, c->info->quota, clock_now());
    if (got <= 0)
        return must(got, e, ERR_EXISTS, "there is such an account");
    c->id = (uint64_t)id;
    return take_address(db, c->info->address, c->domain, ROW_ACCOUNT, c->id, S(""), e);
}

/* The account's address into `room`. */
static int address_of(struct db *db, uint64_t id, struct arena *room, struct slice *ret,
                      struct err *e)
{
    struct db_query *q = db_query(db, &stmt_account_address);
    db_bind_i64(q, 1, (int64_t)id);
    int r = db_next(q, e);
    if (r > 0)
        *ret = arena_dup(room, db_text(q, 0));
    db_end(q);
    return must(r, e, ERR_NOTFOUND, "no such account");
}

/* Aliases, memberships and catch-alls that point to it go too: a later owner of the address must
   not get what was meant for this one. */
static int account_remove(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    ARENA_SCOPE room = {.limit = 4096};
    struct slice address = SNONE, owner = arena_printf(&room, "#%llu", (unsigned long long)c->id);
    int64_t one;
    int64_t id = (int64_t)c->id;
    if (address_of(db, c->id, &room, &address, e) ||
        must(db_get_i64(db, &stmt_address_remove, &one, e, "ti", address, (int64_t)ROW_ACCOUNT), e,
             ERR_CORRUPT, "the account has no address") ||
        db_run(db, &stmt_aliases_remove, e, "t", address) ||
        db_run(db, &stmt_member_everywhere, e, "t", address) ||
        db_run(db, &stmt_catch_all_remove, e, "t", address) ||
        db_run(db, &stmt_scripts_of, e, "t", owner) ||
        db_run(db, &stmt_credential_remove, e, "i", id))
        return -1;
    return must(db_get_i64(db, &stmt_account_remove, &one, e, "i", id), e, ERR_NOTFOUND,
                "no such account");
}

static int account_rename(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    ARENA_SCOPE room = {.limit = 4096};
    struct slice old = SNONE;
    int64_t one, id = (int64_t)c->id;
    if (address_of(db, c->id, &room, &old, e))
        return -1;
    if (slice_eq(old, c->address))
        return 0;
    if (take_address(db, c->address, c->domain, ROW_ACCOUNT, c->id, S(""), e) ||
        must(db_get_i64(db, &stmt_address_remove, &one, e, "ti", old, (int64_t)ROW_ACCOUNT), e,
             ERR_CORRUPT, "the account has no address") ||
        db_run(db, &stmt_aliases_retarget, e, "tt", old, c->address) ||
        db_run(db, &stmt_catch_all_retarget, e, "tt", old, c->address) ||
        db_run(db, &stmt_member_double, e, "tt", old, c->address) ||
        db_run(db, &stmt_member_rename, e, "tt", old, c->address))
        return -1;
    return must(db_get_i64(db, &stmt_account_rename, &one, e, "it", id, c->address), e,
                ERR_NOTFOUND, "no such account");
}

static int set_number(struct db *db, struct db_stmt *s, const struct change *c, struct err *e)
{
    int64_t one;
    return must(db_get_i64(db, s, &one, e, "ii", (int64_t)c->id, c->number), e, ERR_NOTFOUND,
                "no such account");
}

static int set_flags(struct db *db, void *arg, struct err *e)
{
    return set_number(db, &stmt_account_flags, arg, e);
}

static int set_quota(struct db *db, void *arg, struct err *e)
{
    return set_number(db, &stmt_account_quota, arg, e);
}

static int set_name(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    int64_t one;
    return must(db_get_i64(db, &stmt_account_name, &one, e, "it", (int64_t)c->id, c->other), e,
                ERR_NOTFOUND, "no such account");
}

static int alias_add(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    return take_address(db, c->address, c->domain, ROW_ALIAS, 0, c->other, e);
}

static int list_add(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    return take_address(db, c->address, c->domain, ROW_LIST, 0, S(""), e);
}

static int address_remove(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    int64_t one;
    if (c->number == ROW_LIST && (db_run(db, &stmt_members_of_list, e, "t", c->address) ||
                                  db_run(db, &stmt_member_everywhere, e, "t", c->address)))
        return -1;
    return must_name(db_get_i64(db, &stmt_address_remove, &one, e, "ti", c->address, c->number), e,
                     ERR_NOTFOUND, c->number == ROW_LIST ? "no such list" : "no such alias",
                     c->address);
}

static int member_add(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    int64_t one, have = 0;
    if (must_name(db_get_i64(db, &stmt_list_there, &one, e, "t", c->address), e, ERR_NOTFOUND,
                  "no such list", c->address) ||
        db_get_i64(db, &stmt_member_count, &have, e, "t", c->address) < 0)
        return -1;
    if (have >= c->number)
        return err_set(e, ERR_LIMIT, "the list has %lld members, the limit of directory.list_max",
                       (long long)have);
    return must_name(db_get_i64(db, &stmt_member_add, &one, e, "tt", c->address, c->other), e,
                     ERR_EXISTS, "it is a member already", c->other);
}

static int member_remove(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    int64_t one;
    return must_name(db_get_i64(db, &stmt_member_remove, &one, e, "tt", c->address, c->other), e,
                     ERR_NOTFOUND, "no such member", c->other);
}

static int script_set(struct db *db, void *arg, struct err *e)
{
    const struct change *c = arg;
    int64_t one;
    if (c->text.p)
        return db_run(db, &stmt_script_put, e, "ttb", c->address, c->other, c->text);
    return must_name(db_get_i64(db, &stmt_script_remove, &one, e, "tt", c->address, c->other), e,
                     ERR_NOTFOUND, "no such script", c->other);
}

static int credential_set(struct db *db, void *arg, struct err *e)
{
    const struct credential *c = ((const struct change *)arg)->credential;
    ARENA_SCOPE room = {.limit = 4096};
    struct slice address;
    if (address_of(db, c->account, &room, &address, e))
        return -1;
    return db_run(db, &stmt_credential_put, e, "itti", (int64_t)c->account,
                  c->hash.p ? c->hash : S(""), c->scram.p ? c->scram : S(""), c->changed_at);
}

/* --- the functions of the backend --------------------------------------------------------------
 */

int sql_domain_add(struct slice name, struct slice alias_of, struct err *e)
{
    return sql_write(domain_add, &(struct change){.domain = name, .other = alias_of}, e);
}

int sql_domain_remove(struct slice name, struct err *e)
{
    return sql_write(domain_remove, &(struct change){.domain = name}, e);
}

int sql_domain_catch_all(struct slice name, struct slice target, struct err *e)
{
    return sql_write(domain_catch_all, &(struct change){.domain = name, .other = target}, e);
}

int sql_account_add(const struct account_info *info, struct slice domain, uint64_t *ret_id,
                    struct err *e)
{
    struct change c = {.info = info, .domain = domain};
    if (sql_write(account_add, &c, e))
        return -1;
    *ret_id = c.id;
    return 0;
}

int sql_account_remove(uint64_t id, struct err *e)
{
    return sql_write(account_remove, &(struct change){.id = id}, e);
}

int sql_account_set_flags(uint64_t id, uint64_t flags, struct err *e)
{
    return sql_write(set_flags, &(struct change){.id = id, .number = (int64_t)flags}, e);
}

int sql_account_set_name(uint64_t id, struct slice name, struct err *e)
{
    return sql_write(set_name, &(struct change){.id = id, .other = name}, e);
}

int sql_account_set_quota(uint64_t id, int64_t quota, struct err *e)
{
    return sql_write(set_quota, &(struct change){.id = id, .number = quota}, e);
}

int sql_account_rename(uint64_t id, struct slice address, struct slice domain, struct err *e)
{
    return sql_write(account_rename,
                     &(struct change){.id = id, .address = address, .domain = domain}, e);
}

int sql_alias_add(struct slice alias, struct slice domain, struct slice target, struct err *e)
{
    return sql_write(alias_add,
                     &(struct change){.address = alias, .domain = domain, .other = target}, e);
}

int sql_address_remove(struct slice address, enum row_kind kind, struct err *e)
{
    return sql_write(address_remove, &(struct change){.address = address, .number = kind}, e);
}

int sql_list_add(struct slice address, struct slice domain, struct err *e)
{
    return sql_write(list_add, &(struct change){.address = address, .domain = domain}, e);
}

int sql_member_add(struct slice list, struct slice member, size_t max, struct err *e)
{
    return sql_write(member_add,
                     &(struct change){.address = list, .other = member, .number = (int64_t)max}, e);
}

int sql_member_remove(struct slice list, struct slice member, struct err *e)
{
    return sql_write(member_remove, &(struct change){.address = list, .other = member}, e);
}

int sql_credential_set(const struct credential *c, struct err *e)
{
    return sql_write(credential_set, &(struct change){.credential = c}, e);
}

int sql_script_set(struct slice owner, struct slice name, struct slice text, struct err *e)
{
    return sql_write(script_set, &(struct change){.address = owner, .other = name, .text = text},
                     e);
}
