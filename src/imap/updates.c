/* updates.c - compares the view that was announced with the one of the snapshot. The plan is made
   in one step; writing it may take several, and only the end moves the session's pointer. Where
   expunges may not be told (RFC 9051 7.5.1), EXISTS and flags are: the view takes what has come
   behind what has gone and is still counted. */
#include "imap/updates.h"

#include <stdlib.h>

#include "imap/commands.h"
#include "imap/flags.h"
#include "imap/idle_share.h"
#include "imap/recent.h"
#include "store/change.h"
#include "store/collection.h"

struct updates {
    struct view *now;     /* what the client knows when this is told */
    struct uidset gone;   /* to tell, highest first */
    struct uidset report; /* FETCH FLAGS */
    struct uidset quiet;  /* of these only MODSEQ, and only with CONDSTORE */
    uint64_t modseq;
    bool exists, flags;
    bool recent;
    bool delayed; /* expunges that may not be told now */
};

void updates_free(struct updates *u)
{
    if (!u)
        return;
    view_unref(u->now);
    uidset_done(&u->gone);
    uidset_done(&u->report);
    uidset_done(&u->quiet);
    free(u);
}

/* RFC 9051 7.5.1; RFC 7162 3.2.10.2 for UID SEARCH with message numbers. */
static bool may_expunge(const struct request *r)
{
    return (r->uid && !r->by_number) || (r->cmd->flags & CMD_EXPUNGE);
}

/* What others changed behind the commands of our group is told, .SILENT or not. RFC 9051 6.4.6 */
static int find_later(struct request *r, struct txn *t, struct updates *u, struct uidset *later,
                      struct err *e)
{
    uint64_t ours = r->log_at;
    for (const struct request *q = r->group_next; q; q = q->group_next)
        if (q->log_at > ours)
            ours = q->log_at;
    if (!ours || u->modseq <= ours)
        return 0;
    struct err why = {0};
    if (change_since(t, r->s->sel->collection, ours, later, NULL, &why) == 0)
        return 0;
    if (why.code != ERR_NOTFOUND) {
        *e = why;
        return -1;
    }
    view_all(r->s->sel->view, later); /* the log is too short */
    return 0;
}

/* Takes out what the commands behind tell themselves, and what .SILENT hides. */
static int plan_silence(struct request *r, struct txn *t, struct updates *u, struct err *e)
{
    UIDSET_SCOPE later = {0};
    UIDSET_SCOPE theirs = {0};
    if (find_later(r, t, u, &later, e))
        return -1;
    for (const struct request *q = r->group_next; q; q = q->group_next) {
        if (q->force)
            uidset_add_set(&theirs, q->force);
        if (q->silent)
            uidset_add_set(&theirs, q->silent);
    }
    uidset_subtract(&theirs, &later);
    uidset_subtract(&u->report, &theirs);
    if (!r->silent)
        return 0;
    for (const struct request *q = r->group_next; q; q = q->group_next)
        if (q->others)
            uidset_add_set(&later, q->others);
    uidset_copy(&u->quiet, r->silent);
    uidset_subtract(&u->quiet, &later);
    if ((r->s->enabled & ENABLED_CONDSTORE) && !r->silent_told)
        uidset_add_set(&u->report, &u->quiet);
    else
        uidset_subtract(&u->report, &u->quiet);
    return 0;
}

/* Uids whose flags are to be told: changed since we last looked. New ones among them are passed
   over when it is written. */
static int plan_flags(struct request *r, struct txn *t, struct updates *u, struct err *e)
{
    struct selected *sel = r->s->sel;
    if (u->modseq > sel->modseq) {
        struct err why = {0};
        if (change_since(t, sel->collection, sel->modseq, &u->report, NULL, &why)) {
            if (why.code != ERR_NOTFOUND) {
                *e = why;
                return -1;
            }
            view_all(sel->view, &u->report); /* the log is too short: tell all */
        }
    }
    if ((r->log_at || r->group_next) && plan_silence(r, t, u, e))
        return -1;
    if (r->force)
        uidset_add_set(&u->report, r->force);
    return 0;
}

static int plan_view(struct request *r, struct txn *t, struct updates *u, struct err *e)
{
    struct session *s = r->s;
    struct selected *sel = s->sel;
    struct view *now;
    if (view_get(t, sel->collection, &now, e))
        return -1;
    view_minus(sel->view, now, &u->gone);
    UIDSET_SCOPE added = {0};
    view_minus(now, sel->view, &added);
    if (!uidset_empty(&u->gone) && !may_expunge(r)) {
        uidset_clear(&u->gone);
        u->delayed = true;
        u->now = view_with(sel->view, &added, view_uidnext(now));
        view_unref(now);
    } else {
        u->now = now;
    }
    u->exists = !uidset_empty(&added);
    idle_share_added(r, &added);
    if (u->exists && !(s->enabled & ENABLED_REV2)) {
        recent_take(s->account, sel->collection, sel->read_only, &added, &sel->recent);
        u->recent = true;
    }
    return 0;
}

static int plan(struct request *r, struct txn *t, struct err *e)
{
    struct selected *sel = r->s->sel;
    struct collection c;
    if (collection_by_id(t, sel->collection, &r->arena, &c, e)) {
        r->gone = e->code == ERR_NOTFOUND;
        return -1;
    }
    if (!c.selectable) {
        r->gone = true;
        return -1;
    }
    struct updates *u = calloc(1, sizeof(*u));
    BUG_IF(!u);
    r->updates = u;
    u->modseq = c.modseq;
    if (c.modseq == view_modseq(sel->view) && c.modseq == sel->modseq && !r->force && !r->silent) {
        u->now = view_ref(sel->view);
        return 0;
    }
    if (plan_view(r, t, u, e) || plan_flags(r, t, u, e) || flags_load(r, t, e))
        return -1;
    u->flags = r->keywords->n > sel->keywords;
    return 0;
}

