/* cmd_rename.c - RENAME: RFC 9051 6.3.6. An IMAP4rev2 session is told the old name in LIST
   (OLDNAME, 6.3.9.7). */
#include "imap/cmds.h"
#include "imap/mailbox.h"

struct rename {
    struct slice from, to;
};

int cmd_rename_parse(struct request *r, struct imap_parser *p)
{
    struct rename *n = request_new_of(r, struct rename, 1);
    r->args = n;
    return !n || imap_space(p) || imap_mailbox(p, &n->from) || imap_space(p)
               ? -1
               : imap_mailbox(p, &n->to);
}

enum cmd_next cmd_rename(struct request *r, struct txn *t)
{
    const struct rename *n = r->args;
    struct collection c;
    if (collection_by_path(t, n->from, &r->arena, &c, &r->job.err) ||
        collection_rename(t, c.id, n->to, &r->job.err))
        return CMD_FAIL;
    mailbox_tell_oldname(r, t, c.id, n->from, true);
    return CMD_DONE;
}
