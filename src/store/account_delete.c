/* account_delete.c - everything of an account goes, in slices, each a job of its own. Nothing is
   left for the log to tell: the log goes too. */
#include "store/schema.h"
#include "store/script.h"
#include "store/shard.h"

enum { SLICE = 2000 };

DB_STMT(gone_items, "SELECT id, row, blob FROM item WHERE account = $1 ORDER BY id LIMIT $2");
DB_STMT(gone_message, "DELETE FROM message WHERE row = $1");
DB_STMT(gone_item, "DELETE FROM item WHERE account = $1 AND id = $2");
DB_STMT(gone_entries_of, "DELETE FROM entry WHERE account = $1 AND item = $2");
DB_STMT(gone_entries, "DELETE FROM entry WHERE account = $1");
DB_STMT(gone_keywords, "DELETE FROM entry_keyword WHERE account = $1");
DB_STMT(gone_names, "DELETE FROM keyword WHERE account = $1");
DB_STMT(gone_seen, "DELETE FROM seen WHERE account = $1");
DB_STMT(gone_threads, "DELETE FROM thread_ref WHERE account = $1");
DB_STMT(gone_changes, "DELETE FROM change WHERE account = $1");
DB_STMT(gone_subscriptions, "DELETE FROM subscription WHERE account = $1");
DB_STMT(gone_collections, "DELETE FROM collection WHERE account = $1");
DB_STMT(gone_scripts, "DELETE FROM script WHERE account = $1");
DB_STMT(gone_memory, "DELETE FROM memory WHERE account = $1");
DB_STMT(gone_account, "DELETE FROM account WHERE id = $1");

static int delete_items(struct txn *t, size_t *ret_n, struct err *e)
{
    struct {
        int64_t id, row, blob;
    } item[SLICE];
    int64_t account = (int64_t)t->account;
    struct db_query *q = db_query(t->db, &stmt_gone_items);
    db_bind_i64(q, 1, account);
    db_bind_i64(q, 2, SLICE);
    size_t n = 0;
    int rc = 0;
    for (; n < SLICE && (rc = db_next(q, e)) > 0; n++) {
        item[n].id = db_i64(q, 0);
        item[n].row = db_i64(q, 1);
        item[n].blob = db_i64(q, 2);
    }
    db_end(q);
    for (size_t i = 0; i < n && rc >= 0; i++)
        rc = db_run(t->db, &stmt_gone_entries_of, e, "ii", account, item[i].id) ||
                     db_run(t->db, &stmt_gone_message, e, "i", item[i].row) ||
                     db_run(t->db, &stmt_gone_item, e, "ii", account, item[i].id) ||
                     blob_disown(t, (uint64_t)item[i].blob, BLOB_OF_ITEM, t->account,
                                 (uint64_t)item[i].id, e)
                 ? -1
                 : 0;
    *ret_n = n;
    return rc < 0 ? -1 : 0;
}

int account_delete(struct txn *t, struct err *e)
{
    static struct db_stmt *const rest[] = {
        &stmt_gone_entries, &stmt_gone_keywords,    &stmt_gone_names,         &stmt_gone_seen,
        &stmt_gone_threads, &stmt_gone_changes,     &stmt_gone_subscriptions, &stmt_gone_scripts,
        &stmt_gone_memory,  &stmt_gone_collections, &stmt_gone_account,
    };
    size_t n;
    BUG_IF(!t->write);
    if (delete_items(t, &n, e))
        return -1;
    if (n == SLICE)
        return 1;
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        if (db_run(t->db, rest[i], e, "i", (int64_t)t->account))
            return -1;
    t->loaded = t->dirty = false;
    script_told(t->account);
    return 0;
}
