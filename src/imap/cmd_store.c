/* cmd_store.c - STORE: RFC 9051 6.4.6, RFC 7162 3.1.3 (UNCHANGEDSINCE). The FETCH responses come
   with the updates behind it: for every message named when not .SILENT, and with CONDSTORE the new
   MODSEQ in either case. */
#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/flags.h"
#include "imap/sets.h"

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

enum cmd_next cmd_store(struct request *r, struct txn *t)
{
    static const enum flag_op ops[] = {['+'] = FLAGS_ADD, ['-'] = FLAGS_REMOVE, ['='] = FLAGS_SET};
    struct store *s = r->args;
    struct selected *sel = r->s->sel;
    UIDSET_SCOPE modified = {0};
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
    struct flagset flags = flags_of(&s->args.flags);
    if (entry_store_flags(t, sel->collection, r->s->account, &s->uids, ops[(int)s->args.op], &flags,
                          s->args.has_since ? s->args.since : UINT64_MAX, &s->changed, &modified,
                          &r->job.err))
        return CMD_FAIL;
    for (size_t i = 0; i < modified.n; i++)
        uidset_remove(&s->uids, modified.r[i].first, modified.r[i].last);
    if (s->args.silent)
        r->silent = &s->changed;
    else
        r->force = &s->uids;
    if (!uidset_empty(&modified))
        r->code = modified_code(r, &modified);
    return CMD_DONE;
}
