/* ops_sieve.c - Sieve scripts of people (table script of the store) and of the administrator (of
   the directory). What is put is compiled first; the answer to a wrong one says where. */
#include "base/utf8.h"
#include "mail/scripts.h"
#include "node/ops.h"

/* "account" or nothing; "domain" or nothing: whose. */
static int arg_owner(json_t *args, struct arena *a, struct script_owner *ret, struct err *e)
{
    struct account_info info;
    struct slice account, domain;
    *ret = (struct script_owner){.domain = S("")};
    if (op_arg_text(args, "account", false, &account, e) ||
        op_arg_text(args, "domain", false, &domain, e))
        return -1;
    if (account.p && domain.p)
        return err_set(e, ERR_SYNTAX, "an account or a domain, not both");
    if (account.p && op_arg_account(args, "account", a, &info, e))
        return -1;
    if (account.p)
        ret->account = info.id;
    else if (domain.p)
        ret->domain = domain;
    return 0;
}

static int site_set(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                    struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct script_owner owner;
    struct slice name;
    bool gone;
    (void)ret;
    (void)out;
    if (arg_owner(args, &a, &owner, e) || op_arg_text(args, "name", true, &name, e) ||
        op_arg_bool(args, "remove", false, &gone, e) || scripts_check_name(name, e) ||
        (!gone && scripts_check(payload, NULL, e)))
        return -1;
    return directory_script_set(owner, name, gone ? SNONE : payload.p ? payload : S(""), e);
}

static int site_get(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                    struct err *e)
{
    ARENA_SCOPE a = {.limit = 64 << 20};
    struct script_owner owner;
    struct slice name, text;
    (void)payload;
    (void)ret;
    if (arg_owner(args, &a, &owner, e) || op_arg_text(args, "name", true, &name, e))
        return -1;
    int got = directory_script(owner, name, &a, &text, e);
    if (got <= 0)
        return got < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such script: %.*s", SARG(name));
    return buf_add(out, text) ? err_set(e, ERR_LIMIT, "the script is too large") : 0;
}

static int take_site(struct slice owner, struct slice name, struct slice text, void *arg)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    uint64_t id;
    if (slice_starts(owner, S("#")) && slice_u64(slice_from(owner, 1), &id) == 0 &&
        directory_account_by_id(id, &a, &info, NULL) == 0)
        owner = info.address;
    json_array_append_new(arg, json_pack("{s:o, s:o, s:I}", "owner", op_json_text(owner), "name",
                                         op_json_text(name), "size", (json_int_t)text.n));
    return 0;
}

static int site_list(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                     struct err *e)
{
    json_t *rows = json_array();
    (void)args;
    (void)payload;
    (void)out;
    if (directory_each_script(take_site, rows, e)) {
        json_decref(rows);
        return -1;
    }
    *ret = json_pack("{s:o}", "scripts", rows);
    return 0;
}

static int own_put(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    struct slice name;
    bool activate;
    (void)ret;
    (void)out;
    if (op_arg_account(args, "account", &a, &info, e) ||
        op_arg_text(args, "name", true, &name, e) ||
        op_arg_bool(args, "activate", false, &activate, e) ||
        scripts_put(info.id, name, payload, NULL, e))
        return -1;
    return activate ? scripts_activate(info.id, name, e) : 0;
}

static int own_get(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = 64 << 20};
    struct account_info info;
    struct slice name, text;
    (void)payload;
    (void)ret;
    if (op_arg_account(args, "account", &a, &info, e) ||
        op_arg_text(args, "name", true, &name, e) || scripts_get(info.id, name, &a, &text, e))
        return -1;
    return buf_add(out, text) ? err_set(e, ERR_LIMIT, "the script is too large") : 0;
}

static int own_activate(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                        struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    struct slice name;
    (void)payload;
    (void)ret;
    (void)out;
    if (op_arg_account(args, "account", &a, &info, e) || op_arg_text(args, "name", false, &name, e))
        return -1;
    return scripts_activate(info.id, name, e);
}

static int own_remove(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                      struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    struct slice name;
    (void)payload;
    (void)ret;
    (void)out;
    if (op_arg_account(args, "account", &a, &info, e) || op_arg_text(args, "name", true, &name, e))
        return -1;
    return scripts_remove(info.id, name, e);
}

static int own_list(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                    struct err *e)
{
    ARENA_SCOPE a = {.limit = 16 << 20};
    struct account_info info;
    struct script *list;
    size_t n;
    (void)payload;
    (void)out;
    if (op_arg_account(args, "account", &a, &info, e) || scripts_list(info.id, &a, &list, &n, e))
        return -1;
    json_t *rows = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            rows, json_pack("{s:o, s:b, s:I, s:I}", "name", op_json_text(list[i].name), "active",
                            (int)list[i].active, "size", (json_int_t)list[i].size, "changed_at",
                            (json_int_t)(list[i].changed_at / 1000)));
    *ret = json_pack("{s:o}", "scripts", rows);
    return 0;
}

const struct op ops_sieve[] = {
    {"sieve.site_set", site_set},
    {"sieve.site_get", site_get},
    {"sieve.site_list", site_list},
    {"sieve.put", own_put, .needs_store = true},
    {"sieve.get", own_get, .needs_store = true},
    {"sieve.activate", own_activate, .needs_store = true},
    {"sieve.remove", own_remove, .needs_store = true},
    {"sieve.list", own_list, .needs_store = true},
    {0},
};
