/* collection_change.c - making, renaming and deleting collections. Each leaves a row in the change
   log with what was before, so that any state of the tree can be shown again. */
#include "base/clock.h"
#include "base/setting.h"
#include "store/change_log.h"
#include "store/collection_row.h"
#include "store/entry.h"
#include "store/path.h"
#include "store/seen.h"

SETTING(store, collections_max, INT, 10000, 10, 1000000,
        "Most mailboxes that an account can have.");
SETTING_DECLARE(store, depth_max);

DB_STMT(collection_new,
        "INSERT INTO collection (account, id, parent, name, kind, role, selectable, uidvalidity, "
        "uidnext, modseq, messages, unseen, deleted, bytes, deleted_bytes, created_at) "
        "VALUES ($1, $2, $3, $4, $5, $6, 1, $7, 1, $8, 0, 0, 0, 0, 0, $9)");
DB_STMT(collection_children, "SELECT id FROM collection WHERE account = $1 AND parent = $2");
DB_STMT(collection_adopt, "UPDATE collection SET parent = $3 WHERE account = $1 AND parent = $2");
DB_STMT(collection_hide, "UPDATE collection SET selectable = 0, role = 0, modseq = $3 "
                         "WHERE account = $1 AND id = $2");
DB_STMT(collection_remove, "DELETE FROM collection WHERE account = $1 AND id = $2");
DB_STMT(collection_move, "UPDATE collection SET parent = $3, name = $4 WHERE account = $1 AND "
                         "id = $2");
DB_STMT(collection_put_role, "UPDATE collection SET role = $3 WHERE account = $1 AND id = $2");
DB_STMT(collection_with_role, "SELECT id FROM collection WHERE account = $1 AND role = $2 AND "
                              "id <> $3 LIMIT 1");
DB_STMT(collection_count, "SELECT COUNT(*) FROM collection WHERE account = $1");

/* What was: parent, role, selectable, uidvalidity, uidnext, kind as numbers, then
   the name: past.c reads it. */
static int log_tree(struct txn *t, enum change_kind kind, uint64_t id, const struct collection *was,
                    struct err *e)
{
    BUF_SCOPE old = {0};
    if (was) {
        varint_add(&old, was->parent);
        varint_add(&old, (uint64_t)was->role);
        varint_add(&old, was->selectable);
        varint_add(&old, was->uidvalidity);
        varint_add(&old, was->uidnext);
        varint_add(&old, was->kind);
        buf_add(&old, was->name);
    }
    return change_add(t, kind, id, NULL, SNONE, buf_slice(&old), e);
}

/* Grows with the clock, and by one at least: a mailbox made anew under a name has another. */
static uint32_t next_uidvalidity(struct txn *t)
{
    uint32_t now = (uint32_t)clock_now();
    t->row.uidvalidity = t->row.uidvalidity < now ? now : t->row.uidvalidity + 1;
    t->dirty = true;
    return t->row.uidvalidity;
}

static int role_is_free(struct txn *t, enum collection_role role, uint64_t but, struct err *e)
{
    int64_t other;
    if (role == ROLE_NONE)
        return 0;
    int rc = db_get_i64(t->db, &stmt_collection_with_role, &other, e, "iii", (int64_t)t->account,
                        (int64_t)role, (int64_t)but);
    if (rc > 0)
        return err_set(e, ERR_CONFLICT, "another mailbox has this special use");
    return rc;
}

static int make_one(struct txn *t, uint64_t parent, struct slice name, enum collection_kind kind,
                    enum collection_role role, uint64_t *ret_id, struct err *e)
{
    int64_t count = 0;
    if (db_get_i64(t->db, &stmt_collection_count, &count, e, "i", (int64_t)t->account) < 0)
        return -1;
    if (count >= setting_get(&set_store_collections_max))
        return err_set(e, ERR_LIMIT, "the account has too many mailboxes");
    uint64_t id = t->row.next_collection++;
    t->dirty = true;
    if (db_run(t->db, &stmt_collection_new, e, "iiitiiiii", (int64_t)t->account, (int64_t)id,
               (int64_t)parent, name, (int64_t)kind, (int64_t)role, (int64_t)next_uidvalidity(t),
               (int64_t)t->row.modseq, clock_now_ms()) ||
        log_tree(t, CHANGE_CREATED, id, NULL, e))
        return -1;
    *ret_id = id;
    return 0;
}

