/* cmd_delete.c - DELETE: RFC 9051 6.3.5. A mailbox with others below it keeps its name. */
#include "imap/cmds.h"
#include "imap/mailbox.h"

int cmd_mailbox_parse(struct request *r, struct imap_parser *p)
{
    struct slice *path = request_new_of(r, struct slice, 1);
    r->args = path;
    return !path || imap_space(p) ? -1 : imap_mailbox(p, path);
}

enum cmd_next cmd_delete(struct request *r, struct txn *t)
{
    const struct slice *path = r->args;
    struct collection c;
    if (collection_by_path(t, *path, &r->arena, &c, &r->job.err))
        return CMD_FAIL;
    if (c.role == ROLE_INBOX) {
        r->code = "CANNOT";
        return request_fail(r, ERR_NOPERM, "INBOX cannot be deleted");
    }
    if (!c.selectable && c.has_children) {
        r->code = "HASCHILDREN";
        return request_fail(r, ERR_CONFLICT, "The name has mailboxes below it");
    }
    if (collection_delete(t, c.id, &r->job.err))
        return CMD_FAIL;
    mailbox_tell_deleted(r, &c, *path);
    return CMD_DONE;
}
