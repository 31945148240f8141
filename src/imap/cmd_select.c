/* cmd_select.c - SELECT and EXAMINE: RFC 9051 6.3.2, 6.3.3; RFC 3501 (RECENT, UNSEEN); RFC
   7162 3.1.8 and 3.2.5 (CONDSTORE, QRESYNC); RFC 8474 4.1 (MAILBOXID). What QRESYNC has to tell may
   be long: it goes out in steps. */
#include <stdlib.h>

#include "imap/cmds.h"
#include "imap/flags.h"
#include "imap/mailbox.h"
#include "imap/recent.h"
#include "imap/updates.h"
#include "proto/imap/select_args.h"
#include "proto/imap/write.h"
#include "store/change.h"

enum { UNSEEN_SCAN_MAX = 20000 };

struct selecting {
    struct imap_select_args args;
    bool read_only, opened;
    struct selected *sel;  /* the session's when all is well */
    struct uidset changed; /* QRESYNC: still to write */
};

static void selecting_free(void *state)
{
    struct selecting *g = state;
    uidset_done(&g->changed);
    selected_free(g->sel);
}

int cmd_select_parse(struct request *r, struct imap_parser *p)
{
    struct selecting *g = request_new_of(r, struct selecting, 1);
    if (!g || imap_select_args(p, &g->args))
        return -1;
    if (g->args.qresync && !(r->s->enabled & ENABLED_QRESYNC))
        return imap_fail(p, "QRESYNC needs ENABLE QRESYNC");
    if (g->args.has_match && (r->s->enabled & ENABLED_UIDONLY))
        return request_uid_required(r);
    r->args = r->state = g;
    r->state_done = selecting_free;
    return 0;
}

/* The first message without \Seen (RFC 3501 7.1). Not looked for behind UNSEEN_SCAN_MAX messages.
 */
static uint32_t first_unseen(struct request *r, struct txn *t, const struct collection *c,
                             const struct view *v)
{
    struct entry_walk *w;
    struct entry en;
    uint32_t seq = 0;
    struct err e = {0};
    if (c->unseen == 0 || entry_walk_open(t, c->id, r->s->account, NULL, 0, &w, &e))
        return 0;
    for (unsigned n = 0; n < UNSEEN_SCAN_MAX && !seq && entry_walk_next(w, &en, &e) > 0; n++)
        if (!(en.flags & FLAG_SEEN))
            seq = view_seq(v, en.uid);
    entry_walk_close(w);
    return seq;
}

static int open_mailbox(struct request *r, struct txn *t, struct selecting *g, struct collection *c)
{
    if (mailbox_find(r, t, g->args.mailbox, false, c) != CMD_DONE || flags_load(r, t, &r->job.err))
        return -1;
    struct view *v;
    if (view_get(t, c->id, &v, &r->job.err))
        return -1;
    g->sel = calloc(1, sizeof(*g->sel));
    BUG_IF(!g->sel);
    *g->sel = (struct selected){.collection = c->id,
                                .uidvalidity = c->uidvalidity,
                                .read_only = g->read_only,
                                .view = v,
                                .modseq = c->modseq,
                                .keywords = r->keywords->n};
    if (!(r->s->enabled & ENABLED_REV2))
        recent_select(t, c->id, v, g->read_only, &g->sel->recent);
    return 0;
}

static void tell(struct request *r, struct txn *t, struct selecting *g, const struct collection *c)
{
    struct buf *out = &r->out;
    const struct selected *sel = g->sel;
    bool rev2 = r->s->enabled & ENABLED_REV2;
    flags_announce(r, sel, out);
    buf_addf(out, "* %u EXISTS\r\n", view_count(sel->view));
    if (!rev2) {
        buf_addf(out, "* %llu RECENT\r\n", (unsigned long long)uidset_count(&sel->recent));
        bool numbers = !(r->s->enabled & ENABLED_UIDONLY);
        uint32_t unseen = numbers ? first_unseen(r, t, c, sel->view) : 0;
        if (unseen)
            buf_addf(out, "* OK [UNSEEN %u] First unseen\r\n", unseen);
    }
    buf_addf(out, "* OK [UIDVALIDITY %u] Valid\r\n* OK [UIDNEXT %u] Next\r\n", c->uidvalidity,
             c->uidnext);
    buf_addf(out, "* OK [HIGHESTMODSEQ %llu] Highest\r\n* OK [MAILBOXID (",
             (unsigned long long)c->modseq);
    mailbox_id_write(c->id, out);
    buf_adds(out, ")] Id\r\n");
    if (rev2)
        mailbox_list_write(c, g->args.mailbox, out);
}

static void add_plain(const struct imap_set *in, struct uidset *out)
{
    for (size_t i = 0; i < in->n; i++) {
        uint32_t a = in->r[i].first, b = in->r[i].last;
        uidset_add(out, a < b ? a : b, a < b ? b : a);
    }
}

/* RFC 7162 3.2.5.2: the client's pairs of sequence number and uid that are still true say that
   nothing at or below was expunged. Returns the highest such uid, or 0. */
