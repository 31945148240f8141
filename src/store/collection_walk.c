/* collection_walk.c - the tree by its index of names: a page of siblings, down into the one that
   has children, and on behind its name when they have come. */
#include "store/collection_walk.h"

#include <stdlib.h>

#include "base/setting.h"
#include "store/collection_row.h"

SETTING_DECLARE(store, depth_max);

enum { PAGE = 64, PAGE_MEMORY = 4 << 20 };

DB_STMT(walk_siblings,
        "SELECT c.id, c.parent, c.name, c.kind, c.role, c.selectable, c.uidvalidity, c.uidnext, "
        "c.modseq, c.messages, c.unseen, c.deleted, c.bytes, c.deleted_bytes, "
        "(SELECT k.id FROM collection k WHERE k.account = c.account AND k.parent = c.id LIMIT 1) "
        "FROM collection c WHERE c.account = $1 AND c.parent = $2 AND c.name > $3 "
        "ORDER BY c.name LIMIT $4");
DB_STMT(walk_subscriptions,
        "SELECT path FROM subscription WHERE account = $1 AND path > $2 ORDER BY path LIMIT $3");
DB_STMT(walk_subscribed, "SELECT 1 FROM subscription WHERE account = $1 AND path = $2");
DB_STMT(walk_subscribed_below, "SELECT 1 FROM subscription WHERE account = $1 AND path > $2 AND "
                               "path < $3 LIMIT 1");

static int full(struct err *e)
{
    return err_set(e, ERR_LIMIT, "names are too long");
}

/* Siblings behind this name, which may be of the page. */
static int read_page(struct collection_walk *w, struct txn *t, struct slice behind, struct err *e)
{
    BUF_SCOPE name = {0};
    int rc;
    buf_add(&name, behind);
    arena_reset(&w->page);
    w->page.limit = PAGE_MEMORY;
    w->row = w->n_rows = 0;
    w->rows = arena_new(&w->page, struct collection, PAGE);
    if (!w->rows)
        return full(e);
    struct db_query *q = db_query(t->db, &stmt_walk_siblings);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)w->levels[w->n - 1].parent);
    db_bind_text(q, 3, name.n ? buf_slice(&name) : S(""));
    db_bind_i64(q, 4, PAGE);
    while ((rc = db_next(q, e)) > 0 && w->n_rows < PAGE) {
        struct collection *c = &w->rows[w->n_rows++];
        collection_row_read(q, &w->page, c);
        c->has_children = db_i64(q, 14) != 0;
    }
    db_end(q);
    w->ended = w->n_rows < PAGE;
    return rc < 0 ? -1 : w->page.failed ? full(e) : 0;
}

static int push(struct collection_walk *w, uint64_t parent, struct err *e)
{
    if (w->n > (size_t)setting_get(&set_store_depth_max) * 2)
        return err_set(e, ERR_CORRUPT, "the tree of mailboxes has a loop");
    if (w->n == w->cap) {
        w->cap = w->cap ? w->cap * 2 : 8;
        w->levels = reallocarray(w->levels, w->cap, sizeof *w->levels);
        BUG_IF(!w->levels);
    }
    w->levels[w->n++] = (struct walk_level){.parent = parent, .path_n = w->path.n};
    return 0;
}

/* INBOX alone: it comes before all others, with what is below it. */
static int begin(struct collection_walk *w, struct txn *t, struct err *e)
{
    w->begun = w->inbox = w->ended = true;
    w->path.max = w->page.limit = PAGE_MEMORY;
    w->rows = arena_new(&w->page, struct collection, 1);
    if (!w->rows || push(w, 0, e))
        return -1;
    int rc = collection_row_get(t, INBOX_ID, &w->page, &w->rows[0], e);
    if (rc <= 0)
        return rc;
    w->n_rows = 1;
    rc = collection_has_children(t, INBOX_ID, e);
    w->rows[0].has_children = rc > 0;
    return rc < 0 ? -1 : 0;
}

static int give(struct collection_walk *w, struct collection *ret, struct err *e)
{
    struct collection *c = &w->rows[w->row++];
    w->path.n = w->levels[w->n - 1].path_n;
    if (w->path.n)
        buf_addc(&w->path, '/');
    if (buf_add(&w->path, c->name))
        return full(e);
    w->below = c->has_children ? c->id : 0;
    c->path = buf_slice(&w->path);
    *ret = *c;
    return 1;
}

