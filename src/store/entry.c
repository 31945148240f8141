/* entry.c - walking the entries of a mailbox. One statement for each breadth of what is asked, so
   that a scan of flags never touches the wide tables.

   The items of a mailbox mostly lie in the order of its uids: then two statements go side by side,
   one over entries and one over items, which saves the search for each item. Where they do not, or
   not any more, one statement joins them. */
#include "store/entry.h"

#include <stdlib.h>

#include "store/change_log.h"
#include "store/entry_item.h"
#include "store/row.h"
#include "store/seen.h"
#include "store/shard.h"

#define FROM_ENTRY                                                                                 \
    "FROM entry e WHERE e.account = $1 AND e.collection = $2 AND e.uid BETWEEN $3 AND $4 "         \
    "ORDER BY e.uid"
#define FROM_ITEM                                                                                  \
    "FROM entry e JOIN item i ON i.account = e.account AND i.id = e.item "                         \
    "WHERE e.account = $1 AND e.collection = $2 AND e.uid BETWEEN $3 AND $4 ORDER BY e.uid"
#define FROM_MESSAGE                                                                               \
    "FROM entry e JOIN item i ON i.account = e.account AND i.id = e.item "                         \
    "JOIN message m ON m.row = i.row "                                                             \
    "WHERE e.account = $1 AND e.collection = $2 AND e.uid BETWEEN $3 AND $4 ORDER BY e.uid"
#define FROM_BLOB                                                                                  \
    "FROM entry e JOIN item i ON i.account = e.account AND i.id = e.item "                         \
    "JOIN message m ON m.row = i.row LEFT JOIN blob b ON b.id = i.blob "                           \
    "WHERE e.account = $1 AND e.collection = $2 AND e.uid BETWEEN $3 AND $4 ORDER BY e.uid"
#define NARROW "SELECT e.uid, e.item, e.flags, e.modseq, e.saved_at, e.size"
#define ITEM NARROW ", i.received_at, i.sent_at, i.thread"
#define TOLD "m.envelope, m.bodystructure"
#define KEPT "m.prefix, m.preview"
#define BLOB "b.id, b.hash, b.pack, b.at, b.size, m.parts"

DB_STMT(walk_narrow, NARROW " " FROM_ENTRY);
DB_STMT(walk_item, ITEM " " FROM_ITEM);
DB_STMT(walk_told, ITEM ", m.prefix_n, " TOLD " " FROM_MESSAGE);
DB_STMT(walk_row, ITEM ", m.prefix_n, " TOLD ", " KEPT " " FROM_MESSAGE);
DB_STMT(walk_bytes, ITEM ", m.prefix_n, " KEPT ", " BLOB " " FROM_BLOB);
DB_STMT(walk_all, ITEM ", m.prefix_n, " TOLD ", " KEPT ", " BLOB " " FROM_BLOB);
#define BESIDE(TABLES)                                                                             \
    " FROM item i" TABLES " WHERE i.account = $1 AND i.id BETWEEN $2 AND $3 ORDER BY i.id"
#define WITH_MESSAGE " JOIN message m ON m.row = i.row"
DB_STMT(walk_along, NARROW " " FROM_ENTRY);
DB_STMT(beside_item, "SELECT i.id, i.received_at, i.sent_at, i.thread" BESIDE(""));
DB_STMT(beside_told,
        "SELECT i.id, i.received_at, i.sent_at, i.thread, m.prefix_n, " TOLD BESIDE(WITH_MESSAGE));
DB_STMT(beside_received, "SELECT i.id, i.received_at, m.prefix_n, " TOLD BESIDE(WITH_MESSAGE));

DB_STMT(walk_keywords, "SELECT keyword FROM entry_keyword WHERE account = $1 AND collection = $2 "
                       "AND uid = $3 ORDER BY keyword");

/* Columns of what is joined, and of what is read beside. */
enum { JOINED_RECEIVED = 6, JOINED_PREFIX_N = 9, BESIDE_RECEIVED = 1 };
enum { BOTH = ENTRY_NARROW | ENTRY_RECEIVED, TELL = ENTRY_ENVELOPE | ENTRY_STRUCTURE };

