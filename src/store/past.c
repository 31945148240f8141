/* past.c - undoing the change log in thought. Of what happened to a uid, or to a collection, after
   the moment, the first thing tells how it was: what came was not there, what was changed or went
   stands in the row as it had been. What has no row is as it is now. */
#include "store/past.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/setting.h"
#include "store/change_old.h"
#include "store/collection_row.h"
#include "store/entry_item.h"
#include "store/seen.h"

SETTING_DECLARE(store, retention);

DB_STMT(past_moment, "SELECT COALESCE(MAX(modseq), 0) FROM change WHERE account = $1 AND at <= $2");
DB_STMT(past_entries, "SELECT kind, uids, items, old FROM change WHERE account = $1 AND "
                      "modseq > $2 AND collection = $3 AND kind <= 3 ORDER BY modseq, seq");
DB_STMT(past_tree, "SELECT kind, collection, old FROM change WHERE account = $1 AND modseq > $2 "
                   "AND kind BETWEEN 4 AND 6 ORDER BY modseq, seq");

static int damaged(struct err *e)
{
    return err_set(e, ERR_CORRUPT, "a row of the change log is damaged");
}

int past_moment(struct txn *t, int64_t at, uint64_t *ret, struct err *e)
{
    struct account_row row;
    int64_t modseq = 0;
    if (account_read(t, &row, e) ||
        db_get_i64(t->db, &stmt_past_moment, &modseq, e, "ii", (int64_t)t->account, at) < 0)
        return -1;
    bool kept = at >= clock_now_ms() - setting_get(&set_store_retention);
    if (!modseq && row.floor && !kept)
        return err_set(e, ERR_NOTFOUND, "the change log does not reach back so far");
    *ret = (uint64_t)modseq > row.floor ? (uint64_t)modseq : row.floor;
    return 0;
}

static int reaches(struct txn *t, uint64_t moment, struct err *e)
{
    struct account_row row;
    if (account_read(t, &row, e))
        return -1;
    if (moment < row.floor)
        return err_set(e, ERR_NOTFOUND, "the change log does not reach back so far");
    return 0;
}

/* --- the tree --------------------------------------------------------------------------------- */

struct tree {
    struct arena *a;
    struct collection *c;
    size_t n, cap;
    struct uidset decided; /* ids; they are far below 2^32 */
};

static struct collection *tree_at(struct tree *tr, uint64_t id)
{
    for (size_t i = 0; i < tr->n; i++)
        if (tr->c[i].id == id)
            return &tr->c[i];
    return NULL;
}

static struct collection *tree_add(struct tree *tr, uint64_t id)
{
    if (tr->n == tr->cap) {
        size_t cap = tr->cap ? tr->cap * 2 : 16;
        struct collection *more = arena_new(tr->a, struct collection, cap);
        if (!more)
            return NULL;
        if (tr->n)
            memcpy(more, tr->c, tr->n * sizeof *more);
        tr->c = more;
        tr->cap = cap;
    }
    tr->c[tr->n] = (struct collection){.id = id};
    return &tr->c[tr->n++];
}

static void tree_remove(struct tree *tr, const struct collection *c)
{
    size_t i = (size_t)(c - tr->c);
    memmove(&tr->c[i], &tr->c[i + 1], (--tr->n - i) * sizeof *c);
}

/* What collection_change.c writes. */
static int was_read(struct slice old, struct arena *a, struct collection *c)
{
    uint64_t v[6];
    for (size_t i = 0; i < 6; i++)
        if (varint_next(&old, &v[i]))
            return -1;
    c->parent = v[0];
    c->role = (enum collection_role)v[1];
    c->selectable = v[2] != 0;
    c->uidvalidity = (uint32_t)v[3];
    c->uidnext = (uint32_t)v[4];
    c->kind = (enum collection_kind)v[5];
    c->name = arena_dup(a, old);
    return 0;
}

