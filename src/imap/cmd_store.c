/* cmd_store.c - STORE: RFC 9051 6.4.6, RFC 7162 3.1.3 (UNCHANGEDSINCE). The FETCH responses come
   with the updates behind it: for every message named when not .SILENT, and with CONDSTORE the new
   MODSEQ in either case. What somebody else did to the flags is told even of .SILENT. */
#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/flags.h"
#include "imap/sets.h"
#include "imap/slices.h"
#include "store/change.h"

struct store {
    struct imap_set set;
    struct imap_store_args args;
    struct slices slices;
    struct uidset told;     /* FETCH responses for these */
    struct uidset silent;   /* no flags of these */
    struct uidset modified; /* UNCHANGEDSINCE kept them as they are */
    struct uidset others;   /* changed by others since we last told */
};

static void store_free(void *state)
{
    struct store *s = state;
    slices_done(&s->slices);
    uidset_done(&s->told);
    uidset_done(&s->silent);
    uidset_done(&s->modified);
    uidset_done(&s->others);
}

int cmd_store_parse(struct request *r, struct imap_parser *p)
{
    struct store *s = request_new_of(r, struct store, 1);
    if (!s || imap_space(p) || imap_set(p, &s->set) || imap_space(p) ||
        imap_store_args(p, &s->args))
        return -1;
    r->args = r->state = s;
    r->state_done = store_free;
    r->set = &s->set;
    r->is_silent = s->args.silent;
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

/* RFC 9051 6.4.6: a change from an external source is told in spite of .SILENT. The log tells which
   those are: all since the last look that were not made by the STOREs of this group. */
static int look_for_others(struct request *r, struct txn *t, struct store *s)
{
    struct selected *sel = r->s->sel;
    uint64_t from = sel->modseq;
    for (const struct request *q = r->group_prev; q; q = q->group_prev) {
        if (q->log_at > from)
            from = q->log_at;
        if (q->others)
            uidset_add_set(&s->others, q->others);
    }
    if (r->log_from > from)
        from = r->log_from;
    r->log_at = from;
    r->others = &s->others;
    struct err e = {0};
    if (change_since(t, sel->collection, from, &s->others, NULL, &e) == 0)
        return 0;
    if (e.code != ERR_NOTFOUND) {
        r->job.err = e;
        return -1;
    }
    view_all(sel->view, &s->others); /* the log is too short */
    return 0;
}

static int store_slice(struct request *r, struct txn *t, struct store *s)
{
    static const enum flag_op ops[] = {['+'] = FLAGS_ADD, ['-'] = FLAGS_REMOVE, ['='] = FLAGS_SET};
    UIDSET_SCOPE changed = {0};
    UIDSET_SCOPE modified = {0};
    struct flagset flags = flags_of(&s->args.flags);
    if (look_for_others(r, t, s) ||
        entry_store_flags(
            t, r->s->sel->collection, r->s->account, &s->slices.now, ops[(int)s->args.op], &flags,
            s->args.has_since ? s->args.since : UINT64_MAX, &changed, &modified, &r->job.err))
        return -1;
    if (!uidset_empty(&changed))
        r->log_at = txn_modseq(t);
    uidset_add_set(&s->modified, &modified);
    if (s->args.silent) {
        /* RFC 7162 3.1.3: of a conditional one each message gets its MODSEQ, changed or not. */
        uidset_add_set(&s->silent, s->args.has_since ? &s->slices.now : &changed);
        uidset_subtract(&s->silent, &modified);
        uidset_subtract(&s->silent, &s->others);
        r->silent = &s->silent;
    } else {
        uidset_add_set(&s->told, &s->slices.now);
        uidset_subtract(&s->told, &modified);
        r->force = &s->told;
    }
    return 0;
}

enum cmd_next cmd_store(struct request *r, struct txn *t)
{
    struct store *s = r->args;
    struct selected *sel = r->s->sel;
    r->code = NULL;
    if (sel->read_only) {
        r->code = "READ-ONLY";
        return request_fail(r, ERR_NOPERM, "The mailbox is open for reading only");
    }
    if (r->slice == 0) {
        uidset_clear(&s->slices.todo);
        if (set_uids(r, &s->set, r->uid, &s->slices.todo) != CMD_DONE)
            return CMD_FAIL;
        if (s->args.has_since)
            condstore_enable(r);
    }
    bool more = slices_next(r, &s->slices);
    if (!uidset_empty(&s->slices.now) && store_slice(r, t, s))
        return CMD_FAIL;
    if (more)
        return CMD_AGAIN;
    if (!uidset_empty(&s->modified))
        r->code = modified_code(r, &s->modified);
    return CMD_DONE;
}
