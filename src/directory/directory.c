/* directory.c - the rules above the engine: everything is normalised on the way in, rows come
   through the cache, aliases are followed, changes begin a new generation of the cache. */
#include "directory/directory.h"

#include <stdatomic.h>

#include "base/setting.h"
#include "base/utf8.h"
#include "directory/backend.h"
#include "directory/cache.h"
#include "directory/normal.h"
#include "directory/rules.h"

SETTING(directory, list_max, INT, 10000, 1, 1000000,
        "Most members of one list, and most recipients that one address may become.");
SETTING_STR(directory, default_domain, "", NULL,
            "The domain of people who log in with a name without @. Empty: the only domain, when "
            "there is just one.");

enum { NAME_MAX = 256 };

static _Atomic uint64_t script_version = 1;

/* One engine until LDAP stands beside it. */
const struct directory_backend *directory_backend(void)
{
    return &directory_sql;
}

#define backend directory_backend()

int directory_open(const char *path, struct err *e)
{
    cache_forget();
    return backend->open(path, e);
}

void directory_close(void)
{
    backend->close();
    cache_clear();
}

/* --- rows through the cache --------------------------------------------------------------------
 */

_Thread_local bool lookup_known_only;

int lookup_blocked(struct err *e)
{
    if (lookup_known_only)
        err_set(e, ERR_BUSY, "not in memory");
    return lookup_known_only;
}

int lookup_domain(struct slice name, struct arena *a, struct domain_row *ret, struct err *e)
{
    struct cache_row c;
    if (cache_get('d', name, a, &c)) {
        *ret = (struct domain_row){.alias_of = c.s[0], .catch_all = c.s[1]};
        return 1;
    }
    if (lookup_blocked(e))
        return -1;
    uint64_t gen = cache_generation();
    int r = backend->domain(name, a, ret, e);
    if (r > 0)
        cache_put('d', name, &(struct cache_row){.s = {ret->alias_of, ret->catch_all}}, gen);
    return r;
}

int lookup_address(struct slice address, struct arena *a, struct address_row *ret, struct err *e)
{
    struct cache_row c;
    if (cache_get('a', address, a, &c)) {
        *ret = (struct address_row){
            .kind = (enum row_kind)c.n[0], .account = (uint64_t)c.n[1], .target = c.s[0]};
        return 1;
    }
    if (lookup_blocked(e))
        return -1;
    uint64_t gen = cache_generation();
    int r = backend->address(address, a, ret, e);
    if (r > 0)
        cache_put('a', address,
                  &(struct cache_row){.n = {ret->kind, (int64_t)ret->account}, .s = {ret->target}},
                  gen);
    return r;
}

int lookup_account(uint64_t id, struct arena *a, struct account_info *ret, struct err *e)
{
    struct cache_row c;
    struct slice key = slice_of(&id, sizeof(id));
    if (cache_get('i', key, a, &c)) {
        *ret = (struct account_info){.id = (uint64_t)c.n[0],
                                     .flags = (uint64_t)c.n[1],
                                     .quota = c.n[2],
                                     .created_at = c.n[3],
                                     .address = c.s[0],
                                     .name = c.s[1]};
        return 1;
    }
    if (lookup_blocked(e))
        return -1;
    uint64_t gen = cache_generation();
    int r = backend->account(id, a, ret, e);
    if (r > 0)
        cache_put('i', key,
                  &(struct cache_row){
                      .n = {(int64_t)ret->id, (int64_t)ret->flags, ret->quota, ret->created_at},
                      .s = {ret->address, ret->name}},
                  gen);
    return r;
}

/* --- looking up --------------------------------------------------------------------------------
 */

int rules_sure(const struct arena *a, struct err *e)
{
    return a->failed ? err_set(e, ERR_BUSY, "directory: out of memory") : 0;
}

