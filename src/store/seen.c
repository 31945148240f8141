/* seen.c - rows of table seen. */
#include "store/seen.h"

#include "store/shard.h"

DB_STMT(seen_get, "SELECT uids FROM seen WHERE account = $1 AND collection = $2 AND person = $3");
DB_STMT(seen_put, "INSERT INTO seen (account, collection, person, uids) VALUES ($1, $2, $3, $4) "
                  "ON CONFLICT (account, collection, person) DO UPDATE SET uids = $4");
DB_STMT(seen_drop, "DELETE FROM seen WHERE account = $1 AND collection = $2");

int seen_read(struct txn *t, uint64_t collection, uint64_t person, struct uidset *ret,
              struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_seen_get);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)collection);
    db_bind_i64(q, 3, (int64_t)person);
    uidset_clear(ret);
    int rc = db_next(q, e);
    if (rc > 0 && uidset_unpack(ret, db_blob(q, 0)))
        rc = err_set(e, ERR_CORRUPT, "a row of table seen is damaged");
    db_end(q);
    return rc < 0 ? -1 : 0;
}

int seen_write(struct txn *t, uint64_t collection, uint64_t person, const struct uidset *uids,
               struct err *e)
{
    BUF_SCOPE b = {0};
    uidset_pack(uids, &b);
    return db_run(t->db, &stmt_seen_put, e, "iiib", (int64_t)t->account, (int64_t)collection,
                  (int64_t)person, b.n ? buf_slice(&b) : S(""));
}

int seen_forget(struct txn *t, uint64_t collection, struct err *e)
{
    return db_run(t->db, &stmt_seen_drop, e, "ii", (int64_t)t->account, (int64_t)collection);
}
