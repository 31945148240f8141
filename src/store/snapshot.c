/* snapshot.c - the packs of a snapshot, and the promise that they stay while it is copied. */
#include "store/snapshot.h"

#include "base/clock.h"
#include "db/db.h"
#include "store/packs.h"
#include "store/schema.h"

/* Compaction's unfinished packs and those that it retired hold nothing that a row points to. */
DB_STMT(snapshot_packs, "SELECT id, committed, state FROM pack WHERE state < 2 AND committed > 0 "
                        "ORDER BY id");
DB_STMT(snapshot_count, "SELECT COUNT(*) FROM pack WHERE state < 2 AND committed > 0");

void store_hold(int64_t seconds)
{
    packs_hold_until(clock_now_ms() + seconds * 1000);
}

static int read_packs(struct db *db, struct arena *a, struct pack_extent **ret, size_t *ret_n,
                      struct err *e)
{
    int64_t n = 0;
    int rc;
    *ret_n = 0;
    if (db_get_i64(db, &stmt_snapshot_count, &n, e, "") < 0)
        return -1;
    *ret = arena_new(a, struct pack_extent, (size_t)n);
    if (n && !*ret)
        return err_set(e, ERR_LIMIT, "no memory for %lld packs", (long long)n);
    struct db_query *q = db_query(db, &stmt_snapshot_packs);
    while ((rc = db_next(q, e)) > 0 && *ret_n < (size_t)n)
        (*ret)[(*ret_n)++] = (struct pack_extent){.pack = (uint64_t)db_i64(q, 0),
                                                  .length = (uint64_t)db_i64(q, 1),
                                                  .sealed = db_i64(q, 2) == PACK_SEALED};
    db_end(q);
    return rc < 0 ? -1 : 0;
}

int store_snapshot_packs(const char *db_path, struct arena *a, struct pack_extent **ret,
                         size_t *ret_n, struct err *e)
{
    struct db *db;
    if (db_open_sqlite(db_path, DB_READONLY, &db, e))
        return -1;
    int r = schema_look(db, e) < 0 || read_packs(db, a, ret, ret_n, e) ? -1 : 0;
    db_close(db);
    return r;
}
