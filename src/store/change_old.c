/* change_old.c - the sections behind the flag words of a row of the change log. */
#include "store/change_old.h"

#include <stdlib.h>

DB_STMT(old_keywords, "SELECT uid, keyword FROM entry_keyword WHERE account = $1 AND "
                      "collection = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid");
DB_STMT(old_seen, "SELECT person, uids FROM seen WHERE account = $1 AND collection = $2");

void old_sets_done(struct old_sets *o)
{
    for (size_t i = 0; i < o->n; i++)
        uidset_done(&o->s[i].uids);
    free(o->s);
    *o = (struct old_sets){0};
}

static struct uidset *set_of(struct old_sets *o, enum old_kind kind, uint64_t id)
{
    for (size_t i = 0; i < o->n; i++)
        if (o->s[i].kind == kind && o->s[i].id == id)
            return &o->s[i].uids;
    if (o->n == o->cap) {
        o->cap = o->cap ? o->cap * 2 : 4;
        o->s = reallocarray(o->s, o->cap, sizeof *o->s);
        BUG_IF(!o->s);
    }
    o->s[o->n] = (struct old_set){.kind = kind, .id = id};
    return &o->s[o->n++].uids;
}

void old_sets_add(struct old_sets *o, enum old_kind kind, uint64_t id, const struct uidset *uids)
{
    uidset_add_set(set_of(o, kind, id), uids);
}

static int keywords_between(struct txn *t, uint64_t collection, uint32_t first, uint32_t last,
                            struct old_sets *o, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_old_keywords);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)collection);
    db_bind_i64(q, 3, first);
    db_bind_i64(q, 4, last);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        uint32_t uid = (uint32_t)db_i64(q, 0);
        uidset_add(set_of(o, OLD_KEYWORD, (uint64_t)db_i64(q, 1)), uid, uid);
    }
    db_end(q);
    return rc;
}

int old_keywords_read(struct txn *t, uint64_t collection, const struct entry_rows *rows,
                      struct old_sets *o, struct err *e)
{
    struct entry_run run;
    for (size_t at = 0; entry_run_next(rows, &at, &run);) {
        uint64_t any = 0;
        for (size_t i = 0; i < run.n; i++)
            any |= run.rows[i].flags;
        if ((any & FLAG_OVERFLOW) && keywords_between(t, collection, run.first, run.last, o, e))
            return -1;
    }
    return 0;
}

int old_seen_read(struct txn *t, uint64_t collection, struct old_sets *o, struct err *e)
{
    UIDSET_SCOPE uids = {0};
    struct db_query *q = db_query(t->db, &stmt_old_seen);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)collection);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        if (uidset_unpack(&uids, db_blob(q, 1))) {
            rc = err_set(e, ERR_CORRUPT, "a row of table seen is damaged");
            break;
        }
        old_sets_add(o, OLD_SEEN, (uint64_t)db_i64(q, 0), &uids);
    }
    db_end(q);
    return rc;
}

void old_sets_pack(const struct old_sets *o, const struct uidset *among, struct buf *out)
{
    for (size_t i = 0; i < o->n; i++) {
        UIDSET_SCOPE uids = {0};
        BUF_SCOPE packed = {0};
        uidset_copy(&uids, &o->s[i].uids);
        uidset_intersect(&uids, among);
        if (uidset_empty(&uids))
            continue;
        uidset_pack(&uids, &packed);
        varint_add(out, o->s[i].kind);
        varint_add(out, o->s[i].id);
        varint_add(out, packed.n);
        buf_add(out, buf_slice(&packed));
    }
}

int old_section_next(struct slice *s, struct old_set *ret)
{
    uint64_t kind, n;
    if (!s->n)
        return 0;
    if (varint_next(s, &kind) || varint_next(s, &ret->id) || varint_next(s, &n) || n > s->n ||
        kind < OLD_KEYWORD || kind > OLD_UNSEEN ||
        uidset_unpack(&ret->uids, slice_sub(*s, 0, (size_t)n)))
        return -1;
    ret->kind = (enum old_kind)kind;
    *s = slice_from(*s, (size_t)n);
    return 1;
}