static const struct breadth {
    unsigned gives;
    struct db_stmt *stmt;
    int told, kept, blob;   /* first columns of TOLD, KEPT and BLOB, 0: none */
    struct db_stmt *beside; /* NULL: joined only */
    int beside_prefix_n;    /* column, TOLD behind it; 0: none */
} breadths[] = {
    /* the first that gives all that is asked */
    {ENTRY_NARROW, &stmt_walk_narrow, 0, 0, 0, NULL, 0},
    {BOTH | ENTRY_ITEM, &stmt_walk_item, 0, 0, 0, &stmt_beside_item, 0},
    {BOTH | TELL, &stmt_walk_told, 10, 0, 0, &stmt_beside_received, 2},
    {BOTH | ENTRY_ITEM | TELL, &stmt_walk_told, 10, 0, 0, &stmt_beside_told, 4},
    {BOTH | ENTRY_ITEM | TELL | ENTRY_PREVIEW, &stmt_walk_row, 10, 12, 0, NULL, 0},
    {BOTH | ENTRY_ITEM | ENTRY_PREVIEW | ENTRY_BYTES, &stmt_walk_bytes, 0, 10, 12, NULL, 0},
    {~0u, &stmt_walk_all, 10, 12, 14, NULL, 0},
};

static const struct breadth *breadth_for(unsigned want)
{
    const struct breadth *b = breadths;
    want &= ~(unsigned)ENTRY_KEYWORDS;
    while ((b->gives & want) != want)
        b++;
    return b;
}

struct entry_walk {
    struct txn *t;
    uint64_t collection;
    unsigned want;
    const struct breadth *breadth;
    struct uidset uids;
    size_t at;     /* range that the query in `q` ends with */
    uint64_t next; /* uids below have been walked */
    struct db_query *q;
    bool joined;             /* q has all of it */
    struct db_query *items;  /* else what is read beside, or NULL */
    uint64_t item, item_end; /* its row; 0: before the first. It goes no further than item_end */
    unsigned rows, jumps;    /* how often it had to be opened anew out of order */
    bool theirs;             /* \Seen comes from `seen` */
    struct uidset seen;
    struct buf told, kept; /* what compressed columns hold */
    uint32_t *overflow;
    size_t overflow_cap;
};

enum {
    GAP = 32,       /* smaller gaps between ranges are read over */
    ITEM_GAP = 4,   /* and between items: their rows are wide */
    AHEAD = 1024,   /* items that one query may read beside */
    JUMPS_MOST = 8, /* and one in 16 rows: then they are joined */
};

static void query_next_range(struct entry_walk *w)
{
    uint32_t first = w->uids.r[w->at].first;
    while (w->at + 1 < w->uids.n && w->uids.r[w->at + 1].first - w->uids.r[w->at].last <= GAP)
        w->at++;
    w->q = db_query(w->t->db, w->joined ? w->breadth->stmt : &stmt_walk_along);
    db_bind_i64(w->q, 1, (int64_t)w->t->account);
    db_bind_i64(w->q, 2, (int64_t)w->collection);
    db_bind_i64(w->q, 3, first < w->next ? (int64_t)w->next : first);
    db_bind_i64(w->q, 4, w->uids.r[w->at].last);
}

static void end_queries(struct entry_walk *w)
{
    if (w->q)
        db_end(w->q);
    if (w->items)
        db_end(w->items);
    w->q = w->items = NULL;
}

/* From w->next on, which may be in one of several ranges that were read in one go. */
static void go_joined(struct entry_walk *w)
{
    end_queries(w);
    w->joined = true;
    while (w->at && w->uids.r[w->at - 1].last >= w->next)
        w->at--;
}

static void query_items(struct entry_walk *w, uint64_t item)
{
    if (w->items)
        db_end(w->items);
    w->jumps += w->rows && (item < w->item || item - w->item > ITEM_GAP);
    w->item = 0;
    w->item_end = item < INT64_MAX - AHEAD ? item + AHEAD - 1 : INT64_MAX;
    w->items = db_query(w->t->db, w->breadth->beside);
    db_bind_i64(w->items, 1, (int64_t)w->t->account);
    db_bind_i64(w->items, 2, (int64_t)item);
    db_bind_i64(w->items, 3, (int64_t)w->item_end);
}

/* Moves what is read beside to the item: 1, 0 it has no row, -1. */
static int find_item(struct entry_walk *w, uint64_t item, struct err *e)
{
    if (item == 0 || item > INT64_MAX)
        return 0;
    if (!w->items || item < w->item || item > w->item_end || item - w->item > ITEM_GAP)
        query_items(w, item);
    while (w->item < item) {
        int rc = db_next(w->items, e);
        if (rc < 0)
            return -1;
        w->item = rc ? (uint64_t)db_i64(w->items, 0) : w->item_end + 1;
    }
    return w->item == item;
}