/* Not there, unless memory for looking lacked. */
static int not_found(struct slice what, const struct arena *a, struct err *e)
{
    if (rules_sure(a, e))
        return -1;
    return err_set(e, ERR_NOTFOUND, "no account %.*s", SARG(what));
}

int rules_own_domain(struct address_normal *n, struct arena *a, struct domain_row *ret,
                     struct err *e)
{
    int r = lookup_domain(n->domain, a, ret, e);
    if (r <= 0 || !ret->alias_of.n)
        return r;
    n->domain = ret->alias_of;
    n->whole = arena_printf(a, "%.*s@%.*s", SARG(n->local), SARG(n->domain));
    if (!n->whole.p)
        return err_set(e, ERR_BUSY, "directory: out of memory");
    return lookup_domain(n->domain, a, ret, e);
}

int rules_account_of(struct slice address, bool details, struct arena *a, uint64_t *ret,
                     struct err *e)
{
    for (int depth = 0; depth < RULES_DEPTH_MAX; depth++) {
        struct address_normal n;
        struct domain_row domain;
        struct address_row row;
        if (address_normal(address, a, &n, e))
            return -1;
        int r = rules_own_domain(&n, a, &domain, e);
        if (r > 0)
            r = lookup_address(n.whole, a, &row, e);
        struct slice base, detail;
        if (r == 0 && (details || depth) && rules_cut_detail(&n, a, &base, &detail))
            r = lookup_address(base, a, &row, e);
        if (r <= 0 || row.kind == ROW_LIST)
            return r < 0 ? -1 : rules_sure(a, e);
        if (row.kind == ROW_ACCOUNT) {
            *ret = row.account;
            return 1;
        }
        address = row.target;
    }
    return 0;
}

int directory_account(struct slice address, struct arena *a, struct account_info *ret,
                      struct err *e)
{
    uint64_t id = 0;
    int r = rules_account_of(address, false, a, &id, e);
    if (r > 0)
        return directory_account_by_id(id, a, ret, e);
    return r < 0 ? -1 : not_found(address, a, e);
}

int directory_account_by_id(uint64_t id, struct arena *a, struct account_info *ret, struct err *e)
{
    struct account_info info;
    int r = id ? lookup_account(id, a, &info, e) : 0;
    if (r == 0)
        return err_set(e, ERR_NOTFOUND, "no account %llu", (unsigned long long)id);
    if (r > 0)
        *ret = info;
    return r > 0 ? 0 : -1;
}

int directory_login(struct slice name, struct arena *a, struct account_info *ret, struct err *e)
{
    if (slice_find(name, '@') >= 0)
        return directory_account(name, a, ret, e);
    struct slice domain = slice_str(setting_text(&set_directory_default_domain));
    if (!domain.n) {
        int r = backend->only_domain(a, &domain, e);
        if (r <= 0)
            return r < 0 ? -1 : not_found(name, a, e);
    }
    struct slice address = arena_printf(a, "%.*s@%.*s", SARG(name), SARG(domain));
    if (!address.p)
        return err_set(e, ERR_BUSY, "directory: out of memory");
    return directory_account(address, a, ret, e);
}

int directory_domain_is_local(struct slice domain, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct slice name;
    struct domain_row row;
    struct err why = {0};
    if (domain_normal(domain, &a, &name, &why)) {
        if (why.code == ERR_SYNTAX)
            return 0; /* what cannot be stored is not here */
        return err_set(e, why.code, "%s", why.text);
    }
    return lookup_domain(name, &a, &row, e);
}

int directory_may_send_as(uint64_t account, struct slice address, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    uint64_t owner = 0;
    struct err why = {0};
    int r = rules_account_of(address, true, &a, &owner, &why);
    if (r < 0 && why.code != ERR_SYNTAX) {
        if (e)
            *e = why;
        return -1;
    }
    return r > 0 && owner == account;
}

