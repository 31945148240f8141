/* cmd_fetch.c - FETCH: RFC 9051 6.4.5, RFC 7162 3.1.4 and 3.2.6. First it is decided which messages
   (and, when \Seen is to be set, that is written); then they are walked in steps. A message that
   another session expunged and that this client still believes in comes from the change log. */
#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/fetch.h"
#include "imap/flags.h"
#include "imap/sets.h"
#include "store/change.h"

static void fetch_free(void *state)
{
    struct fetch *f = state;
    uidset_done(&f->uids);
    uidset_done(&f->known);
    fetch_message_done(&f->msg);
}

int cmd_fetch_parse(struct request *r, struct imap_parser *p)
{
    struct fetch *f = request_new_of(r, struct fetch, 1);
    if (!f || imap_space(p) || imap_set(p, &f->set) || imap_space(p) ||
        imap_fetch_args(p, r->uid, &f->args))
        return -1;
    if (f->args.vanished && !(r->s->enabled & ENABLED_QRESYNC))
        return imap_fail(p, "VANISHED needs ENABLE QRESYNC");
    for (size_t i = 0; i < f->args.n_bodies; i++) {
        f->marks_seen |= !f->args.bodies[i].peek;
        f->needs_parts |= f->args.bodies[i].section.n_path > 0;
    }
    r->args = r->state = f;
    r->state_done = fetch_free;
    return 0;
}

/* RFC 7162 3.1.4.1. The log has left out most of the others; where it is too short, none. */
static bool is_wanted(const struct fetch *f, const struct entry *en)
{
    return !f->args.has_since || en->modseq > f->args.since;
}

/* CHANGEDSINCE, and with VANISHED what is gone of what was asked for. */
static int changed_since(struct request *r, struct txn *t, struct fetch *f)
{
    struct selected *sel = r->s->sel;
    UIDSET_SCOPE changed = {0};
    UIDSET_SCOPE gone = {0};
    UIDSET_SCOPE all = {0};
    if (change_since(t, sel->collection, f->args.since, &changed, &gone, &r->job.err)) {
        if (r->job.err.code != ERR_NOTFOUND)
            return -1;
        r->job.err = (struct err){0};
        uidset_add(&changed, 1, UINT32_MAX);
        if (view_uidnext(sel->view) > 1)
            uidset_add(&gone, 1, view_uidnext(sel->view) - 1);
    }
    uidset_intersect(&f->uids, &changed);
    if (!f->args.vanished)
        return 0;
    UIDSET_SCOPE asked = {0};
    for (size_t i = 0; i < f->set.n; i++) {
        uint32_t a = f->set.r[i].first ? f->set.r[i].first : UINT32_MAX;
        uint32_t b = f->set.r[i].last ? f->set.r[i].last : UINT32_MAX;
        uidset_add(&asked, a < b ? a : b, a < b ? b : a);
    }
    view_all(sel->view, &all);
    for (size_t i = 0; i < all.n; i++)
        uidset_remove(&gone, all.r[i].first, all.r[i].last);
    uidset_intersect(&gone, &asked);
    if (uidset_empty(&gone))
        return 0;
    buf_adds(&r->out, "* VANISHED (EARLIER) ");
    uidset_print(&gone, &r->out);
    buf_adds(&r->out, "\r\n");
    return 0;
}

/* Those of f->uids behind *upto that are so, as far as this step goes: 1 when there are more. */
static int look_for(struct request *r, struct txn *t, struct fetch *f, uint32_t *upto,
                    bool (*is_so)(const struct fetch *f, const struct entry *en),
                    struct uidset *found)
{
    struct entry_walk *w;
    struct entry en;
    int got;
    UIDSET_SCOPE left = {0};
    uidset_copy(&left, &f->uids);
    if (*upto)
        uidset_remove(&left, 1, *upto);
    if (uidset_empty(&left))
        return 0;
    if (entry_walk_open(t, r->s->sel->collection, r->s->account, &left, 0, &w, &r->job.err))
        return -1;
    while ((got = entry_walk_next(w, &en, &r->job.err)) > 0) {
        if (is_so(f, &en))
            uidset_add(found, en.uid, en.uid);
        *upto = en.uid;
        if (request_step_full(r))
            break;
    }
    entry_walk_close(w);
    return got;
}

