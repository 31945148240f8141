/* collection.c - reading collections: one by name, id or role, or the whole tree with its paths. */
#include "store/collection.h"

#include <stdlib.h>

#include "base/setting.h"
#include "base/uidset.h"
#include "store/change_log.h"
#include "store/collection_row.h"
#include "store/path.h"

SETTING_DECLARE(store, depth_max);

#define COLUMNS                                                                                    \
    "id, parent, name, kind, role, selectable, uidvalidity, uidnext, modseq, messages, unseen, "   \
    "deleted, bytes, deleted_bytes"
DB_STMT(collection_get, "SELECT " COLUMNS " FROM collection WHERE account = $1 AND id = $2");
DB_STMT(collection_all, "SELECT " COLUMNS " FROM collection WHERE account = $1 ORDER BY id");
DB_STMT(collection_child,
        "SELECT id FROM collection WHERE account = $1 AND parent = $2 AND name = $3");
DB_STMT(collection_role, "SELECT MIN(id) FROM collection WHERE account = $1 AND role = $2 "
                         "AND selectable = 1 HAVING COUNT(*) > 0");
DB_STMT(collection_any_child,
        "SELECT 1 FROM collection WHERE account = $1 AND parent = $2 LIMIT 1");
DB_STMT(subscription_get, "SELECT 1 FROM subscription WHERE account = $1 AND path = $2");
DB_STMT(subscription_put,
        "INSERT INTO subscription (account, path) VALUES ($1, $2) ON CONFLICT DO NOTHING");
DB_STMT(subscription_drop, "DELETE FROM subscription WHERE account = $1 AND path = $2");
DB_STMT(subscription_all, "SELECT path FROM subscription WHERE account = $1 ORDER BY path");

void collection_row_read(struct db_query *q, struct arena *a, struct collection *c)
{
    *c = (struct collection){.id = (uint64_t)db_i64(q, 0),
                             .parent = (uint64_t)db_i64(q, 1),
                             .name = arena_dup(a, db_text(q, 2)),
                             .kind = (enum collection_kind)db_i64(q, 3),
                             .role = (enum collection_role)db_i64(q, 4),
                             .selectable = db_i64(q, 5) != 0,
                             .uidvalidity = (uint32_t)db_i64(q, 6),
                             .uidnext = (uint32_t)db_i64(q, 7),
                             .modseq = (uint64_t)db_i64(q, 8),
                             .messages = (uint64_t)db_i64(q, 9),
                             .unseen = (uint64_t)db_i64(q, 10),
                             .deleted = (uint64_t)db_i64(q, 11),
                             .bytes = db_i64(q, 12),
                             .deleted_bytes = db_i64(q, 13)};
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_LIMIT, "too many mailboxes for one request");
}

int collection_row_get(struct txn *t, uint64_t id, struct arena *a, struct collection *ret,
                       struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_collection_get);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)id);
    int rc = db_next(q, e);
    if (rc > 0)
        collection_row_read(q, a, ret);
    db_end(q);
    return rc > 0 && a->failed ? no_memory(e) : rc;
}

int collection_child(struct txn *t, uint64_t parent, struct slice name, uint64_t *ret_id,
                     struct err *e)
{
    int64_t id;
    int rc = db_get_i64(t->db, &stmt_collection_child, &id, e, "iit", (int64_t)t->account,
                        (int64_t)parent, name);
    if (rc > 0)
        *ret_id = (uint64_t)id;
    return rc;
}

int collection_has_children(struct txn *t, uint64_t id, struct err *e)
{
    int64_t one;
    return db_get_i64(t->db, &stmt_collection_any_child, &one, e, "ii", (int64_t)t->account,
                      (int64_t)id);
}

int collection_find(struct txn *t, struct slice path, uint64_t *ret_id, struct err *e)
{
    uint64_t id = 0;
    int rc = 0;
    while (path.p) {
        rc = collection_child(t, id, path_next(&path), &id, e);
        if (rc <= 0)
            return rc;
    }
    *ret_id = id;
    return rc;
}

/* The names of the parents in front, up to the top; a loop in a damaged table ends at the depth
   that no name can have. */
