/* entry_flags.c - STORE: reads the rows once, works out which change, and writes each run of them
   with one statement. Three places hold flags: the word of the entry, the overflow table for
   keywords past the 48th, and the seen set of a person who is not the owner. */
#include "base/arena.h"
#include "store/change_old.h"
#include "store/entry.h"
#include "store/entry_rows.h"
#include "store/keyword.h"
#include "store/seen.h"

DB_STMT(flags_run, "UPDATE entry SET flags = (flags & $5) | $6, modseq = $7 WHERE account = $1 "
                   "AND collection = $2 AND uid BETWEEN $3 AND $4");
DB_STMT(overflow_add,
        "INSERT INTO entry_keyword (account, collection, uid, keyword) "
        "SELECT account, collection, uid, $5 FROM entry WHERE account = $1 AND "
        "collection = $2 AND uid BETWEEN $3 AND $4 ON CONFLICT DO NOTHING RETURNING uid");
DB_STMT(overflow_remove, "DELETE FROM entry_keyword WHERE account = $1 AND collection = $2 AND "
                         "uid BETWEEN $3 AND $4 AND keyword = $5 RETURNING uid");
DB_STMT(overflow_in, "SELECT DISTINCT keyword FROM entry_keyword WHERE account = $1 AND "
                     "collection = $2 AND uid BETWEEN $3 AND $4");

struct storing {
    struct txn *t;
    uint64_t collection;
    enum flag_op op;
    bool owner;
    struct flag_bits bits;
    uint64_t keep, set; /* new word = (old & keep) | set */
    uint64_t unchanged_since;
    struct uidset *modified;
    struct uidset touched; /* by the overflow table or the seen set */
    struct old_sets old;   /* what these held before */
};

static bool not_modified(const struct entry_row *r, void *arg)
{
    struct storing *s = arg;
    if (r->modseq <= s->unchanged_since)
        return true;
    if (s->modified)
        uidset_add(s->modified, r->uid, r->uid);
    return false;
}

static uint64_t new_flags(const struct storing *s, uint64_t flags)
{
    return (flags & s->keep) | s->set;
}

static bool changes(const struct entry_row *r, void *arg)
{
    const struct storing *s = arg;
    return new_flags(s, r->flags) != r->flags || uidset_has(&s->touched, r->uid);
}

static void work_out(struct storing *s)
{
    uint64_t mine = s->owner ? ~(uint64_t)0 : ~(uint64_t)FLAG_SEEN;
    uint64_t word = (s->bits.word & mine) | (s->bits.n ? FLAG_OVERFLOW : 0);
    s->set = s->op == FLAGS_REMOVE ? 0 : word;
    s->keep = s->op == FLAGS_ADD      ? ~(uint64_t)0
              : s->op == FLAGS_REMOVE ? ~(s->bits.word & mine)
                                      : ~mine;
}

/* A statement of the overflow table over one run; the uids that it changed are noted. */
static int overflow_run(struct storing *s, struct db_stmt *stmt, const struct entry_run *run,
                        int64_t keyword, struct err *e)
{
    struct db_query *q = db_query(s->t->db, stmt);
    db_bind_i64(q, 1, (int64_t)s->t->account);
    db_bind_i64(q, 2, (int64_t)s->collection);
    db_bind_i64(q, 3, run->first);
    db_bind_i64(q, 4, run->last);
    db_bind_i64(q, 5, keyword);
    int rc;
    while ((rc = db_next(q, e)) > 0)
        uidset_add(&s->touched, (uint32_t)db_i64(q, 0), (uint32_t)db_i64(q, 0));
    db_end(q);
    return rc < 0 ? -1 : 0;
}

static bool asked_for(const struct storing *s, uint32_t keyword)
{
    for (size_t i = 0; i < s->bits.n; i++)
        if (s->bits.overflow[i] == keyword)
            return true;
    return false;
}

/* FLAGS without a keyword takes it away. */
static int overflow_clear(struct storing *s, const struct entry_run *run, struct err *e)
{
    UIDSET_SCOPE others = {0}; /* ids of overflow keywords are never 0 */
    struct db_query *q = db_query(s->t->db, &stmt_overflow_in);
    db_bind_i64(q, 1, (int64_t)s->t->account);
    db_bind_i64(q, 2, (int64_t)s->collection);
    db_bind_i64(q, 3, run->first);
    db_bind_i64(q, 4, run->last);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        uint32_t id = (uint32_t)db_i64(q, 0);
        if (!asked_for(s, id))
            uidset_add(&others, id, id);
    }
    db_end(q);
    if (rc < 0)
        return -1;
    for (uint64_t i = 0, n = uidset_count(&others); i < n; i++)
        if (overflow_run(s, &stmt_overflow_remove, run, uidset_nth(&others, i), e))
            return -1;
    return 0;
}