/* The parents on the way to a path, made where they are missing. *ret_parent: the last's id. */
static int make_parents(struct txn *t, struct slice path, enum collection_kind kind,
                        uint64_t *ret_parent, struct err *e)
{
    struct slice rest = path_parent(path);
    uint64_t id = 0;
    while (rest.p) {
        struct slice name = path_next(&rest);
        uint64_t child;
        int rc = collection_child(t, id, name, &child, e);
        if (rc < 0 || (rc == 0 && make_one(t, id, name, kind, ROLE_NONE, &child, e)))
            return -1;
        id = child;
    }
    *ret_parent = id;
    return 0;
}

static int remove_row(struct txn *t, const struct collection *c, struct err *e)
{
    if (db_run(t->db, &stmt_collection_remove, e, "ii", (int64_t)t->account, (int64_t)c->id) ||
        seen_forget(t, c->id, e))
        return -1;
    return log_tree(t, CHANGE_DELETED, c->id, c, e);
}

/* What is inside of `from` moves to `to`, and the log has each of them. */
static int adopt(struct txn *t, uint64_t from, uint64_t to, struct err *e)
{
    UIDSET_SCOPE ids = {0};
    struct db_query *q = db_query(t->db, &stmt_collection_children);
    int rc;
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)from);
    while ((rc = db_next(q, e)) > 0)
        uidset_add(&ids, (uint32_t)db_i64(q, 0), (uint32_t)db_i64(q, 0));
    db_end(q);
    for (uint64_t i = 0, n = uidset_count(&ids); rc == 0 && i < n; i++) {
        ARENA_SCOPE a = {.limit = 1 << 16};
        struct collection c;
        if (collection_row_get(t, uidset_nth(&ids, i), &a, &c, e) <= 0 ||
            log_tree(t, CHANGE_RENAMED, c.id, &c, e))
            rc = -1;
    }
    return rc < 0 ? -1
                  : db_run(t->db, &stmt_collection_adopt, e, "iii", (int64_t)t->account,
                           (int64_t)from, (int64_t)to);
}

/* A name that stands there for what is inside becomes a mailbox again: another one, with an id of
   its own, so that nobody takes it for the one that was deleted (RFC 8474 4). */
static int revive(struct txn *t, uint64_t id, enum collection_kind kind, enum collection_role role,
                  uint64_t *ret_id, struct arena *a, struct err *e)
{
    struct collection c;
    if (collection_row_get(t, id, a, &c, e) < 0)
        return -1;
    if (c.selectable)
        return err_set(e, ERR_EXISTS, "the mailbox exists");
    if (remove_row(t, &c, e) || make_one(t, c.parent, c.name, kind, role, ret_id, e))
        return -1;
    return adopt(t, id, *ret_id, e);
}

int collection_create(struct txn *t, struct slice path, enum collection_kind kind,
                      enum collection_role role, uint64_t *ret_id, struct err *e)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct slice p;
    uint64_t parent, id;
    if (path_normalise(path, &a, &p, e) || account_load(t, e) || role_is_free(t, role, 0, e) ||
        make_parents(t, p, kind, &parent, e))
        return -1;
    int rc = collection_child(t, parent, path_last(p), &id, e);
    if (rc < 0)
        return -1;
    rc = rc ? revive(t, id, kind, role, &id, &a, e)
            : make_one(t, parent, path_last(p), kind, role, &id, e);
    if (rc == 0 && ret_id)
        *ret_id = id;
    return rc;
}

/* Names that only stood there for a child that is gone. */
static int remove_empty_parents(struct txn *t, uint64_t id, struct arena *a, struct err *e)
{
    while (id) {
        struct collection c;
        int rc = collection_row_get(t, id, a, &c, e);
        if (rc <= 0 || c.selectable)
            return rc < 0 ? -1 : 0;
        rc = collection_has_children(t, id, e);
        if (rc != 0)
            return rc < 0 ? -1 : 0;
        if (remove_row(t, &c, e))
            return -1;
        id = c.parent;
    }
    return 0;
}