int directory_credential(uint64_t account, struct arena *a, struct credential *ret, struct err *e)
{
    struct credential c;
    int r = backend->credential(account, a, &c, e);
    if (r == 0)
        return err_set(e, ERR_NOTFOUND, "no password is set");
    if (r > 0)
        *ret = c;
    return r > 0 ? 0 : -1;
}

/* --- walks -------------------------------------------------------------------------------------
 */

/* An empty domain stays empty: all. */
static int filter(struct slice domain, struct arena *a, struct slice *ret, struct err *e)
{
    *ret = S("");
    return domain.n ? domain_normal(domain, a, ret, e) : 0;
}

int directory_each_account(struct slice domain, int (*fn)(const struct account_info *, void *),
                           void *arg, struct err *e)
{
    return directory_each_account_after(domain, S(""), fn, arg, e);
}

int directory_each_account_after(struct slice domain, struct slice after,
                                 int (*fn)(const struct account_info *, void *), void *arg,
                                 struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct slice d;
    return filter(domain, &a, &d, e) ? -1 : backend->each_account(d, after, fn, arg, e);
}

int directory_each_domain(int (*fn)(struct slice, struct slice, struct slice, void *), void *arg,
                          struct err *e)
{
    return backend->each_domain(fn, arg, e);
}

int directory_each_alias(struct slice domain, int (*fn)(struct slice, struct slice, void *),
                         void *arg, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct slice d;
    return filter(domain, &a, &d, e) ? -1 : backend->each_alias(d, fn, arg, e);
}

int directory_each_list(struct slice domain, int (*fn)(struct slice, size_t, void *), void *arg,
                        struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct slice d;
    return filter(domain, &a, &d, e) ? -1 : backend->each_list(d, fn, arg, e);
}

int directory_each_member(struct slice list, int (*fn)(struct slice, void *), void *arg,
                          struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct address_normal n;
    struct address_row row;
    if (address_normal(list, &a, &n, e))
        return -1;
    int r = lookup_address(n.whole, &a, &row, e);
    if (r < 0)
        return -1;
    if (r == 0 || row.kind != ROW_LIST)
        return err_set(e, ERR_NOTFOUND, "no list %.*s", SARG(n.whole));
    return backend->each_member(n.whole, fn, arg, e);
}

/* --- changing ----------------------------------------------------------------------------------
 */

/* Whatever came of it, the cache is not believed any more. */
static int changed(int r)
{
    cache_forget();
    return r;
}

static int check_name(struct slice name, struct err *e)
{
    if (name.n > NAME_MAX)
        return err_set(e, ERR_LIMIT, "the name is over %d bytes", NAME_MAX);
    if (!utf8_valid(name))
        return err_set(e, ERR_SYNTAX, "the name is not UTF-8");
    for (size_t i = 0; i < name.n; i++)
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
            return err_set(e, ERR_SYNTAX, "the name has control characters");
    return 0;
}

static int check_flags(uint64_t flags, struct err *e)
{
    if (flags & ~(uint64_t)(ACCOUNT_ADMIN | ACCOUNT_DISABLED | ACCOUNT_NO_LOGIN))
        return err_set(e, ERR_SYNTAX, "unknown account flags");
    return 0;
}

static int check_quota(int64_t quota, struct err *e)
{
    return quota < 0 ? err_set(e, ERR_SYNTAX, "a quota cannot be negative") : 0;
}

int directory_domain_add(struct slice name, struct slice alias_of, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct slice d, of = S("");
    if (domain_normal(name, &a, &d, e) || (alias_of.n && domain_normal(alias_of, &a, &of, e)))
        return -1;
    return changed(backend->domain_add(d, of, e));
}

/* The same; what was made of scripts is not believed either. */
static int changed_scripts(int r)
{
    atomic_fetch_add(&script_version, 1);
    return changed(r);
}

int directory_domain_remove(struct slice name, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct slice d;
    if (domain_normal(name, &a, &d, e))
        return -1;
    return changed_scripts(backend->domain_remove(d, e));
}