static int tree_undo(struct tree *tr, enum change_kind kind, uint64_t id, struct slice old,
                     struct err *e)
{
    if (uidset_has(&tr->decided, (uint32_t)id))
        return 0;
    uidset_add(&tr->decided, (uint32_t)id, (uint32_t)id);
    struct collection *c = tree_at(tr, id);
    if (kind == CHANGE_CREATED && !old.n) {
        if (c)
            tree_remove(tr, c);
        return 0;
    }
    if (!c)
        c = tree_add(tr, id);
    if (!c)
        return 0; /* the arena has failed */
    return was_read(old, tr->a, c) ? damaged(e) : 0;
}

static int by_path(const void *a, const void *b)
{
    return collection_path_cmp(((const struct collection *)a)->path,
                               ((const struct collection *)b)->path);
}

static void make_paths(struct tree *tr)
{
    for (size_t i = 0; i < tr->n; i++) {
        struct collection *c = &tr->c[i], *up = c;
        c->path = c->name;
        for (size_t d = 0; d < tr->n && (up = tree_at(tr, up->parent)); d++) {
            up->has_children = true;
            c->path = arena_printf(tr->a, "%.*s/%.*s", SARG(up->name), SARG(c->path));
        }
    }
    if (!tr->a->failed && tr->n)
        qsort(tr->c, tr->n, sizeof *tr->c, by_path);
}

static int tree_now(struct txn *t, struct tree *tr, struct err *e)
{
    struct collection *c;
    size_t n;
    if (collection_list(t, tr->a, &c, &n, e))
        return -1;
    for (size_t i = 0; i < n; i++) {
        struct collection *one = tree_add(tr, c[i].id);
        if (one)
            *one = (struct collection){.id = c[i].id,
                                       .parent = c[i].parent,
                                       .name = c[i].name,
                                       .kind = c[i].kind,
                                       .role = c[i].role,
                                       .selectable = c[i].selectable,
                                       .uidvalidity = c[i].uidvalidity,
                                       .uidnext = c[i].uidnext};
    }
    return 0;
}

int past_collections(struct txn *t, uint64_t moment, struct arena *a, struct collection **ret,
                     size_t *ret_n, struct err *e)
{
    struct tree tr = {.a = a};
    if (reaches(t, moment, e) || tree_now(t, &tr, e))
        return -1;
    struct db_query *q = db_query(t->db, &stmt_past_tree);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)moment);
    int rc;
    while ((rc = db_next(q, e)) > 0)
        if (tree_undo(&tr, (enum change_kind)db_i64(q, 0), (uint64_t)db_i64(q, 1), db_blob(q, 2),
                      e)) {
            rc = -1;
            break;
        }
    db_end(q);
    uidset_done(&tr.decided);
    if (rc < 0)
        return -1;
    make_paths(&tr);
    if (a->failed)
        return err_set(e, ERR_LIMIT, "too many mailboxes for one request");
    *ret = tr.c;
    *ret_n = tr.n;
    return 0;
}

/* --- entries ---------------------------------------------------------------------------------- */

struct was {
    uint32_t uid;
    uint64_t item, flags;
};

struct was_keyword {
    uint32_t uid, keyword;
};

struct seen_step {
    bool had;
    struct uidset uids;
};

struct undoing {
    uint64_t person;
    bool theirs;
    struct uidset decided, fresh; /* uids whose state is known; those that this row decides */
    struct was *was;
    size_t n, cap;
    struct was_keyword *keyword;
    size_t keywords_n, keywords_cap;
    struct seen_step *step; /* in the order of the log */
    size_t steps_n, steps_cap;
};

#define GROW(p, n, cap)                                                                            \
    do {                                                                                           \
        if ((n) == (cap)) {                                                                        \
            (cap) = (cap) ? (cap)*2 : 16;                                                          \
            (p) = reallocarray((p), (cap), sizeof *(p));                                           \
            BUG_IF(!(p));                                                                          \
        }                                                                                          \
    } while (0)