static int path_of(struct txn *t, const struct collection *c, struct arena *a, struct slice *ret,
                   struct err *e)
{
    struct slice path = c->name;
    uint64_t parent = c->parent;
    for (int64_t i = setting_get(&set_store_depth_max) * 2; parent && i > 0; i--) {
        struct collection up;
        int rc = collection_row_get(t, parent, a, &up, e);
        if (rc < 0)
            return -1;
        if (rc == 0)
            break;
        path = arena_printf(a, "%.*s/%.*s", SARG(up.name), SARG(path));
        parent = up.parent;
    }
    if (a->failed)
        return no_memory(e);
    *ret = path;
    return 0;
}

int collection_by_id(struct txn *t, uint64_t id, struct arena *a, struct collection *ret,
                     struct err *e)
{
    struct collection c;
    int64_t one;
    int rc = collection_row_get(t, id, a, &c, e);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such mailbox");
    if (path_of(t, &c, a, &c.path, e))
        return -1;
    if ((rc = collection_has_children(t, id, e)) < 0)
        return -1;
    c.has_children = rc > 0;
    rc = db_get_i64(t->db, &stmt_subscription_get, &one, e, "it", (int64_t)t->account, c.path);
    if (rc < 0)
        return -1;
    c.subscribed = rc > 0;
    *ret = c;
    return 0;
}

int collection_by_path(struct txn *t, struct slice path, struct arena *a, struct collection *ret,
                       struct err *e)
{
    uint64_t id;
    struct slice p;
    struct err why = {0};
    if (path_normalise(path, a, &p, &why))
        return err_set(e, why.code == ERR_BUSY ? ERR_BUSY : ERR_NOTFOUND, "%s",
                       why.code == ERR_BUSY ? why.text : "no such mailbox");
    int rc = collection_find(t, p, &id, e);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such mailbox");
    return collection_by_id(t, id, a, ret, e);
}

int collection_by_role(struct txn *t, enum collection_role role, struct arena *a,
                       struct collection *ret, struct err *e)
{
    int64_t id;
    int rc =
        db_get_i64(t->db, &stmt_collection_role, &id, e, "ii", (int64_t)t->account, (int64_t)role);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no mailbox has this role");
    return collection_by_id(t, (uint64_t)id, a, ret, e);
}

/* --- the whole tree --------------------------------------------------------------------------- */

int collection_path_cmp(struct slice a, struct slice b)
{
    bool inbox_a = slice_eq(a, S("INBOX")) || slice_starts(a, S("INBOX/"));
    bool inbox_b = slice_eq(b, S("INBOX")) || slice_starts(b, S("INBOX/"));
    if (inbox_a != inbox_b)
        return inbox_a ? -1 : 1;
    for (size_t i = 0; i < a.n && i < b.n; i++) {
        int x = a.p[i] == '/' ? 0 : (unsigned char)a.p[i];
        int y = b.p[i] == '/' ? 0 : (unsigned char)b.p[i];
        if (x != y)
            return x - y;
    }
    return (a.n > b.n) - (a.n < b.n);
}

static int by_path(const void *a, const void *b)
{
    return collection_path_cmp(((const struct collection *)a)->path,
                               ((const struct collection *)b)->path);
}

static int by_id(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = ((const struct collection *)b)->id;
    return (x > y) - (x < y);
}

/* All rows, by id. */
static int read_all(struct txn *t, struct arena *a, struct collection **ret, size_t *ret_n,
                    struct err *e)
{
    struct collection *c = NULL;
    size_t n = 0, cap = 0;
    struct db_query *q = db_query(t->db, &stmt_collection_all);
    db_bind_i64(q, 1, (int64_t)t->account);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            struct collection *more = arena_new(a, struct collection, cap);
            if (!more)
                break;
            if (n)
                memcpy(more, c, n * sizeof *c);
            c = more;
        }
        collection_row_read(q, a, &c[n++]);
    }
    db_end(q);
    *ret = c;
    *ret_n = n;
    return rc < 0 ? -1 : a->failed ? no_memory(e) : 0;
}

static struct collection *find_id(struct collection *c, size_t n, uint64_t id)
{
    return n ? bsearch(&id, c, n, sizeof *c, by_id) : NULL;
}

