/* change.c - the change log: one row of ranges for each thing a job did, under the job's number. It
   answers "what is new since", for IMAP, JMAP and every other protocol with a sync token. */
#include "store/change.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/change_log.h"

DB_STMT(change_put, "INSERT INTO change (account, modseq, seq, at, kind, collection, uids, items, "
                    "old) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)");
DB_STMT(change_after, "SELECT modseq, at, kind, collection, uids, items, old FROM change "
                      "WHERE account = $1 AND modseq > $2 ORDER BY modseq, seq");
DB_STMT(change_after_in, "SELECT kind, uids FROM change WHERE account = $1 AND modseq > $2 "
                         "AND collection = $3 ORDER BY modseq, seq");

static void notice_add(struct txn *t, uint64_t collection, unsigned kinds)
{
    for (size_t i = 0; i < t->notices_n; i++)
        if (t->notices[i].collection == collection) {
            t->notices[i].kinds |= kinds;
            return;
        }
    if (t->notices_n == t->notices_cap) {
        t->notices_cap = t->notices_cap ? t->notices_cap * 2 : 2;
        t->notices = reallocarray(t->notices, t->notices_cap, sizeof *t->notices);
        BUG_IF(!t->notices);
    }
    t->notices[t->notices_n++] = (struct txn_notice){collection, kinds};
}

int change_add(struct txn *t, enum change_kind kind, uint64_t collection, const struct uidset *uids,
               struct slice items, struct slice old, struct err *e)
{
    if (account_load(t, e))
        return -1;
    BUF_SCOPE packed = {0};
    if (uids)
        uidset_pack(uids, &packed);
    bool tree = kind == CHANGE_CREATED || kind == CHANGE_RENAMED || kind == CHANGE_DELETED ||
                kind == CHANGE_SUBSCRIBED;
    notice_add(t, tree ? 0 : collection, 1u << kind);
    struct slice none = S("");
    return db_run(t->db, &stmt_change_put, e, "iiiiiibbb", (int64_t)t->account,
                  (int64_t)t->row.modseq, (int64_t)t->seq++, clock_now_ms(), (int64_t)kind,
                  (int64_t)collection, packed.n ? buf_slice(&packed) : none, items.n ? items : none,
                  old.n ? old : none);
}

/* Does the log still hold everything after `since`? */
static int reaches(struct txn *t, uint64_t since, struct err *e)
{
    struct account_row row;
    if (account_read(t, &row, e))
        return -1;
    if (since < row.floor)
        return err_set(e, ERR_NOTFOUND, "the change log begins after %llu",
                       (unsigned long long)since);
    return 0;
}

static void since_row(enum change_kind kind, const struct uidset *uids, struct uidset *changed,
                      struct uidset *expunged)
{
    if (kind == CHANGE_ADDED || kind == CHANGE_FLAGS)
        uidset_add_set(changed, uids);
    if (kind == CHANGE_EXPUNGED) {
        uidset_subtract(changed, uids);
        uidset_add_set(expunged, uids);
    }
}

int change_since(struct txn *t, uint64_t collection, uint64_t since, struct uidset *changed,
                 struct uidset *expunged, struct err *e)
{
    if (reaches(t, since, e))
        return -1;
    UIDSET_SCOPE uids = {0};
    UIDSET_SCOPE here = {0};
    UIDSET_SCOPE gone = {0};
    struct db_query *q = db_query(t->db, &stmt_change_after_in);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, since > INT64_MAX ? INT64_MAX : (int64_t)since);
    db_bind_i64(q, 3, (int64_t)collection);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        if (uidset_unpack(&uids, db_blob(q, 1))) {
            rc = err_set(e, ERR_CORRUPT, "a row of the change log is damaged");
            break;
        }
        since_row((enum change_kind)db_i64(q, 0), &uids, &here, &gone);
    }
    db_end(q);
    if (rc < 0)
        return -1;
    uidset_add_set(changed, &here);
    if (expunged)
        uidset_add_set(expunged, &gone);
    return 0;
}

int change_each(struct txn *t, uint64_t since, int (*fn)(const struct change *, void *), void *arg,
                struct err *e)
{
    if (reaches(t, since, e))
        return -1;
    struct db_query *q = db_query(t->db, &stmt_change_after);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, since > INT64_MAX ? INT64_MAX : (int64_t)since);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        struct change c = {.modseq = (uint64_t)db_i64(q, 0),
                           .at = db_i64(q, 1),
                           .kind = (enum change_kind)db_i64(q, 2),
                           .collection = (uint64_t)db_i64(q, 3),
                           .uidset = db_blob(q, 4),
                           .itemset = db_blob(q, 5),
                           .old = db_blob(q, 6)};
        if (fn(&c, arg))
            break;
    }
    db_end(q);
    return rc < 0 ? -1 : 0;
}