/* Where an address leads to, as it is kept: the local part of another domain's address as it was
   given (RFC 5321 2.4: its case MUST be preserved). */
static int target_normal(struct slice target, struct arena *a, struct slice *ret, struct err *e)
{
    struct address_normal n;
    struct domain_row domain;
    if (address_normal(target, a, &n, e))
        return -1;
    int r = lookup_domain(n.domain, a, &domain, e);
    if (r < 0)
        return -1;
    *ret = r ? n.whole : n.given;
    return 0;
}

/* An address that exists, its detail left out when there is none with it. Catch-alls do not count:
   a mistyped name would find the one that is to be replaced. 1, 0, -1. */
static int is_address(struct address_normal *n, struct arena *a, struct err *e)
{
    struct address_row row;
    struct slice base, detail;
    int r = lookup_address(n->whole, a, &row, e);
    if (r == 0 && rules_cut_detail(n, a, &base, &detail))
        r = lookup_address(base, a, &row, e);
    return r ? r : rules_sure(a, e);
}

static int check_catch_all(struct slice target, bool elsewhere, struct arena *a, struct err *e)
{
    struct address_normal n;
    struct domain_row domain;
    if (address_normal(target, a, &n, e))
        return -1;
    int ours = rules_own_domain(&n, a, &domain, e);
    if (ours < 0)
        return -1;
    if (ours && elsewhere)
        return err_set(e, ERR_SYNTAX, "%.*s is a domain of ours", SARG(n.domain));
    if (!ours)
        return elsewhere ? 0
                         : err_set(e, ERR_NOTFOUND, "%.*s is no domain of ours", SARG(n.domain));
    int r = is_address(&n, a, e);
    return r ? (r < 0 ? -1 : 0) : err_set(e, ERR_NOTFOUND, "no such address: %.*s", SARG(target));
}

int directory_domain_catch_all(struct slice name, struct slice target, bool elsewhere,
                               struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct slice d, to = S("");
    if (domain_normal(name, &a, &d, e))
        return -1;
    if (target.n &&
        (check_catch_all(target, elsewhere, &a, e) || target_normal(target, &a, &to, e)))
        return -1;
    return changed(backend->domain_catch_all(d, to, e));
}

int directory_account_add(struct slice address, struct slice name, uint64_t flags, int64_t quota,
                          uint64_t *ret_id, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct address_normal n;
    if (address_normal(address, &a, &n, e) || check_name(name, e) || check_flags(flags, e) ||
        check_quota(quota, e))
        return -1;
    struct account_info info = {
        .address = n.whole, .name = name.p ? name : S(""), .flags = flags, .quota = quota};
    return changed(backend->account_add(&info, n.domain, ret_id, e));
}

int directory_account_remove(uint64_t id, struct err *e)
{
    return changed_scripts(backend->account_remove(id, e));
}

int directory_account_set_flags(uint64_t id, uint64_t flags, struct err *e)
{
    return check_flags(flags, e) ? -1 : changed(backend->account_set_flags(id, flags, e));
}

int directory_account_set_name(uint64_t id, struct slice name, struct err *e)
{
    if (check_name(name, e))
        return -1;
    return changed(backend->account_set_name(id, name.p ? name : S(""), e));
}

int directory_account_set_quota(uint64_t id, int64_t quota, struct err *e)
{
    return check_quota(quota, e) ? -1 : changed(backend->account_set_quota(id, quota, e));
}

int directory_account_rename(uint64_t id, struct slice address, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct address_normal n;
    if (address_normal(address, &a, &n, e))
        return -1;
    return changed_scripts(backend->account_rename(id, n.whole, n.domain, e));
}

int directory_alias_add(struct slice alias, struct slice target, struct err *e)
{
    ARENA_SCOPE a = {.limit = 32768};
    struct address_normal n;
    struct slice to;
    if (address_normal(alias, &a, &n, e) || target_normal(target, &a, &to, e))
        return -1;
    if (slice_eq(n.whole, to))
        return err_set(e, ERR_SYNTAX, "an alias cannot be of itself");
    return changed(backend->alias_add(n.whole, n.domain, to, e));
}