static uint32_t matched_uid(const struct selecting *g)
{
    UIDSET_SCOPE seqs = {0};
    UIDSET_SCOPE uids = {0};
    uint32_t best = 0;
    add_plain(&g->args.match_seqs, &seqs);
    add_plain(&g->args.match_uids, &uids);
    for (size_t i = 0; i < seqs.n && i < uids.n; i++) {
        /* Pairs at the ends of ranges are enough: more would only make the answer shorter. */
        uint64_t upto = uidset_count(&(struct uidset){.r = seqs.r, .n = i});
        uint32_t uid = uidset_nth(&uids, upto);
        if (uid && view_uid(g->sel->view, seqs.r[i].first) == uid)
            best = uid;
        else
            break;
    }
    return best;
}

/* VANISHED (EARLIER), and which entries changed. RFC 7162 3.2.5.1, 3.2.6. */
static int resync(struct request *r, struct txn *t, struct selecting *g, const struct collection *c)
{
    const struct imap_select_args *a = &g->args;
    if (!a->qresync || a->uidvalidity != c->uidvalidity)
        return 0;
    UIDSET_SCOPE gone = {0};
    UIDSET_SCOPE all = {0};
    view_all(g->sel->view, &all);
    if (change_since(t, c->id, a->modseq, &g->changed, &gone, &r->job.err)) {
        if (r->job.err.code != ERR_NOTFOUND)
            return -1;
        r->job.err = (struct err){0};
        uidset_copy(&g->changed, &all);
        if (c->uidnext > 1)
            uidset_add(&gone, 1, c->uidnext - 1);
        uint32_t below = a->has_match ? matched_uid(g) : 0;
        if (below)
            uidset_remove(&gone, 1, below);
    }
    for (size_t i = 0; i < all.n; i++)
        uidset_remove(&gone, all.r[i].first, all.r[i].last);
    if (a->has_known) {
        UIDSET_SCOPE known = {0};
        add_plain(&a->known, &known);
        uidset_intersect(&gone, &known);
        uidset_intersect(&g->changed, &known);
    }
    uidset_intersect(&g->changed, &all);
    if (!uidset_empty(&gone)) {
        buf_adds(&r->out, "* VANISHED (EARLIER) ");
        uidset_print(&gone, &r->out);
        buf_adds(&r->out, "\r\n");
    }
    return 0;
}

static enum cmd_next write_changed(struct request *r, struct txn *t, struct selecting *g)
{
    struct entry_walk *w;
    struct entry en;
    int got;
    uint32_t last = 0;
    if (uidset_empty(&g->changed))
        return CMD_DONE;
    if (flags_load(r, t, &r->job.err) ||
        entry_walk_open(t, g->sel->collection, r->s->account, &g->changed, ENTRY_KEYWORDS, &w,
                        &r->job.err))
        return CMD_FAIL;
    r->uid = true; /* QRESYNC wants the UID in each */
    while ((got = entry_walk_next(w, &en, &r->job.err)) > 0) {
        last = en.uid;
        uint32_t seq = view_seq(g->sel->view, en.uid);
        if (seq && en.modseq > g->args.modseq)
            updates_write_flags(r, seq, &en, true, &r->out);
        if (request_step_full(r))
            break;
    }
    entry_walk_close(w);
    if (got < 0)
        return CMD_FAIL;
    if (got == 0)
        return CMD_DONE;
    uidset_remove(&g->changed, 1, last);
    return uidset_empty(&g->changed) ? CMD_DONE : CMD_AGAIN;
}

static enum cmd_next run(struct request *r, struct txn *t, bool read_only)
{
    struct selecting *g = r->args;
    struct collection c;
    if (g->opened)
        return write_changed(r, t, g);
    g->read_only = read_only;
    if (r->s->sel) { /* RFC 9051 7.1: whatever comes next, the old one is closed */
        selected_free(r->s->sel);
        r->s->sel = NULL;
        buf_adds(&r->out, "* OK [CLOSED] The previous mailbox is closed\r\n");
    }
    if (open_mailbox(r, t, g, &c))
        return CMD_FAIL;
    if (g->args.condstore || g->args.qresync)
        r->s->enabled |= ENABLED_CONDSTORE;
    tell(r, t, g, &c);
    g->opened = true;
    r->code = read_only ? "READ-ONLY" : "READ-WRITE";
    return resync(r, t, g, &c) ? CMD_FAIL : write_changed(r, t, g);
}

enum cmd_next cmd_select(struct request *r, struct txn *t)
{
    return run(r, t, false);
}

enum cmd_next cmd_examine(struct request *r, struct txn *t)
{
    return run(r, t, true);
}

void cmd_select_done(struct request *r)
{
    struct session *s = r->s;
    struct selecting *g = r->args;
    if (r->outcome == CMD_DONE) {
        s->sel = g->sel;
        g->sel = NULL;
        s->state = STATE_SELECTED;
    } else {
        session_deselect(s);
        s->state = STATE_AUTH;
        r->code = NULL;
    }
}