static bool is_unseen(const struct fetch *f, const struct entry *en)
{
    return !(en->flags & FLAG_SEEN) && is_wanted(f, en);
}

static bool is_unwanted(const struct fetch *f, const struct entry *en)
{
    return !is_wanted(f, en);
}

/* PARTIAL pages what CHANGEDSINCE leaves: the rest of f->uids has to be known before. RFC 9394 3.4.
   1 when there are more to look at. */
static int sift(struct request *r, struct txn *t, struct fetch *f)
{
    UIDSET_SCOPE rest = {0};
    if (!f->args.has_since)
        return 0;
    int got = look_for(r, t, f, &f->sifted, is_unwanted, &rest);
    uidset_subtract(&f->uids, &rest);
    return got;
}

static enum cmd_next mark_seen(struct request *r, struct txn *t)
{
    struct fetch *f = r->args;
    UIDSET_SCOPE changed = {0};
    UIDSET_SCOPE modified = {0};
    struct flagset seen = {.system = FLAG_SEEN};
    if (entry_store_flags(t, r->s->sel->collection, r->s->account, &f->known, FLAGS_ADD, &seen,
                          UINT64_MAX, &changed, &modified, &r->job.err))
        return CMD_FAIL;
    r->log_at = txn_modseq(t);
    r->run = cmd_fetch;
    r->place = PLACE_READ;
    return CMD_MOVE;
}

/* A message that is only in this session's view any more. 1 written, 0 not to be had, -1. */
static int fetch_one(struct request *r, struct txn *t, struct fetch *f, const struct entry *en)
{
    uint32_t seq = view_seq_near(r->s->sel->view, en->uid, f->seq);
    if (!seq)
        return 0;
    f->seq = seq;
    if (fetch_items(r, t, f, en, seq))
        return -1;
    if (en->damaged && f->error.code == ERR_OK)
        err_set(&f->error, ERR_CORRUPT,
                "what is stored beside uid %u is damaged: run carbonado store check --repair",
                en->uid);
    if (f->args.n_bodies && fetch_body_open(f, en, &f->error) && f->error.code == ERR_OK)
        return -1;
    f->open = true;
    return 1;
}

/* Goes on with the message under way: 1 when output is full, 0 when it is complete. */
static int finish_one(struct request *r, struct fetch *f)
{
    if (!f->open)
        return 0;
    int more = f->args.n_bodies ? fetch_body(r, f) : 0;
    if (more)
        return more;
    buf_add(&r->out, S(")\r\n"));
    if (f->args.n_bodies)
        fetch_message_done(&f->msg);
    f->open = false;
    return 0;
}

static int fetch_expunged(struct request *r, struct txn *t, struct fetch *f, uint32_t uid)
{
    struct err e = {0};
    struct entry en;
    ARENA_SCOPE a = {0};
    if (entry_expunged(t, r->s->sel->collection, uid, fetch_want(&f->args), &a, &en, &e)) {
        f->lost |= !r->uid;
        if (e.code == ERR_NOTFOUND)
            return 0;
        r->job.err = e;
        return -1;
    }
    return fetch_one(r, t, f, &en) < 0 ? -1 : finish_one(r, f);
}

/* The first uid that is still to do; 0: none. */
static uint32_t next_uid(struct fetch *f)
{
    for (; f->range < f->uids.n; f->range++) {
        struct uidrange at = f->uids.r[f->range];
        if (f->next < at.first)
            f->next = at.first;
        if (f->next <= at.last)
            return f->next;
    }
    return 0;
}

static void passed(struct fetch *f, uint32_t uid)
{
    if (uid == UINT32_MAX)
        f->range = f->uids.n;
    else
        f->next = uid + 1;
}

/* What is to do before `uid` (0: all that is left) is not in the table any more. */
static int expunged_before(struct request *r, struct txn *t, struct fetch *f, uint32_t uid)
{
    uint32_t gone;
    while ((gone = next_uid(f)) && (uid == 0 || gone < uid)) {
        passed(f, gone);
        int more = fetch_expunged(r, t, f, gone);
        if (more)
            return more;
        if (request_step_full(r))
            return 1;
    }
    return 0;
}