int entry_walk_open(struct txn *t, uint64_t collection, uint64_t person, const struct uidset *uids,
                    unsigned want, struct entry_walk **ret, struct err *e)
{
    struct entry_walk *w = calloc(1, sizeof *w);
    BUG_IF(!w);
    w->t = t;
    w->collection = collection;
    w->want = want;
    w->breadth = breadth_for(want);
    w->joined = !w->breadth->beside;
    if (uids)
        uidset_copy(&w->uids, uids);
    else
        uidset_add(&w->uids, 1, UINT32_MAX);
    w->theirs = person && person != t->account;
    if (w->theirs && seen_read(t, collection, person, &w->seen, e)) {
        entry_walk_close(w);
        return -1;
    }
    *ret = w;
    return 0;
}

static int read_overflow(struct entry_walk *w, struct entry *en, struct err *e)
{
    struct db_query *q = db_query(w->t->db, &stmt_walk_keywords);
    db_bind_i64(q, 1, (int64_t)w->t->account);
    db_bind_i64(q, 2, (int64_t)w->collection);
    db_bind_i64(q, 3, en->uid);
    size_t n = 0;
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        if (n == w->overflow_cap) {
            w->overflow_cap = w->overflow_cap ? w->overflow_cap * 2 : 8;
            w->overflow = reallocarray(w->overflow, w->overflow_cap, sizeof *w->overflow);
            BUG_IF(!w->overflow);
        }
        w->overflow[n++] = (uint32_t)db_i64(q, 0);
    }
    db_end(q);
    en->overflow = w->overflow;
    en->overflow_n = n;
    return rc < 0 ? -1 : 0;
}

/* From column c on. */
static void read_blob(struct txn *t, struct db_query *q, int c, struct entry *en)
{
    struct slice hash = db_blob(q, c + 1);
    en->blob = (struct blob_ref){.id = (uint64_t)db_i64(q, c),
                                 .shard = t->shard->id,
                                 .pack = (uint64_t)db_i64(q, c + 2),
                                 .at = (uint64_t)db_i64(q, c + 3),
                                 .size = (uint64_t)db_i64(q, c + 4)};
    if (hash.n == BLOB_HASH)
        memcpy(en->blob.hash, hash.p, BLOB_HASH);
    en->parts = db_blob(q, c + 5);
}

static int read_row(struct entry_walk *w, struct entry *en, struct err *e)
{
    struct db_query *q = w->q;
    *en = (struct entry){.uid = (uint32_t)db_i64(q, 0),
                         .item = (uint64_t)db_i64(q, 1),
                         .flags = (uint64_t)db_i64(q, 2),
                         .modseq = (uint64_t)db_i64(q, 3),
                         .saved_at = db_i64(q, 4),
                         .size = db_i64(q, 5)};
    const struct breadth *b = w->breadth;
    struct db_query *i = w->joined ? q : w->items;
    if (b->gives & ENTRY_RECEIVED) {
        int c = w->joined ? JOINED_RECEIVED : BESIDE_RECEIVED;
        en->received_at = db_i64(i, c);
        if (b->gives & ENTRY_ITEM) {
            en->sent_at = db_i64(i, c + 1);
            en->thread = (uint64_t)db_i64(i, c + 2);
        }
    }
    int n = w->joined ? JOINED_PREFIX_N : b->beside_prefix_n;
    if (b->told && (w->want & TELL) && row_told(i, n, w->joined ? b->told : n + 1, &w->told, en, e))
        return -1;
    if (b->kept && (w->want & (ENTRY_PREVIEW | ENTRY_BYTES)) &&
        row_kept(q, JOINED_PREFIX_N, b->kept, &w->kept, en, e))
        return -1;
    if (b->blob)
        read_blob(w->t, q, b->blob, en);
    if (w->theirs)
        en->flags =
            (en->flags & ~(uint64_t)FLAG_SEEN) | (uidset_has(&w->seen, en->uid) ? FLAG_SEEN : 0);
    if ((w->want & ENTRY_KEYWORDS) && (en->flags & FLAG_OVERFLOW))
        return read_overflow(w, en, e);
    return 0;
}

int entry_walk_next(struct entry_walk *w, struct entry *ret, struct err *e)
{
    for (;;) {
        if (!w->joined && w->jumps > JUMPS_MOST + w->rows / 16)
            go_joined(w);
        if (!w->q) {
            if (w->at >= w->uids.n)
                return 0;
            query_next_range(w);
        }
        int rc = db_next(w->q, e);
        if (rc < 0)
            return -1;
        if (rc == 0) {
            db_end(w->q);
            w->q = NULL;
            w->at++;
            continue;
        }
        uint32_t uid = (uint32_t)db_i64(w->q, 0);
        if (!uidset_has(&w->uids, uid))
            continue;
        if (!w->joined) {
            rc = find_item(w, (uint64_t)db_i64(w->q, 1), e);
            w->rows++;
            w->next = (uint64_t)uid + 1;
            if (rc <= 0) {
                if (rc < 0)
                    return -1;
                continue;
            }
        }
        return read_row(w, ret, e) ? -1 : 1;
    }
}

