/* entry.c - walking the entries of a mailbox. One statement for each breadth of what is asked, so
   that a scan of flags never touches the wide tables. */
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
DB_STMT(walk_keywords, "SELECT keyword FROM entry_keyword WHERE account = $1 AND collection = $2 "
                       "AND uid = $3 ORDER BY keyword");

enum { PREFIX_N = 9 }; /* column, where there is one of table message */

static const struct breadth {
    unsigned gives;
    struct db_stmt *stmt;
    int told, kept, blob; /* first columns of TOLD, KEPT and BLOB, 0: none */
} breadths[] = {
    /* the first that gives all that is asked */
    {0, &stmt_walk_narrow, 0, 0, 0},
    {ENTRY_ITEM, &stmt_walk_item, 0, 0, 0},
    {ENTRY_ITEM | ENTRY_ENVELOPE | ENTRY_STRUCTURE, &stmt_walk_told, 10, 0, 0},
    {ENTRY_ITEM | ENTRY_ENVELOPE | ENTRY_STRUCTURE | ENTRY_PREVIEW, &stmt_walk_row, 10, 12, 0},
    {ENTRY_ITEM | ENTRY_PREVIEW | ENTRY_BYTES, &stmt_walk_bytes, 0, 10, 12},
    {~0u, &stmt_walk_all, 10, 12, 14},
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
    size_t at; /* range that the query in `q` ends with */
    struct db_query *q;
    bool theirs; /* \Seen comes from `seen` */
    struct uidset seen;
    struct buf told, kept; /* what compressed columns hold */
    uint32_t *overflow;
    size_t overflow_cap;
};

/* Ranges with small gaps between are read in one go; what is in the gaps is passed over. */
enum { GAP = 32 };

static void query_next_range(struct entry_walk *w)
{
    uint32_t first = w->uids.r[w->at].first;
    while (w->at + 1 < w->uids.n && w->uids.r[w->at + 1].first - w->uids.r[w->at].last <= GAP)
        w->at++;
    w->q = db_query(w->t->db, w->breadth->stmt);
    db_bind_i64(w->q, 1, (int64_t)w->t->account);
    db_bind_i64(w->q, 2, (int64_t)w->collection);
    db_bind_i64(w->q, 3, first);
    db_bind_i64(w->q, 4, w->uids.r[w->at].last);
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
    if (w->breadth->gives & ENTRY_ITEM) {
        en->received_at = db_i64(q, 6);
        en->sent_at = db_i64(q, 7);
        en->thread = (uint64_t)db_i64(q, 8);
    }
    const struct breadth *b = w->breadth;
    if (b->told && (w->want & (ENTRY_ENVELOPE | ENTRY_STRUCTURE)))
        row_told(q, PREFIX_N, b->told, &w->told, en);
    if (b->kept && (w->want & (ENTRY_PREVIEW | ENTRY_BYTES)))
        row_kept(q, PREFIX_N, b->kept, &w->kept, en);
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
        if (!uidset_has(&w->uids, (uint32_t)db_i64(w->q, 0)))
            continue;
        return read_row(w, ret, e) ? -1 : 1;
    }
}

void entry_walk_close(struct entry_walk *w)
{
    if (!w)
        return;
    if (w->q)
        db_end(w->q);
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
        row_told(q, 4, 5, &told, en);
        row_kept(q, 4, 7, &kept, en);
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
