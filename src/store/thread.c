/* thread.c - table thread_ref: for each message id that an item names, a row with its thread. */
#include "store/thread.h"

#include <endian.h>

enum { AT_ONCE = 8 };

DB_STMT(thread_find, "SELECT COALESCE(MIN(thread), 0) FROM thread_ref WHERE account = $1 AND "
                     "subject = $2 AND hash IN ($3, $4, $5, $6, $7, $8, $9, $10)");
DB_STMT(thread_find_one, "SELECT COALESCE(MIN(thread), 0) FROM thread_ref WHERE account = $1 AND "
                         "subject = $2 AND hash = $3");
DB_STMT(thread_put, "INSERT INTO thread_ref (account, hash, item, thread, subject) "
                    "VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING");
DB_STMT(thread_drop, "DELETE FROM thread_ref WHERE account = $1 AND hash = $2 AND item = $3");

static int find(struct txn *t, const struct thread_key *k, size_t from, int64_t *ret, struct err *e)
{
    if (k->n - from == 1)
        return db_get_i64(t->db, &stmt_thread_find_one, ret, e, "iii", (int64_t)t->account,
                          k->subject, k->refs[from]) < 0
                   ? -1
                   : 0;
    struct db_query *q = db_query(t->db, &stmt_thread_find);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, k->subject);
    for (size_t i = 0; i < AT_ONCE; i++)
        db_bind_i64(q, 3 + (int)i, k->refs[from + i < k->n ? from + i : from]);
    int rc = db_next(q, e);
    if (rc > 0)
        *ret = db_i64(q, 0);
    db_end(q);
    return rc < 0 ? -1 : 0;
}

int thread_join(struct txn *t, const struct thread_key *k, uint64_t item, uint64_t *ret_thread,
                struct err *e)
{
    uint64_t oldest = item;
    for (size_t i = 0; i < k->n; i += AT_ONCE) {
        int64_t found = 0;
        if (find(t, k, i, &found, e))
            return -1;
        if (found && (uint64_t)found < oldest)
            oldest = (uint64_t)found;
    }
    for (size_t i = 0; i < k->n; i++)
        if (db_run(t->db, &stmt_thread_put, e, "iiiii", (int64_t)t->account, k->refs[i],
                   (int64_t)item, (int64_t)oldest, k->subject))
            return -1;
    *ret_thread = oldest;
    return 0;
}

void thread_refs_pack(const struct thread_key *k, struct buf *out)
{
    for (size_t i = 0; i < k->n; i++) {
        uint64_t v = htole64((uint64_t)k->refs[i]);
        buf_add(out, slice_of(&v, sizeof v));
    }
}

int thread_leave(struct txn *t, uint64_t account, struct slice refs, uint64_t item, struct err *e)
{
    for (; refs.n >= 8; refs = slice_from(refs, 8)) {
        uint64_t v;
        memcpy(&v, refs.p, sizeof v);
        if (db_run(t->db, &stmt_thread_drop, e, "iii", (int64_t)account, (int64_t)le64toh(v),
                   (int64_t)item))
            return -1;
    }
    return 0;
}