static void undoing_done(struct undoing *u)
{
    for (size_t i = 0; i < u->steps_n; i++)
        uidset_done(&u->step[i].uids);
    free(u->step);
    free(u->keyword);
    free(u->was);
    uidset_done(&u->decided);
    uidset_done(&u->fresh);
}

static int undo_sections(struct undoing *u, struct slice rest, struct err *e)
{
    struct old_set set = {.uids = {0}};
    int rc;
    while ((rc = old_section_next(&rest, &set)) > 0) {
        if (set.kind == OLD_KEYWORD) {
            uidset_intersect(&set.uids, &u->fresh);
            for (size_t i = 0; i < set.uids.n; i++)
                for (uint64_t uid = set.uids.r[i].first; uid <= set.uids.r[i].last; uid++) {
                    GROW(u->keyword, u->keywords_n, u->keywords_cap);
                    u->keyword[u->keywords_n++] =
                        (struct was_keyword){(uint32_t)uid, (uint32_t)set.id};
                }
        } else if (u->theirs && set.id == u->person) {
            GROW(u->step, u->steps_n, u->steps_cap);
            u->step[u->steps_n++] = (struct seen_step){set.kind == OLD_SEEN, set.uids};
            set.uids = (struct uidset){0};
        }
    }
    uidset_done(&set.uids);
    return rc < 0 ? damaged(e) : 0;
}

static int undo_row(struct undoing *u, enum change_kind kind, struct slice uids_packed,
                    struct slice items, struct slice old, struct err *e)
{
    UIDSET_SCOPE uids = {0};
    struct flags_reader flags = {.s = old};
    uint64_t item = 0, word = 0;
    if (uidset_unpack(&uids, uids_packed))
        return damaged(e);
    uidset_copy(&u->fresh, &uids);
    uidset_subtract(&u->fresh, &u->decided);
    for (size_t i = 0; i < uids.n && kind != CHANGE_ADDED; i++)
        for (uint64_t uid = uids.r[i].first; uid <= uids.r[i].last; uid++) {
            if (items_next(&items, &item) <= 0 || flags_next(&flags, &word) <= 0)
                return damaged(e);
            if (!uidset_has(&u->fresh, (uint32_t)uid))
                continue;
            GROW(u->was, u->n, u->cap);
            u->was[u->n++] = (struct was){(uint32_t)uid, item, word & ~FLAG_OVERFLOW};
        }
    if (kind != CHANGE_ADDED && undo_sections(u, flags.s, e))
        return -1;
    uidset_add_set(&u->decided, &u->fresh);
    return 0;
}

static int undo_log(struct txn *t, uint64_t collection, uint64_t moment, struct undoing *u,
                    struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_past_entries);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)moment);
    db_bind_i64(q, 3, (int64_t)collection);
    int rc;
    while ((rc = db_next(q, e)) > 0)
        if (undo_row(u, (enum change_kind)db_i64(q, 0), db_blob(q, 1), db_blob(q, 2), db_blob(q, 3),
                     e)) {
            rc = -1;
            break;
        }
    db_end(q);
    return rc;
}

static int was_cmp(const void *a, const void *b)
{
    uint32_t x = ((const struct was *)a)->uid, y = ((const struct was *)b)->uid;
    return (x > y) - (x < y);
}

static int keyword_cmp(const void *a, const void *b)
{
    const struct was_keyword *x = a, *y = b;
    if (x->uid != y->uid)
        return x->uid < y->uid ? -1 : 1;
    return (x->keyword > y->keyword) - (x->keyword < y->keyword);
}

/* What the person had seen: as it is now, each step undone, the newest first. */
static int seen_then(struct txn *t, uint64_t collection, const struct undoing *u,
                     struct uidset *ret, struct err *e)
{
    if (u->theirs && seen_read(t, collection, u->person, ret, e))
        return -1;
    for (size_t i = u->steps_n; i-- > 0;) {
        if (u->step[i].had)
            uidset_add_set(ret, &u->step[i].uids);
        else
            uidset_subtract(ret, &u->step[i].uids);
    }
    return 0;
}

