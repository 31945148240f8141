/* ops_account.c - accounts, their passwords and quotas. */
#include "auth/auth.h"
#include "node/ops.h"
#include "store/store.h"

int op_arg_account(json_t *args, const char *key, struct arena *a, struct account_info *ret,
                   struct err *e)
{
    struct slice address;
    if (op_arg_text(args, key, true, &address, e))
        return -1;
    return directory_account(address, a, ret, e);
}

/* The same, by its own address only: for what cannot be undone. */
static int arg_itself(json_t *args, struct arena *a, struct account_info *ret, struct err *e)
{
    struct slice address;
    if (op_arg_account(args, "address", a, ret, e) ||
        op_arg_text(args, "address", true, &address, e))
        return -1;
    if (!slice_eqi(address, ret->address))
        return err_set(e, ERR_CONFLICT, "%.*s is another name of %.*s: give that", SARG(address),
                       SARG(ret->address));
    return 0;
}

static json_t *account_json(const struct account_info *i)
{
    return json_pack("{s:I, s:o, s:o, s:b, s:b, s:b, s:I, s:I}", "id", (json_int_t)i->id, "address",
                     op_json_text(i->address), "name", op_json_text(i->name), "admin",
                     (int)!!(i->flags & ACCOUNT_ADMIN), "disabled",
                     (int)!!(i->flags & ACCOUNT_DISABLED), "login",
                     (int)!(i->flags & ACCOUNT_NO_LOGIN), "quota", (json_int_t)i->quota,
                     "created_at", (json_int_t)i->created_at);
}

static int flag(json_t *args, const char *key, uint64_t bit, bool inverse, uint64_t *flags,
                struct err *e)
{
    bool on, was = !(*flags & bit) == inverse;
    if (op_arg_bool(args, key, was, &on, e))
        return -1;
    *flags = (*flags & ~bit) | (on != inverse ? bit : 0);
    return 0;
}

static int read_flags(json_t *args, uint64_t *flags, struct err *e)
{
    return flag(args, "admin", ACCOUNT_ADMIN, false, flags, e) ||
                   flag(args, "disabled", ACCOUNT_DISABLED, false, flags, e) ||
                   flag(args, "login", ACCOUNT_NO_LOGIN, true, flags, e)
               ? -1
               : 0;
}

/* Makes the mailboxes of an account and tells the store its quota. */
static int store_account(struct txn *t, void *arg, struct err *e)
{
    const int64_t *quota = arg;
    return account_create(t, e) || account_set_quota(t, *quota, e) ? -1 : 0;
}

static int forget_account(struct txn *t, void *arg, struct err *e)
{
    int *more = arg;
    *more = account_delete(t, e);
    return *more < 0 ? -1 : 0;
}

/* With a password that is refused there is no account either. */
static int add(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    struct slice address, name, password;
    int64_t quota;
    uint64_t flags = 0, id = 0;
    (void)payload;
    (void)out;
    if (op_arg_text(args, "address", true, &address, e) ||
        op_arg_text(args, "name", false, &name, e) ||
        op_arg_text(args, "password", false, &password, e) ||
        op_arg_number(args, "quota", false, 0, &quota, e) || read_flags(args, &flags, e) ||
        directory_account_add(address, name, flags, quota, &id, e))
        return -1;
    /* The last step is the one that makes it whole: behind it nothing can fail. */
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    if (directory_account_by_id(id, &a, &info, e) ||
        (password.p && auth_set_password(id, password, e)) ||
        store_write(id, store_account, &quota, e)) {
        directory_account_remove(id, NULL);
        return -1;
    }
    *ret = account_json(&info);
    return 0;
}

static int remove_(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    (void)payload;
    (void)ret;
    (void)out;
    /* No mail may come while it goes; what is interrupted can be asked for again. */
    if (arg_itself(args, &a, &info, e) ||
        directory_account_set_flags(info.id, info.flags | ACCOUNT_DISABLED, e))
        return -1;
    for (int more = 1; more > 0;)
        if (store_write(info.id, forget_account, &more, e))
            return -1;
    return directory_account_remove(info.id, e);
}

