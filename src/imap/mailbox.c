/* mailbox.c - finding the mailbox that a command names. */
#include "imap/mailbox.h"

#include "proto/imap/write.h"

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

static bool same_name(struct slice supplied, struct slice path)
{
    return slice_eq(supplied, path) || slice_eqi(supplied, S("INBOX")) ||
           (slice_startsi(supplied, S("INBOX/")) &&
            slice_eq(slice_from(supplied, 5), slice_from(path, 5)));
}

static void oldname_write(struct slice supplied, struct buf *out)
{
    buf_adds(out, " (\"OLDNAME\" (");
    imap_write_mailbox(supplied, true, out);
    buf_adds(out, "))");
}

void mailbox_list_write(const struct collection *c, struct slice supplied, struct buf *out)
{
    buf_addf(out, "* LIST (%s", c->has_children ? "\\HasChildren" : "\\HasNoChildren");
    if (role_special_use(c->role))
        buf_addf(out, " %s", role_special_use(c->role));
    if (!c->selectable)
        buf_adds(out, " \\Noselect");
    buf_adds(out, ") \"/\" ");
    imap_write_mailbox(c->path, true, out);
    if (!same_name(supplied, c->path))
        oldname_write(supplied, out);
    buf_adds(out, "\r\n");
}

void mailbox_tell_deleted(struct request *r, const struct collection *c, struct slice supplied)
{
    if (!(r->s->enabled & ENABLED_REV2) || same_name(supplied, c->path))
        return;
    buf_adds(&r->out, "* LIST (\\NonExistent) \"/\" ");
    imap_write_mailbox(c->path, true, &r->out);
    oldname_write(supplied, &r->out);
    buf_adds(&r->out, "\r\n");
}

void mailbox_tell_oldname(struct request *r, struct txn *t, uint64_t collection,
                          struct slice supplied, bool renamed)
{
    struct collection c;
    if (!(r->s->enabled & ENABLED_REV2) || collection_by_id(t, collection, &r->arena, &c, NULL))
        return;
    if (renamed || !same_name(supplied, c.path))
        mailbox_list_write(&c, supplied, &r->out);
}

void mailbox_id_write(uint64_t collection, struct buf *out)
{
    buf_addf(out, "F%llu", (unsigned long long)collection);
}
