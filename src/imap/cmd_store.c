/* cmd_store.c - STORE: RFC 9051 6.4.6, RFC 7162 3.1.3 (UNCHANGEDSINCE). The FETCH responses come
   with the updates behind it: for every message named when not .SILENT, and with CONDSTORE the new
   MODSEQ in either case. */
#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/flags.h"
#include "imap/sets.h"
#include "store/change.h"

struct store {
    struct imap_set set;
    struct imap_store_args args;
    struct uidset uids, changed;
};

static void store_free(void *state)
{
    struct store *s = state;
    uidset_done(&s->uids);
    uidset_done(&s->changed);
}

int cmd_store_parse(struct request *r, struct imap_parser *p)
{
    struct store *s = request_new_of(r, struct store, 1);
    if (!s || imap_space(p) || imap_set(p, &s->set) || imap_space(p) ||
        imap_store_args(p, &s->args))
        return -1;
    r->args = r->state = s;
    r->state_done = store_free;
    return 0;
}

/* "MODIFIED set": uids or sequence numbers, as the command counts. */
static const char *modified_code(struct request *r, const struct uidset *modified)
{
    BUF_SCOPE code = {0};
    UIDSET_SCOPE seqs = {0};
    buf_adds(&code, "MODIFIED ");
    if (!r->uid)
        view_uids_to_seqs(r->s->sel->view, modified, &seqs);
    uidset_print(r->uid ? modified : &seqs, &code);
    return arena_cstr(&r->arena, buf_slice(&code));
}

/* Those that others changed since the client was last told of them. */
static int changed_by_others(struct request *r, struct txn *t, const struct uidset *uids,
                             struct uidset *others)
{
    struct err e = {0};
    if (change_since(t, r->s->sel->collection, r->s->sel->modseq, others, NULL, &e) == 0)
        return 0;
    if (e.code == ERR_NOTFOUND) { /* nobody knows any more */
        uidset_add_set(others, uids);
        return 0;
    }
    r->job.err = e;
    return -1;
}

/* The client knows the new flags of what it changed, unless it did not know the old ones: then it
   is told, as if it were somebody else's change. RFC 9051 6.4.6 */
static void be_silent(struct request *r, struct txn *t, struct store *s,
                      const struct uidset *others)
{
    uidset_subtract(&s->changed, others);
    if (uidset_empty(&s->changed))
        return;
    r->silent = &s->changed;
    r->silent_modseq = txn_modseq(t);
}

enum cmd_next cmd_store(struct request *r, struct txn *t)
{
    static const enum flag_op ops[] = {['+'] = FLAGS_ADD, ['-'] = FLAGS_REMOVE, ['='] = FLAGS_SET};
    struct store *s = r->args;
    struct selected *sel = r->s->sel;
    UIDSET_SCOPE modified = {0};
    UIDSET_SCOPE others = {0};
    r->code = NULL;
    uidset_clear(&s->uids);
    uidset_clear(&s->changed);
    if (sel->read_only) {
        r->code = "READ-ONLY";
        return request_fail(r, ERR_NOPERM, "The mailbox is open for reading only");
    }
    if (set_uids(r, &s->set, r->uid, &s->uids) != CMD_DONE)
        return CMD_FAIL;
    if (s->args.has_since)
        condstore_enable(r);
    if (uidset_empty(&s->uids))
        return CMD_DONE;
    if (s->args.silent && changed_by_others(r, t, &s->uids, &others))
        return CMD_FAIL;
    struct flagset flags = flags_of(&s->args.flags);
    if (entry_store_flags(t, sel->collection, r->s->account, &s->uids, ops[(int)s->args.op], &flags,
                          s->args.has_since ? s->args.since : UINT64_MAX, &s->changed, &modified,
                          &r->job.err))
        return CMD_FAIL;
    for (size_t i = 0; i < modified.n; i++)
        uidset_remove(&s->uids, modified.r[i].first, modified.r[i].last);
    if (s->args.silent)
        be_silent(r, t, s, &others);
    else
        r->force = &s->uids;
    if (!uidset_empty(&modified))
        r->code = modified_code(r, &modified);
    return CMD_DONE;
}
