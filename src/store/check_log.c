/* check_log.c - after a salvage, an item's row may be lost while the change log still says what
   became of it. One that was expunged everywhere gets its row back as an item that is gone, so that
   its bytes are not taken for lost mail and shown again. */
#include "store/change_log.h"
#include "store/checking.h"

DB_STMT(log_rows, "SELECT account, modseq, at, kind, items FROM change WHERE kind IN (1, 3) "
                  "ORDER BY account, modseq, seq");
DB_STMT(log_count,
        "INSERT INTO repair_log (account, item, net, last, at) VALUES ($1, $2, $3, $4, $5) "
        "ON CONFLICT (account, item) DO UPDATE SET net = repair_log.net + $3, last = $4, at = $5");
DB_STMT(log_gone,
        "INSERT INTO item (account, id, thread, received_at, sent_at, size, gone, blob, row) "
        "SELECT l.account, l.item, l.item, MIN(l.at), MIN(l.at), 0, MIN(l.last), "
        "COALESCE(MIN(b.id), MIN(r.blob), 0), COALESCE(MIN(m.row), 0) FROM repair_log l "
        "LEFT JOIN message m ON m.account = l.account AND m.item = l.item "
        "LEFT JOIN blob b ON b.hash = m.hash "
        "LEFT JOIN blob_ref r ON r.kind = 1 AND r.account = l.account AND r.id = l.item "
        "WHERE l.net <= 0 AND NOT EXISTS (SELECT 1 FROM item i WHERE i.account = l.account AND "
        "i.id = l.item) AND NOT EXISTS (SELECT 1 FROM entry e WHERE e.account = l.account AND "
        "e.item = l.item) GROUP BY l.account, l.item "
        "HAVING COALESCE(MIN(b.id), MIN(r.blob), 0) > 0");

/* How often each item came and went; empty but during a repair. */
#define REPAIR_1(CLUSTERED)                                                                        \
    "CREATE TABLE repair_log (account BIGINT NOT NULL, item BIGINT NOT NULL, net BIGINT NOT "      \
    "NULL, "                                                                                       \
    "last BIGINT NOT NULL, at BIGINT NOT NULL, PRIMARY KEY (account, item))" CLUSTERED
static const struct db_migration repair_migrations[] = {
    {1, REPAIR_1(" WITHOUT ROWID"), REPAIR_1("")},
};
DB_MODULE(store_repair, repair_migrations);
DB_STMT(log_forget, "DELETE FROM repair_log");

/* One row names many items; what is damaged in it is passed over. */
static int count_row(struct checked_shard *s, int64_t account, int64_t modseq, int64_t at,
                     int64_t by, struct slice items, struct err *e)
{
    uint64_t item = 0;
    while (items_next(&items, &item) > 0)
        if (db_run(s->db, &stmt_log_count, e, "iiiii", account, (int64_t)item, by, modseq, at))
            return -1;
    return 0;
}

static int count_all(struct checked_shard *s, struct err *e)
{
    struct db_query *q = db_query(s->db, &stmt_log_rows);
    int rc;
    while ((rc = db_next(q, e)) > 0)
        if (count_row(s, db_i64(q, 0), db_i64(q, 1), db_i64(q, 2),
                      db_i64(q, 3) == CHANGE_ADDED ? 1 : -1, db_blob(q, 4), e)) {
            rc = -1;
            break;
        }
    db_end(q);
    return rc;
}

int check_log(struct checked_shard *s, struct err *e)
{
    if (db_migrate_module(s->db, &db_module_store_repair, e) || db_begin(s->db, DB_WRITE, e))
        return -1;
    if (db_run(s->db, &stmt_log_forget, e, "") || count_all(s, e) ||
        db_run(s->db, &stmt_log_gone, e, "") || db_run(s->db, &stmt_log_forget, e, "") ||
        db_commit(s->db, e)) {
        db_rollback(s->db);
        return -1;
    }
    return 0;
}
