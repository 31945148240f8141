/* cmd_expunge.c - EXPUNGE (RFC 9051 6.4.3) and UID EXPUNGE (6.4.9, RFC 4315). The EXPUNGE or
   VANISHED responses come with the updates behind it, when all slices are gone. */
#include "imap/cmds.h"
#include "imap/sets.h"
#include "imap/slices.h"
#include "store/entry.h"

int cmd_expunge_parse(struct request *r, struct imap_parser *p)
{
    if (!r->uid)
        return 0;
    struct imap_set *set = request_new_of(r, struct imap_set, 1);
    r->args = set;
    r->set = set;
    return !set || imap_space(p) ? -1 : imap_set(p, set);
}

enum cmd_next cmd_expunge(struct request *r, struct txn *t)
{
    struct selected *sel = r->s->sel;
    UIDSET_SCOPE uids = {0};
    UIDSET_SCOPE gone = {0};
    if (sel->read_only) {
        r->code = "READ-ONLY";
        return request_fail(r, ERR_NOPERM, "The mailbox is open for reading only");
    }
    if (r->uid && set_uids(r, r->args, true, &uids) != CMD_DONE)
        return CMD_FAIL;
    int more = entry_expunge_some(t, sel->collection, r->uid ? &uids : NULL, true, SLICE_MAX, &gone,
                                  &r->job.err);
    if (more < 0) {
        r->code = NULL;
        return CMD_FAIL;
    }
    if (!uidset_empty(&gone) && (r->s->enabled & ENABLED_CONDSTORE))
        r->code =
            arena_printf(&r->arena, "HIGHESTMODSEQ %llu", (unsigned long long)txn_modseq(t)).p;
    return more ? CMD_AGAIN : CMD_DONE;
}