void entry_walk_close(struct entry_walk *w)
{
    if (!w)
        return;
    end_queries(w);
    uidset_done(&w->uids);
    uidset_done(&w->seen);
    buf_done(&w->told);
    buf_done(&w->kept);
    free(w->overflow);
    free(w);
}

/* --- what is gone ------------------------------------------------------------------------------
 */

DB_STMT(expunged_rows, "SELECT modseq, at, uids, items, old FROM change WHERE account = $1 AND "
                       "collection = $2 AND kind = 3 ORDER BY modseq DESC, seq DESC");
DB_STMT(expunged_item, "SELECT i.received_at, i.sent_at, i.thread, i.size, m.prefix_n, " TOLD
                       ", " KEPT ", " BLOB " FROM item i "
                       "JOIN message m ON m.row = i.row LEFT JOIN blob b ON b.id = i.blob "
                       "WHERE i.account = $1 AND i.id = $2");

/* Item and flags of a uid in a row of the log: the lists run along the uids. */
static int find_in_row(struct slice uids, struct slice items, struct slice old, uint32_t uid,
                       struct entry *en, struct err *e)
{
    UIDSET_SCOPE set = {0};
    struct flags_reader flags = {.s = old};
    uint64_t item = 0;
    if (uidset_unpack(&set, uids))
        return err_set(e, ERR_CORRUPT, "a row of the change log is damaged");
    if (!uidset_has(&set, uid))
        return 0;
    for (size_t i = 0; i < set.n; i++)
        for (uint64_t u = set.r[i].first; u <= set.r[i].last; u++) {
            if (items_next(&items, &item) <= 0 || flags_next(&flags, &en->flags) <= 0)
                return err_set(e, ERR_CORRUPT, "a row of the change log is damaged");
            if (u == uid) {
                en->uid = uid;
                en->item = item;
                return 1;
            }
        }
    return 0;
}

int entry_item_read(struct txn *t, struct arena *a, struct entry *en, struct err *e)
{
    BUF_SCOPE told = {0};
    BUF_SCOPE kept = {0};
    struct db_query *q = db_query(t->db, &stmt_expunged_item);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)en->item);
    int rc = db_next(q, e);
    if (rc > 0) {
        en->received_at = en->saved_at = db_i64(q, 0);
        en->sent_at = db_i64(q, 1);
        en->thread = (uint64_t)db_i64(q, 2);
        en->size = db_i64(q, 3);
        if (row_told(q, 4, 5, &told, en, e) || row_kept(q, 4, 7, &kept, en, e)) {
            db_end(q);
            return -1;
        }
        read_blob(t, q, 9, en);
        en->envelope = arena_dup(a, en->envelope);
        en->preview = arena_dup(a, en->preview);
        en->bodystructure = arena_dup(a, en->bodystructure);
        en->prefix = arena_dup(a, en->prefix);
        en->parts = arena_dup(a, en->parts);
    }
    db_end(q);
    if (rc == 0)
        return err_set(e, ERR_NOTFOUND, "the message is gone for good");
    if (rc > 0 && a->failed)
        return err_set(e, ERR_LIMIT, "the message does not fit");
    return rc < 0 ? -1 : 0;
}

int entry_expunged(struct txn *t, uint64_t collection, uint32_t uid, unsigned want, struct arena *a,
                   struct entry *ret, struct err *e)
{
    struct entry en = {0};
    struct db_query *q = db_query(t->db, &stmt_expunged_rows);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)collection);
    int rc, found = 0;
    while (!found && (rc = db_next(q, e)) > 0) {
        en.modseq = (uint64_t)db_i64(q, 0);
        found = find_in_row(db_blob(q, 2), db_blob(q, 3), db_blob(q, 4), uid, &en, e);
    }
    db_end(q);
    if (found < 0 || (!found && rc < 0))
        return -1;
    if (!found)
        return err_set(e, ERR_NOTFOUND, "the message is gone for good");
    en.flags &= ~FLAG_OVERFLOW;
    if ((want & ~(unsigned)ENTRY_KEYWORDS) && entry_item_read(t, a, &en, e))
        return -1;
    en.saved_at = 0;
    *ret = en;
    return 0;
}
