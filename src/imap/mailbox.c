/* mailbox.c - finding the mailbox that a command names. */
#include "imap/mailbox.h"

enum cmd_next mailbox_find(struct request *r, struct txn *t, struct slice path, bool target,
                           struct collection *ret)
{
    struct err e = {0};
    int rc = collection_by_path(t, path, &r->arena, ret, &e);
    if (rc == 0 && ret->selectable && ret->kind == COLLECTION_MAILBOX)
        return CMD_DONE;
    if (rc == 0 || e.code == ERR_NOTFOUND || e.code == ERR_SYNTAX) {
        if (target && e.code != ERR_SYNTAX)
            r->code = "TRYCREATE";
        return request_fail(r, rc ? e.code : ERR_NOTFOUND,
                            rc ? "There is no such mailbox" : "The mailbox cannot hold messages");
    }
    r->job.err = e;
    return CMD_FAIL;
}

void mailbox_id_write(uint64_t collection, struct buf *out)
{
    buf_addf(out, "F%llu", (unsigned long long)collection);
}
