/* ops_store.c - the store as a whole: purge. */
#include "node/ops.h"
#include "store/collection.h"
#include "store/purge.h"

/* The mailbox of the account that is named, by its path. */
static int find_mailbox(uint64_t account, struct slice path, struct arena *a, uint64_t *ret,
                        struct err *e)
{
    struct collection c;
    struct txn *t;
    if (txn_read(account, &t, e))
        return -1;
    int rc = collection_by_path(t, path, a, &c, e);
    txn_end(t);
    if (rc == 0)
        *ret = c.id;
    return rc;
}

static int read_uids(struct slice text, struct uidset *ret, struct err *e)
{
    enum { RANGES = 10000 };
    if (uidset_parse(ret, text, RANGES) || uidset_empty(ret))
        return err_set(e, ERR_SYNTAX, "%.*s is not a set of uids: 7 or 3:9,12", SARG(text));
    return 0;
}

static int purge(json_t *args, struct slice payload, json_t **ret, struct buf *out, struct err *e)
{
    ARENA_SCOPE a = {.limit = (size_t)1 << 20};
    UIDSET_SCOPE uids = {0};
    struct slice address, mailbox, set;
    struct account_info info;
    struct purge_report r;
    struct purge_request how = {.uids = &uids};
    (void)payload;
    (void)out;
    if (op_arg_text(args, "address", false, &address, e) ||
        op_arg_text(args, "mailbox", false, &mailbox, e) ||
        op_arg_text(args, "uids", false, &set, e) ||
        op_arg_number(args, "keep", true, 0, &how.keep, e))
        return -1;
    if (how.keep < 0 || (mailbox.n > 0) != (set.n > 0) || (mailbox.n && !address.n))
        return err_set(e, ERR_SYNTAX, "a mailbox needs an address, and uids");
    if (address.n) {
        if (op_arg_account(args, "address", &a, &info, e))
            return -1;
        how.account = info.id;
    }
    if (mailbox.n &&
        (find_mailbox(how.account, mailbox, &a, &how.collection, e) || read_uids(set, &uids, e)))
        return -1;
    if (store_purge(&how, &r, e))
        return -1;
    *ret = json_pack("{s:I, s:I, s:I}", "messages", (json_int_t)r.messages, "packs",
                     (json_int_t)r.packs, "bytes", (json_int_t)r.bytes);
    return 0;
}

const struct op ops_store[] = {
    {"store.purge", purge, .needs_store = true},
    {0},
};