static int show(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    (void)payload;
    (void)out;
    if (op_arg_account(args, "address", &a, &info, e))
        return -1;
    *ret = account_json(&info);
    return 0;
}

static int set(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    struct slice name;
    (void)payload;
    (void)out;
    if (op_arg_account(args, "address", &a, &info, e) || op_arg_text(args, "name", false, &name, e))
        return -1;
    uint64_t flags = info.flags;
    int64_t quota = info.quota;
    if (read_flags(args, &flags, e) || op_arg_number(args, "quota", false, info.quota, &quota, e) ||
        (name.p && directory_account_set_name(info.id, name, e)) ||
        (flags != info.flags && directory_account_set_flags(info.id, flags, e)) ||
        (quota != info.quota && (directory_account_set_quota(info.id, quota, e) ||
                                 store_write(info.id, store_account, &quota, e))) ||
        directory_account_by_id(info.id, &a, &info, e))
        return -1;
    *ret = account_json(&info);
    return 0;
}

static int rename_(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    struct slice to;
    bool keep;
    (void)payload;
    (void)ret;
    (void)out;
    if (arg_itself(args, &a, &info, e) || op_arg_text(args, "to", true, &to, e) ||
        op_arg_bool(args, "keep_alias", false, &keep, e) ||
        directory_account_rename(info.id, to, e))
        return -1;
    return keep ? directory_alias_add(info.address, to, e) : 0;
}

static int take(const struct account_info *info, void *arg)
{
    struct op_page *p = arg;
    int wanted = op_page_wants(p, info->address);
    if (wanted > 0)
        json_array_append_new(p->rows, account_json(info));
    return wanted < 0;
}

static int walk(struct slice domain, struct op_page *p, struct err *e)
{
    return directory_each_account_after(domain, p->after, take, p, e);
}

static int list(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    static const struct op_page_of of = {"accounts", "domain", false, walk};
    (void)payload;
    (void)out;
    return op_page_list(args, &of, ret, e);
}

static int password(json_t *args, struct slice payload, json_t **ret, struct buf *out,
                    struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    struct slice text;
    (void)payload;
    (void)ret;
    (void)out;
    if (op_arg_account(args, "address", &a, &info, e) ||
        op_arg_text(args, "password", true, &text, e))
        return -1;
    return auth_set_password(info.id, text, e);
}

static int usage(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = 65536};
    struct account_info info;
    struct account_usage u = {0};
    struct txn *t;
    (void)payload;
    (void)out;
    if (op_arg_account(args, "address", &a, &info, e) || txn_read(info.id, &t, e))
        return -1;
    int r = account_usage(t, &u, e);
    txn_end(t);
    if (r == 0)
        *ret = json_pack("{s:o, s:I, s:I, s:I}", "address", op_json_text(info.address), "bytes",
                         (json_int_t)u.bytes, "messages", (json_int_t)u.messages, "quota",
                         (json_int_t)info.quota);
    return r;
}

/* account.list with the usage of each. */
static int usages(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    size_t i;
    json_t *row;
    if (list(args, payload, ret, out, e))
        return -1;
    json_array_foreach(json_object_get(*ret, "accounts"), i, row)
    {
        struct account_usage u = {0};
        struct txn *t;
        uint64_t id = (uint64_t)json_integer_value(json_object_get(row, "id"));
        int r = txn_read(id, &t, e);
        if (r == 0) {
            r = account_usage(t, &u, e);
            txn_end(t);
        }
        if (r) {
            json_decref(*ret);
            *ret = NULL;
            return -1;
        }
        json_object_set_new(row, "bytes", json_integer(u.bytes));
        json_object_set_new(row, "messages", json_integer(u.messages));
    }
    return 0;
}

const struct op ops_account[] = {
    {"account.add", add, .needs_store = true},
    {"account.remove", remove_, .needs_store = true},
    {"account.show", show},
    {"account.set", set, .needs_store = true},
    {"account.rename", rename_},
    {"account.list", list},
    {"account.usage", usage, .needs_store = true},
    {"account.password", password},
    {"quota.list", usages, .needs_store = true},
    {0},
};