/* Highest first, so that the numbers of those that follow stay right. */
static bool write_expunges(struct request *r, struct updates *u)
{
    struct selected *sel = r->s->sel;
    while (u->gone.n) {
        uint32_t uid = u->gone.r[u->gone.n - 1].last;
        buf_addf(&r->out, "* %u EXPUNGE\r\n", view_seq(sel->view, uid));
        uidset_remove(&u->gone, uid, uid);
        uidset_remove(&sel->recent, uid, uid);
        if (r->out.n >= OUTPUT_STEP)
            return false;
    }
    return true;
}

static void write_vanished(struct request *r, struct updates *u)
{
    if (uidset_empty(&u->gone))
        return;
    buf_adds(&r->out, "* VANISHED ");
    uidset_print(&u->gone, &r->out);
    buf_adds(&r->out, "\r\n");
    uidset_clear(&u->gone);
}

void updates_write_flags(struct request *r, uint32_t seq, const struct entry *en, bool flags,
                         struct buf *out)
{
    unsigned enabled = r->s->enabled;
    const char *space = "";
    bool uidonly = enabled & ENABLED_UIDONLY;
    buf_addf(out, uidonly ? "* %u UIDFETCH (" : "* %u FETCH (", uidonly ? en->uid : seq);
    if (uidonly && (flags || (enabled & ENABLED_CONDSTORE))) {
        space = "";
    } else if (r->uid || (enabled & (ENABLED_CONDSTORE | ENABLED_QRESYNC | ENABLED_REV2))) {
        buf_addf(out, "UID %u", en->uid);
        space = " ";
    }
    if (flags) {
        buf_addf(out, "%sFLAGS ", space);
        flags_write(r, en, out);
        space = " ";
    }
    if (enabled & ENABLED_CONDSTORE)
        buf_addf(out, "%sMODSEQ (%llu)", space, (unsigned long long)en->modseq);
    buf_adds(out, ")\r\n");
}

/* 1 more, 0 done, -1 */
static int write_flags(struct request *r, struct txn *t, struct updates *u, struct err *e)
{
    struct session *s = r->s;
    struct entry_walk *w;
    struct entry en;
    int got;
    if (uidset_empty(&u->report))
        return 0;
    if (flags_load(r, t, e) ||
        entry_walk_open(t, s->sel->collection, s->account, &u->report, ENTRY_KEYWORDS, &w, e))
        return -1;
    uint32_t last = 0;
    while ((got = entry_walk_next(w, &en, e)) > 0) {
        uint32_t seq = view_seq(u->now, en.uid);
        last = en.uid;
        if (seq && view_seq(s->sel->view, en.uid)) {
            updates_write_flags(r, seq, &en, !uidset_has(&u->quiet, en.uid), &r->out);
            idle_share_fetches(r);
        }
        if (request_step_full(r))
            break;
    }
    entry_walk_close(w);
    if (got < 0)
        return -1;
    if (got == 0)
        return 0;
    uidset_remove(&u->report, 1, last);
    return uidset_empty(&u->report) ? 0 : 1;
}

/* RFC 7162 3.2: while expunges wait, the client must not take the MODSEQ of a FETCH for all that it
   knows; when they have been told it may again. */
static void write_highest(struct request *r, const struct updates *u)
{
    struct selected *sel = r->s->sel;
    if ((r->s->enabled & ENABLED_QRESYNC) && (u->delayed || sel->delayed))
        buf_addf(&r->out, "* OK [HIGHESTMODSEQ %llu] %s\r\n",
                 (unsigned long long)(u->delayed ? view_modseq(sel->view) : u->modseq),
                 u->delayed ? "Expunges are not told yet" : "Highest");
    sel->delayed = u->delayed;
}

static void finish(struct request *r, struct updates *u)
{
    struct selected *sel = r->s->sel;
    write_highest(r, u);
    struct view *old = sel->view;
    sel->view = view_ref(u->now);
    view_unref(old);
    sel->modseq = u->modseq;
    idle_share_told(r, u->delayed);
    updates_free(u);
    r->updates = NULL;
}

int updates_step(struct request *r, struct txn *t)
{
    struct err e = {0};
    struct selected *sel = r->s->sel;
    if (!r->updates && plan(r, t, &e))
        return -1;
    struct updates *u = r->updates;
    if (r->s->enabled & (ENABLED_QRESYNC | ENABLED_UIDONLY))
        write_vanished(r, u);
    else if (!write_expunges(r, u))
        return 1;
    if (u->exists)
        buf_addf(&r->out, "* %u EXISTS\r\n", view_count(u->now));
    if (u->recent) {
        size_t from = r->out.n;
        buf_addf(&r->out, "* %llu RECENT\r\n", (unsigned long long)uidset_count(&sel->recent));
        idle_share_own(r, from);
    }
    u->exists = u->recent = false;
    if (u->flags) {
        if (flags_load(r, t, &e))
            return -1;
        flags_announce(r, sel, &r->out);
        sel->keywords = r->keywords->n;
        u->flags = false;
    }
    int more = write_flags(r, t, u, &e);
    if (more == 0)
        finish(r, u);
    return more;
}
