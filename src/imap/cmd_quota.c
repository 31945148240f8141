/* cmd_quota.c - GETQUOTA, GETQUOTAROOT, SETQUOTA: RFC 9208. Each account is one quota root, named
   as its address, with one resource that can have a limit, STORAGE. People see their own;
   administrators see and set everybody's. Without a limit the list is empty (4.2.1). */
#include "directory/directory.h"
#include "imap/cmds.h"
#include "proto/imap/quota_args.h"
#include "proto/imap/write.h"
#include "store/store.h"

enum { UNIT = 1024 };

int cmd_getquota_parse(struct request *r, struct imap_parser *p)
{
    struct slice *root = request_new_of(r, struct slice, 1);
    r->args = root;
    return !root || imap_space(p) ? -1 : imap_astring(p, root);
}

int cmd_setquota_parse(struct request *r, struct imap_parser *p)
{
    struct imap_setquota_args *a = request_new_of(r, struct imap_setquota_args, 1);
    r->args = a;
    return !a ? -1 : imap_setquota_args(p, a);
}

/* Still one? What was taken away since the login is gone at once. */
static bool is_admin(struct request *r)
{
    struct account_info me;
    struct err e = {0};
    return r->s->is_admin && directory_account_by_id(r->s->account, &r->arena, &me, &e) == 0 &&
           (me.flags & ACCOUNT_ADMIN);
}

/* Whose root it is. Who is no administrator gets the same answer for all others, whether they exist
   or not. */
static enum cmd_next find_root(struct request *r, struct slice root, struct account_info *ret)
{
    struct session *s = r->s;
    if (slice_eqi(root, slice_str(s->address))) {
        *ret = (struct account_info){.id = s->account, .address = slice_str(s->address)};
        return CMD_DONE;
    }
    if (!is_admin(r))
        return request_fail(r, ERR_NOPERM, "This is not your quota root");
    if (directory_account(root, &r->arena, ret, &r->job.err))
        return r->job.err.code == ERR_NOTFOUND
                   ? request_fail(r, ERR_NOTFOUND, "There is no such quota root")
                   : CMD_FAIL;
    return CMD_DONE;
}

static enum cmd_next write_quota(struct request *r, const struct account_info *whose)
{
    struct txn *t;
    struct account_usage u;
    if (txn_read(whose->id, &t, &r->job.err))
        return CMD_FAIL;
    int rc = account_usage(t, &u, &r->job.err);
    txn_end(t);
    if (rc)
        return CMD_FAIL;
    buf_adds(&r->out, "* QUOTA ");
    imap_write_astring(whose->address, session_utf8(r->s), &r->out);
    if (u.quota > 0)
        buf_addf(&r->out, " (STORAGE %lld %lld)\r\n", (long long)((u.bytes + UNIT - 1) / UNIT),
                 (long long)(u.quota / UNIT));
    else
        buf_adds(&r->out, " ()\r\n");
    return CMD_DONE;
}

enum cmd_next cmd_getquota(struct request *r, struct txn *t)
{
    (void)t;
    struct account_info whose;
    const struct slice *root = r->args;
    return find_root(r, *root, &whose) == CMD_DONE ? write_quota(r, &whose) : CMD_FAIL;
}

/* RFC 9208 4.1.2: the mailbox need not exist. */
enum cmd_next cmd_getquotaroot(struct request *r, struct txn *t)
{
    (void)t;
    const struct slice *mailbox = r->args;
    struct account_info own = {.id = r->s->account, .address = slice_str(r->s->address)};
    buf_adds(&r->out, "* QUOTAROOT ");
    imap_write_mailbox(*mailbox, session_utf8(r->s), &r->out);
    buf_addc(&r->out, ' ');
    imap_write_astring(own.address, session_utf8(r->s), &r->out);
    buf_adds(&r->out, "\r\n");
    return write_quota(r, &own);
}

static int tell_store(struct txn *t, void *arg, struct err *e)
{
    const int64_t *bytes = arg;
    return account_set_quota(t, *bytes, e);
}

/* RFC 9208 4.1.3: what is not in the list loses its limit. "Nothing may be stored" is one byte
   here. */
enum cmd_next cmd_setquota(struct request *r, struct txn *t)
{
    (void)t;
    const struct imap_setquota_args *a = r->args;
    struct account_info whose;
    if (!is_admin(r))
        return request_fail(r, ERR_NOPERM, "Only administrators set quotas");
    if (find_root(r, a->root, &whose) != CMD_DONE)
        return CMD_FAIL;
    if (a->other.p)
        return request_fail(r, ERR_UNSUPPORTED, "%.*s cannot have a limit", SARG(a->other));
    if (a->storage > INT64_MAX / UNIT)
        return request_fail(r, ERR_LIMIT, "The limit is too large");
    int64_t bytes = !a->has_storage ? 0 : a->storage ? (int64_t)a->storage * UNIT : 1;
    if (directory_account_set_quota(whose.id, bytes, &r->job.err) ||
        store_write(whose.id, tell_store, &bytes, &r->job.err))
        return CMD_FAIL;
    return write_quota(r, &whose);
}