int directory_alias_remove(struct slice alias, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct address_normal n;
    if (address_normal(alias, &a, &n, e))
        return -1;
    return changed(backend->address_remove(n.whole, ROW_ALIAS, e));
}

int directory_list_add(struct slice address, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct address_normal n;
    if (address_normal(address, &a, &n, e))
        return -1;
    return changed(backend->list_add(n.whole, n.domain, e));
}

int directory_list_remove(struct slice address, struct err *e)
{
    ARENA_SCOPE a = {.limit = 16384};
    struct address_normal n;
    if (address_normal(address, &a, &n, e))
        return -1;
    return changed(backend->address_remove(n.whole, ROW_LIST, e));
}

int directory_member_add(struct slice list, struct slice member, struct err *e)
{
    ARENA_SCOPE a = {.limit = 32768};
    struct address_normal l;
    struct slice m;
    if (address_normal(list, &a, &l, e) || target_normal(member, &a, &m, e))
        return -1;
    if (slice_eq(l.whole, m))
        return err_set(e, ERR_SYNTAX, "a list cannot be a member of itself");
    size_t max = (size_t)setting_get(&set_directory_list_max);
    return changed(backend->member_add(l.whole, m, max, e));
}

/* As it was given, or folded: whether its domain was ours when it came in is not known. */
int directory_member_remove(struct slice list, struct slice member, struct err *e)
{
    ARENA_SCOPE a = {.limit = 32768};
    struct address_normal l, m;
    struct err why = {0};
    if (address_normal(list, &a, &l, e) || address_normal(member, &a, &m, e))
        return -1;
    if (!slice_eq(m.given, m.whole) &&
        (backend->member_remove(l.whole, m.given, &why) == 0 || why.code != ERR_NOTFOUND)) {
        if (why.code && e)
            *e = why;
        return changed(why.code ? -1 : 0);
    }
    return changed(backend->member_remove(l.whole, m.whole, e));
}

int directory_credential_set(const struct credential *c, struct err *e)
{
    return changed(backend->credential_set(c, e));
}

/* --- scripts -----------------------------------------------------------------------------------
 */

uint64_t directory_script_version(void)
{
    return atomic_load(&script_version);
}

/* As backend.h has owners. */
static int owner_name(struct script_owner of, bool must_exist, struct arena *a, struct slice *ret,
                      struct err *e)
{
    struct account_info info;
    struct domain_row row;
    *ret = S("");
    if (of.account) {
        if (must_exist && directory_account_by_id(of.account, a, &info, e))
            return -1;
        *ret = arena_printf(a, "#%llu", (unsigned long long)of.account);
    } else if (of.domain.n) {
        if (domain_normal(of.domain, a, ret, e))
            return -1;
        int r = must_exist ? lookup_domain(*ret, a, &row, e) : 1;
        if (r <= 0)
            return r < 0 ? -1
                         : err_set(e, ERR_NOTFOUND, "there is no domain %.*s here", SARG(*ret));
    }
    return rules_sure(a, e);
}

int directory_script(struct script_owner of, struct slice name, struct arena *a, struct slice *ret,
                     struct err *e)
{
    struct slice owner;
    return owner_name(of, false, a, &owner, e) ? -1 : backend->script(owner, name, a, ret, e);
}

int directory_script_set(struct script_owner of, struct slice name, struct slice text,
                         struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct slice owner;
    if (check_name(name, e) || owner_name(of, text.p != NULL, &a, &owner, e))
        return -1;
    return changed_scripts(backend->script_set(owner, name, text, e));
}

int directory_each_script(int (*fn)(struct slice, struct slice, struct slice, void *), void *arg,
                          struct err *e)
{
    return backend->each_script(fn, arg, e);
}