static void todo(struct fetch *f, struct uidset *ret)
{
    if (!next_uid(f))
        return;
    uidset_add(ret, f->next, f->uids.r[f->range].last);
    uidset_add_set(ret,
                   &(struct uidset){.r = f->uids.r + f->range + 1, .n = f->uids.n - f->range - 1});
}

/* Rows alone take a microsecond each: the clock is looked at now and then. */
static bool step_full(struct request *r, struct fetch *f)
{
    if (!f->args.n_bodies && ++f->rows % 16)
        return r->out.n >= OUTPUT_STEP;
    return request_step_full(r);
}

/* 1 more to come, 0 done, -1 */
static int walk(struct request *r, struct txn *t, struct fetch *f)
{
    struct entry_walk *w;
    struct entry en;
    int got, more = 0;
    UIDSET_SCOPE left = {0};
    todo(f, &left);
    if (uidset_empty(&left))
        return 0;
    if (entry_walk_open(t, r->s->sel->collection, r->s->account, &left, fetch_want(&f->args), &w,
                        &r->job.err))
        return -1;
    while ((got = entry_walk_next(w, &en, &r->job.err)) > 0) {
        more = expunged_before(r, t, f, en.uid);
        if (more)
            break;
        passed(f, en.uid);
        if (!is_wanted(f, &en))
            continue;
        fetch_make_room(r);
        more = fetch_one(r, t, f, &en) < 0 ? -1 : finish_one(r, f);
        if (!more && step_full(r, f))
            more = 1;
        if (more)
            break;
    }
    entry_walk_close(w);
    if (got < 0)
        return -1;
    return got == 0 && !more ? expunged_before(r, t, f, 0) : more;
}

static enum cmd_next plan(struct request *r, struct txn *t, struct fetch *f)
{
    if (!f->resolved) {
        f->resolved = true;
        if (f->args.items & IMAP_FETCH_MODSEQ)
            condstore_enable(r);
        if (set_uids(r, &f->set, r->uid, &f->uids) != CMD_DONE)
            return CMD_FAIL;
        if (f->args.has_since && changed_since(r, t, f))
            return CMD_FAIL;
    }
    if (f->args.partial.given && !f->paged) {
        int more = sift(r, t, f);
        if (more)
            return more < 0 ? CMD_FAIL : CMD_AGAIN;
        set_page(&f->uids, &f->args.partial);
        f->paged = true;
    }
    int more = f->marks_seen && !r->s->sel->read_only
                   ? look_for(r, t, f, &f->looked_at, is_unseen, &f->known)
                   : 0;
    if (more)
        return more < 0 ? CMD_FAIL : CMD_AGAIN;
    f->planned = true;
    if (uidset_empty(&f->known))
        return CMD_DONE;
    r->run = mark_seen;
    r->place = PLACE_WRITE;
    return CMD_MOVE;
}

enum cmd_next cmd_fetch(struct request *r, struct txn *t)
{
    struct fetch *f = r->args;
    if (!f->planned) {
        enum cmd_next next = plan(r, t, f);
        if (next != CMD_DONE)
            return next;
    }
    int more = finish_one(r, f);
    if (more == 0)
        more = walk(r, t, f);
    if (more < 0)
        r->broken = f->open;
    if (more)
        return more < 0 ? CMD_FAIL : CMD_AGAIN;
    if (!uidset_empty(&f->known)) { /* told in the answers already */
        r->silent = &f->known;
        r->silent_told = true;
    }
    if (f->nul_refused || f->cte_refused) {
        r->code = "UNKNOWN-CTE";
        return request_fail(r, ERR_UNSUPPORTED,
                            f->nul_refused ? "A message holds NUL; use BINARY to fetch it"
                                           : "A part has an encoding that is not known");
    }
    if (f->error.code) {
        r->job.err = f->error;
        return CMD_FAIL;
    }
    if (f->lost) {
        r->code = "EXPUNGEISSUED";
        return request_fail(r, ERR_NOTFOUND, "Some of the messages do not exist any more");
    }
    return CMD_DONE;
}
