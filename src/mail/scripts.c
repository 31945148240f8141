/* scripts.c - the checks in front of the store, and the word to deliveries behind the commit. */
#include "mail/scripts.h"

#include "base/utf8.h"
#include "mail/filter_internal.h"
#include "mail/sieve/compile.h"

int scripts_check_name(struct slice name, struct err *e)
{
    return sieve_is_script_name(name) ? 0 : err_set(e, ERR_SYNTAX, "not a name for a script");
}

int scripts_check(struct slice text, struct sieve_place *ret_at, struct err *e)
{
    struct sieve_limits limits = sieve_limits();
    ARENA_SCOPE a = {.limit = limits.memory};
    struct slice code;
    if (!utf8_valid(text))
        return err_set(e, ERR_SYNTAX, "the script is not UTF-8");
    return sieve_compile(text, &limits, filter_withheld, &a, &code, ret_at, e);
}

void scripts_extensions(struct buf *out)
{
    BUF_SCOPE all = {0};
    sieve_extensions(&all);
    for (struct slice rest = buf_slice(&all); rest.p;) {
        struct slice name = slice_cut(&rest, ' '), left = slice_str(filter_withheld);
        bool withheld = name.n == 0;
        while (left.p && !withheld)
            withheld = slice_eq(slice_cut(&left, ' '), name);
        if (withheld)
            continue;
        buf_adds(out, out->n ? " " : "");
        buf_add(out, name);
    }
}

int scripts_list(uint64_t account, struct arena *a, struct script **ret, size_t *ret_n,
                 struct err *e)
{
    struct txn *t;
    if (txn_read(account, &t, e))
        return -1;
    int rc = script_list(t, a, ret, ret_n, e);
    txn_end(t);
    return rc;
}

int scripts_get(uint64_t account, struct slice name, struct arena *a, struct slice *ret,
                struct err *e)
{
    struct txn *t;
    if (txn_read(account, &t, e))
        return -1;
    int got = script_read(t, name.p ? name : S(""), a, NULL, ret, e);
    txn_end(t);
    return got > 0 ? 0 : got < 0 ? -1 : err_set(e, ERR_NOTFOUND, "there is no such script");
}

int scripts_room(uint64_t account, struct slice name, uint64_t size, struct err *e)
{
    struct txn *t;
    if (size > sieve_limits().script)
        return err_set(e, ERR_QUOTA, "a script may have %zu bytes", sieve_limits().script);
    if (txn_read(account, &t, e))
        return -1;
    int rc = script_fits(t, name, size, e);
    txn_end(t);
    return rc;
}

struct change {
    enum { PUT, ACTIVATE, RENAME, REMOVE } what;
    struct slice name, other;
};

static int change_job(struct txn *t, void *arg, struct err *e)
{
    const struct change *c = arg;
    switch (c->what) {
    case PUT:
        return script_put(t, c->name, c->other, e);
    case ACTIVATE:
        return script_activate(t, c->name, e);
    case RENAME:
        return script_rename(t, c->name, c->other, e);
    default:
        return script_remove(t, c->name, e);
    }
}

static int change(uint64_t account, struct change c, struct err *e)
{
    int rc = store_write(account, change_job, &c, e);
    mail_filter_changed(account);
    return rc;
}

int scripts_put(uint64_t account, struct slice name, struct slice text, struct sieve_place *ret_at,
                struct err *e)
{
    if (scripts_check_name(name, e) || scripts_check(text, ret_at, e))
        return -1;
    return change(account, (struct change){PUT, name, text}, e);
}

int scripts_activate(uint64_t account, struct slice name, struct err *e)
{
    return change(account, (struct change){.what = ACTIVATE, .name = name}, e);
}

int scripts_rename(uint64_t account, struct slice from, struct slice to, struct err *e)
{
    if (scripts_check_name(to, e))
        return -1;
    return change(account, (struct change){RENAME, from, to}, e);
}

int scripts_remove(uint64_t account, struct slice name, struct err *e)
{
    return change(account, (struct change){.what = REMOVE, .name = name}, e);
}
