/* cmd_close.c - CLOSE (RFC 9051 6.4.1) and UNSELECT (6.4.2, RFC 3691). CLOSE expunges without a
   word, and the reply must not name the HIGHESTMODSEQ (RFC 7162 3.2.8). */
#include "imap/cmds.h"
#include "imap/slices.h"
#include "store/entry.h"

enum cmd_next cmd_close(struct request *r, struct txn *t)
{
    struct selected *sel = r->s->sel;
    UIDSET_SCOPE gone = {0};
    if (sel->read_only)
        return CMD_DONE;
    int more = entry_expunge_some(t, sel->collection, NULL, true, SLICE_MAX, &gone, &r->job.err);
    if (more < 0)
        return r->job.err.code == ERR_NOTFOUND ? (r->job.err = (struct err){0}, CMD_DONE)
                                               : CMD_FAIL;
    return more ? CMD_AGAIN : CMD_DONE;
}

enum cmd_next cmd_unselect(struct request *r, struct txn *t)
{
    (void)r;
    (void)t;
    return CMD_DONE;
}

void cmd_close_done(struct request *r)
{
    if (r->outcome == CMD_DONE)
        session_deselect(r->s);
}