static void make_paths(struct collection *c, size_t n, struct arena *a)
{
    int64_t deepest = setting_get(&set_store_depth_max) * 2;
    for (size_t i = 0; i < n; i++) {
        struct collection *up = &c[i];
        size_t size = c[i].name.n;
        for (int64_t d = 0; d < deepest && (up = find_id(c, n, up->parent)); d++) {
            up->has_children = true;
            size += up->name.n + 1;
        }
        char *p = arena_new(a, char, size ? size : 1);
        if (!p)
            return;
        c[i].path = slice_of(p, size);
        up = &c[i];
        for (size_t at = size; up && at >= up->name.n; up = find_id(c, n, up->parent)) {
            at -= up->name.n;
            if (up->name.n)
                memcpy(p + at, up->name.p, up->name.n);
            if (at == 0)
                break;
            p[--at] = '/';
        }
    }
}

static int mark_subscribed(struct txn *t, struct collection *c, size_t n, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_subscription_all);
    db_bind_i64(q, 1, (int64_t)t->account);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        struct collection key = {.path = db_text(q, 0)};
        struct collection *hit = n ? bsearch(&key, c, n, sizeof *c, by_path) : NULL;
        if (hit)
            hit->subscribed = true;
    }
    db_end(q);
    return rc < 0 ? -1 : 0;
}

int collection_list(struct txn *t, struct arena *a, struct collection **ret, size_t *ret_n,
                    struct err *e)
{
    struct collection *c;
    size_t n;
    if (read_all(t, a, &c, &n, e))
        return -1;
    make_paths(c, n, a);
    if (a->failed)
        return no_memory(e);
    if (n)
        qsort(c, n, sizeof *c, by_path);
    if (mark_subscribed(t, c, n, e))
        return -1;
    *ret = c;
    *ret_n = n;
    return 0;
}

/* --- subscriptions ---------------------------------------------------------------------------- */

int subscription_set(struct txn *t, struct slice path, bool on, struct err *e)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct slice p;
    if (path_normalise(path, &a, &p, e) || account_load(t, e))
        return -1;
    if (db_run(t->db, on ? &stmt_subscription_put : &stmt_subscription_drop, e, "it",
               (int64_t)t->account, p))
        return -1;
    if (db_changes(t->db) == 0)
        return 0;
    char was = on ? '0' : '1';
    BUF_SCOPE old = {0};
    buf_addc(&old, was);
    buf_add(&old, p);
    return change_add(t, CHANGE_SUBSCRIBED, 0, NULL, SNONE, buf_slice(&old), e);
}

int subscription_list(struct txn *t, struct arena *a, struct slice **ret, size_t *ret_n,
                      struct err *e)
{
    struct slice *list = NULL;
    size_t n = 0, cap = 0;
    struct db_query *q = db_query(t->db, &stmt_subscription_all);
    db_bind_i64(q, 1, (int64_t)t->account);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            struct slice *more = arena_new(a, struct slice, cap);
            if (!more)
                break;
            if (n)
                memcpy(more, list, n * sizeof *list);
            list = more;
        }
        list[n++] = arena_dup(a, db_text(q, 0));
    }
    db_end(q);
    if (rc < 0)
        return -1;
    if (a->failed)
        return no_memory(e);
    *ret = list;
    *ret_n = n;
    return 0;
}

/* --- roles ------------------------------------------------------------------------------------ */

/* RFC 6154 2, and \Important, which came later. */
static const char *const special_use[] = {
    [ROLE_ARCHIVE] = "\\Archive", [ROLE_DRAFTS] = "\\Drafts",       [ROLE_FLAGGED] = "\\Flagged",
    [ROLE_JUNK] = "\\Junk",       [ROLE_SENT] = "\\Sent",           [ROLE_TRASH] = "\\Trash",
    [ROLE_ALL] = "\\All",         [ROLE_IMPORTANT] = "\\Important",
};
enum { ROLES = sizeof special_use / sizeof *special_use };

const char *role_special_use(enum collection_role role)
{
    return (unsigned)role < ROLES ? special_use[role] : NULL;
}

enum collection_role role_from_special_use(struct slice attribute)
{
    for (int i = 0; i < ROLES; i++)
        if (special_use[i] && slice_eqi(attribute, slice_str(special_use[i])))
            return (enum collection_role)i;
    return ROLE_NONE;
}