static int store_overflow(struct storing *s, const struct entry_rows *rows, struct err *e)
{
    uint64_t any = 0;
    for (size_t i = 0; i < rows->n; i++)
        any |= rows->r[i].flags;
    bool some = any & FLAG_OVERFLOW;
    struct entry_run run;
    for (size_t at = 0; entry_run_next(rows, &at, &run);) {
        if (some && s->op == FLAGS_SET && overflow_clear(s, &run, e))
            return -1;
        if (s->op == FLAGS_REMOVE && !some)
            continue;
        for (size_t i = 0; i < s->bits.n; i++)
            if (overflow_run(s, s->op == FLAGS_REMOVE ? &stmt_overflow_remove : &stmt_overflow_add,
                             &run, s->bits.overflow[i], e))
                return -1;
    }
    return 0;
}

/* \Seen of somebody else: only their set changes. */
static int store_seen(struct storing *s, uint64_t person, const struct entry_rows *rows,
                      struct err *e)
{
    bool named = s->bits.word & FLAG_SEEN;
    if (s->owner || (!named && s->op != FLAGS_SET))
        return 0;
    UIDSET_SCOPE seen = {0};
    UIDSET_SCOPE change = {0};
    if (seen_read(s->t, s->collection, person, &seen, e))
        return -1;
    entry_rows_uids(rows, &change);
    bool put = named && s->op != FLAGS_REMOVE;
    if (put) {
        uidset_subtract(&change, &seen);
        uidset_add_set(&seen, &change);
    } else {
        uidset_intersect(&change, &seen);
        uidset_subtract(&seen, &change);
    }
    if (uidset_empty(&change))
        return 0;
    uidset_add_set(&s->touched, &change);
    old_sets_add(&s->old, put ? OLD_UNSEEN : OLD_SEEN, person, &change);
    return seen_write(s->t, s->collection, person, &seen, e);
}

static int write_rows(struct storing *s, const struct entry_rows *rows, struct err *e)
{
    struct collection_delta d = {0};
    struct item_packer items = {.b = {.max = SIZE_MAX / 2}};
    struct flags_packer old = {.b = {.max = SIZE_MAX / 2}};
    UIDSET_SCOPE uids = {0};
    for (size_t i = 0; i < rows->n; i++) {
        const struct entry_row *r = &rows->r[i];
        delta_add(&d, r->flags, r->size, -1);
        delta_add(&d, new_flags(s, r->flags), r->size, 1);
        items_add(&items, r->item);
        flags_add(&old, r->flags);
    }
    flags_end(&old);
    int rc = collection_bump(s->t, s->collection, &d, NULL, e);
    struct entry_run run;
    for (size_t at = 0; rc == 0 && entry_run_next(rows, &at, &run);)
        rc = db_run(s->t->db, &stmt_flags_run, e, "iiiiiii", (int64_t)s->t->account,
                    (int64_t)s->collection, (int64_t)run.first, (int64_t)run.last, (int64_t)s->keep,
                    (int64_t)s->set, (int64_t)s->t->row.modseq);
    if (rc == 0) {
        entry_rows_uids(rows, &uids);
        old_sets_pack(&s->old, &uids, &old.b);
        rc = change_add(s->t, CHANGE_FLAGS, s->collection, &uids, buf_slice(&items.b),
                        buf_slice(&old.b), e);
    }
    buf_done(&items.b);
    buf_done(&old.b);
    return rc;
}

int entry_store_flags(struct txn *t, uint64_t collection, uint64_t person,
                      const struct uidset *uids, enum flag_op op, const struct flagset *flags,
                      uint64_t unchanged_since, struct uidset *changed, struct uidset *modified,
                      struct err *e)
{
    struct storing s = {.t = t,
                        .collection = collection,
                        .op = op,
                        .owner = !person || person == t->account,
                        .unchanged_since = unchanged_since,
                        .modified = modified};
    ARENA_SCOPE a = {.limit = 1 << 20};
    ENTRY_ROWS_SCOPE rows = {0};
    if (keyword_resolve(t, flags, op != FLAGS_REMOVE, &a, &s.bits, e))
        return -1;
    work_out(&s);
    /* Bytes go from one count to another only with \Deleted. */
    rows.bare = unchanged_since == UINT64_MAX && !((~s.keep | s.set) & FLAG_DELETED);
    if (entry_rows_read(t, collection, uids, 0, SIZE_MAX, &rows, e))
        return -1;
    entry_rows_filter(&rows, not_modified, &s);
    int rc = old_keywords_read(t, collection, &rows, &s.old, e) || store_overflow(&s, &rows, e) ||
                     store_seen(&s, person, &rows, e)
                 ? -1
                 : 0;
    if (rc == 0) {
        entry_rows_filter(&rows, changes, &s);
        if (rows.n)
            rc = write_rows(&s, &rows, e);
    }
    uidset_done(&s.touched);
    old_sets_done(&s.old);
    if (rc == 0 && changed)
        entry_rows_uids(&rows, changed);
    return rc;
}