/* RFC 9051 6.3.5 */
int collection_delete(struct txn *t, uint64_t id, struct err *e)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct collection c;
    if (id == INBOX_ID)
        return err_set(e, ERR_NOPERM, "INBOX cannot be deleted");
    int rc = collection_row_get(t, id, &a, &c, e);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such mailbox");
    int children = collection_has_children(t, id, e);
    if (children < 0 || account_load(t, e))
        return -1;
    if (children && !c.selectable)
        return err_set(e, ERR_CONFLICT, "the mailbox has others inside");
    if (c.selectable && entry_expunge(t, id, NULL, false, NULL, e))
        return -1;
    if (!children)
        return remove_row(t, &c, e) || remove_empty_parents(t, c.parent, &a, e) ? -1 : 0;
    if (db_run(t->db, &stmt_collection_hide, e, "iii", (int64_t)t->account, (int64_t)id,
               (int64_t)t->row.modseq) ||
        seen_forget(t, id, e))
        return -1;
    return log_tree(t, CHANGE_DELETED, id, &c, e);
}

/* --- rename ----------------------------------------------------------------------------------- */

static int64_t levels(struct slice path)
{
    int64_t n = 1;
    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '/';
    return n;
}

/* What is inside moves along and must not end up too deep. */
static int fits(struct txn *t, struct slice from, struct slice to, struct arena *a, struct err *e)
{
    struct collection *all;
    size_t n;
    if (collection_list(t, a, &all, &n, e))
        return -1;
    for (size_t i = 0; i < n; i++)
        if (slice_starts(all[i].path, from) && all[i].path.n > from.n &&
            all[i].path.p[from.n] == '/' &&
            levels(all[i].path) - levels(from) + levels(to) > setting_get(&set_store_depth_max))
            return err_set(e, ERR_LIMIT, "a mailbox inside would be too deep");
    return 0;
}

/* RFC 9051 6.3.6: "Renaming INBOX is permitted ... all messages move to a new mailbox with the
   given name, leaving INBOX empty". */
static int rename_inbox(struct txn *t, struct slice to, struct err *e)
{
    uint64_t id;
    uint32_t first;
    return collection_create(t, to, COLLECTION_MAILBOX, ROLE_NONE, &id, e) ||
                   entry_move(t, INBOX_ID, NULL, id, NULL, &first, e)
               ? -1
               : 0;
}

int collection_rename(struct txn *t, uint64_t id, struct slice new_path, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct collection c;
    struct slice to;
    uint64_t parent, other;
    if (collection_by_id(t, id, &a, &c, e) || path_normalise(new_path, &a, &to, e) ||
        account_load(t, e))
        return -1;
    if (slice_starts(to, c.path) && to.n > c.path.n && to.p[c.path.n] == '/' && id != INBOX_ID)
        return err_set(e, ERR_SYNTAX, "a mailbox cannot move into itself");
    int rc = collection_find(t, to, &other, e);
    if (rc != 0)
        return rc < 0 ? -1 : err_set(e, ERR_EXISTS, "the mailbox exists");
    if (id == INBOX_ID)
        return rename_inbox(t, to, e);
    if ((c.has_children && fits(t, c.path, to, &a, e)) || make_parents(t, to, c.kind, &parent, e) ||
        db_run(t->db, &stmt_collection_move, e, "iiit", (int64_t)t->account, (int64_t)id,
               (int64_t)parent, path_last(to)) ||
        log_tree(t, CHANGE_RENAMED, id, &c, e))
        return -1;
    return remove_empty_parents(t, c.parent, &a, e);
}

int collection_set_role(struct txn *t, uint64_t id, enum collection_role role, struct err *e)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct collection c;
    int rc = collection_row_get(t, id, &a, &c, e);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such mailbox");
    if (id == INBOX_ID || !c.selectable)
        return err_set(e, ERR_NOPERM, "this mailbox has no other use");
    if (c.role == role)
        return 0;
    if (account_load(t, e) || role_is_free(t, role, id, e) ||
        db_run(t->db, &stmt_collection_put_role, e, "iii", (int64_t)t->account, (int64_t)id,
               (int64_t)role))
        return -1;
    return log_tree(t, CHANGE_RENAMED, id, &c, e);
}