/* The level has ended: on behind the name above it. 1, 0 at the end of all, -1 */
static int pop(struct collection_walk *w, struct txn *t, struct err *e)
{
    bool top = w->n == 1;
    if (top && !w->inbox)
        return 0;
    if (top) { /* the others */
        w->inbox = false;
        w->path.n = 0;
        return read_page(w, t, S(""), e) ? -1 : 1;
    }
    w->path.n = w->levels[--w->n].path_n;
    if (w->n == 1 && w->inbox) { /* of this level INBOX is all for now */
        w->row = w->n_rows = 0;
        return 1;
    }
    size_t above = w->levels[w->n - 1].path_n;
    return read_page(w, t, slice_from(buf_slice(&w->path), above ? above + 1 : 0), e) ? -1 : 1;
}

int collection_walk_next(struct collection_walk *w, struct txn *t, struct collection *ret,
                         struct err *e)
{
    if (!w->begun && begin(w, t, e))
        return -1;
    for (;;) {
        if (w->below) {
            uint64_t parent = w->below;
            w->below = 0;
            if (push(w, parent, e) || read_page(w, t, S(""), e))
                return -1;
        }
        if (w->row < w->n_rows) {
            bool passed = w->n == 1 && !w->inbox && w->rows[w->row].id == INBOX_ID;
            if (!passed)
                return give(w, ret, e);
            w->row++;
            continue;
        }
        int more = w->ended                                          ? pop(w, t, e)
                   : read_page(w, t, w->rows[w->n_rows - 1].name, e) ? -1
                                                                     : 1;
        if (more <= 0)
            return more;
    }
}

void collection_walk_done(struct collection_walk *w)
{
    buf_done(&w->path);
    free(w->levels);
    arena_reset(&w->page);
    *w = (struct collection_walk){0};
}

/* --- subscriptions ---------------------------------------------------------------------------- */

int subscription_walk_next(struct subscription_walk *w, struct txn *t, struct slice *ret,
                           struct err *e)
{
    if (w->row == w->n_rows && w->ended)
        return 0;
    if (w->row == w->n_rows) {
        int rc = 0;
        struct db_query *q = db_query(t->db, &stmt_walk_subscriptions);
        db_bind_i64(q, 1, (int64_t)t->account);
        db_bind_text(q, 2, w->last.n ? buf_slice(&w->last) : S(""));
        db_bind_i64(q, 3, PAGE);
        arena_reset(&w->page);
        w->page.limit = PAGE_MEMORY;
        w->row = w->n_rows = 0;
        w->rows = arena_new(&w->page, struct slice, PAGE);
        while (w->rows && (rc = db_next(q, e)) > 0 && w->n_rows < PAGE)
            w->rows[w->n_rows++] = arena_dup(&w->page, db_text(q, 0));
        db_end(q);
        if (!w->rows || w->page.failed)
            return full(e);
        if (rc < 0)
            return -1;
        w->ended = w->n_rows < PAGE;
        if (w->n_rows == 0)
            return 0;
    }
    *ret = w->rows[w->row++];
    buf_reset(&w->last);
    return buf_add(&w->last, *ret) ? full(e) : 1;
}

void subscription_walk_done(struct subscription_walk *w)
{
    buf_done(&w->last);
    arena_reset(&w->page);
    *w = (struct subscription_walk){0};
}

int subscription_is(struct txn *t, struct slice path, struct err *e)
{
    int64_t one;
    return db_get_i64(t->db, &stmt_walk_subscribed, &one, e, "it", (int64_t)t->account, path);
}

/* Behind "path/" and before "path0", the next byte. */
int subscription_below(struct txn *t, struct slice path, struct err *e)
{
    BUF_SCOPE from = {0};
    BUF_SCOPE to = {0};
    int64_t one;
    buf_add(&from, path);
    buf_addc(&from, '/');
    buf_add(&to, path);
    buf_addc(&to, '/' + 1);
    return db_get_i64(t->db, &stmt_walk_subscribed_below, &one, e, "itt", (int64_t)t->account,
                      buf_slice(&from), buf_slice(&to));
}

int collection_exists(struct txn *t, struct slice path, struct err *e)
{
    uint64_t id;
    return collection_find(t, path, &id, e);
}