struct telling {
    struct txn *t;
    const struct undoing *u;
    const struct uidset *seen;
    int (*fn)(const struct entry *, void *);
    void *arg;
    size_t keyword; /* the next one */
};

/* 1: stop, 0, -1 */
static int tell_was(struct telling *p, const struct was *w, struct err *e)
{
    ARENA_SCOPE a = {.limit = (size_t)256 << 20};
    struct entry en = {.uid = w->uid, .item = w->item, .flags = w->flags};
    const struct undoing *u = p->u;
    while (p->keyword < u->keywords_n && u->keyword[p->keyword].uid < w->uid)
        p->keyword++;
    size_t first = p->keyword;
    while (p->keyword < u->keywords_n && u->keyword[p->keyword].uid == w->uid)
        p->keyword++;
    uint32_t *ids = arena_new(&a, uint32_t, p->keyword - first + 1);
    for (size_t i = first; ids && i < p->keyword; i++)
        ids[en.overflow_n++] = u->keyword[i].keyword;
    en.overflow = ids;
    if (en.overflow_n)
        en.flags |= FLAG_OVERFLOW;
    if (u->theirs)
        en.flags =
            (en.flags & ~(uint64_t)FLAG_SEEN) | (uidset_has(p->seen, w->uid) ? FLAG_SEEN : 0);
    if (entry_item_read(p->t, &a, &en, e))
        return -1;
    return p->fn(&en, p->arg) != 0;
}

static int tell_is(struct telling *p, const struct entry *en)
{
    struct entry then = *en;
    then.modseq = 0;
    if (p->u->theirs)
        then.flags =
            (en->flags & ~(uint64_t)FLAG_SEEN) | (uidset_has(p->seen, en->uid) ? FLAG_SEEN : 0);
    return p->fn(&then, p->arg) != 0;
}

/* What is in the log and what is untouched since, merged by uid. */
static int tell_all(struct telling *p, struct entry_walk *w, struct err *e)
{
    const struct undoing *u = p->u;
    struct entry en = {0};
    size_t i = 0;
    int rc, stop = 0;
    while (!stop && (rc = entry_walk_next(w, &en, e)) > 0) {
        while (!stop && i < u->n && u->was[i].uid < en.uid)
            stop = tell_was(p, &u->was[i++], e);
        if (!stop && !uidset_has(&u->decided, en.uid))
            stop = tell_is(p, &en);
    }
    if (!stop && rc < 0)
        return -1;
    while (!stop && i < u->n)
        stop = tell_was(p, &u->was[i++], e);
    return stop < 0 ? -1 : 0;
}

int past_entries(struct txn *t, uint64_t collection, uint64_t person, uint64_t moment,
                 unsigned want, int (*fn)(const struct entry *, void *), void *arg, struct err *e)
{
    struct undoing u = {.person = person, .theirs = person && person != t->account};
    UIDSET_SCOPE seen = {0};
    struct telling p = {.t = t, .u = &u, .seen = &seen, .fn = fn, .arg = arg};
    struct entry_walk *w = NULL;
    int rc = reaches(t, moment, e) || undo_log(t, collection, moment, &u, e) ||
                     seen_then(t, collection, &u, &seen, e)
                 ? -1
                 : 0;
    if (u.n)
        qsort(u.was, u.n, sizeof *u.was, was_cmp);
    if (u.keywords_n)
        qsort(u.keyword, u.keywords_n, sizeof *u.keyword, keyword_cmp);
    if (rc == 0)
        rc = entry_walk_open(t, collection, 0, NULL, want | ENTRY_KEYWORDS, &w, e);
    if (rc == 0)
        rc = tell_all(&p, w, e);
    entry_walk_close(w);
    undoing_done(&u);
    return rc;
}
