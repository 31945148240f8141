/* memory.c - rows of table memory. Strangers decide how many there are (each sender is one), so
   that there is a limit: now and then, by the dice that a hash is, what has expired goes, and of
   what is too much that which would go next. */
#include "store/memory.h"

#include "base/clock.h"
#include "base/setting.h"
#include "store/shard.h"

SETTING(sieve, memories_max, INT, 20000, 100, 10000000,
        "How many senders answered by vacation and messages seen by the test duplicate are "
        "remembered for one account, about. Of more, those go first that would be forgotten next.");

DB_STMT(memory_get, "SELECT expires_at FROM memory WHERE account = $1 AND key = $2 "
                    "AND expires_at > $3");
DB_STMT(memory_expire, "DELETE FROM memory WHERE account = $1 AND expires_at <= $2");
DB_STMT(memory_count, "SELECT COUNT(*) FROM memory WHERE account = $1");
DB_STMT(memory_drop, "DELETE FROM memory WHERE account = $1 AND key IN (SELECT key FROM memory "
                     "WHERE account = $1 ORDER BY expires_at LIMIT $2)");
DB_STMT(memory_put, "INSERT INTO memory (account, key, expires_at) VALUES ($1, $2, $3) "
                    "ON CONFLICT (account, key) DO UPDATE SET expires_at = excluded.expires_at");

enum { TIDY_OF_256 = 4 };

static int has(struct txn *t, struct slice key, struct err *e)
{
    int64_t until;
    return db_get_i64(t->db, &stmt_memory_get, &until, e, "ibi", (int64_t)t->account, key,
                      clock_now_ms());
}

int memory_has(struct txn *t, const unsigned char key[MEMORY_KEY], struct err *e)
{
    return has(t, slice_of(key, MEMORY_KEY), e);
}

static int tidy(struct txn *t, struct err *e)
{
    int64_t n = 0, account = (int64_t)t->account, most = setting_get(&set_sieve_memories_max);
    if (db_run(t->db, &stmt_memory_expire, e, "ii", account, clock_now_ms()) ||
        db_get_i64(t->db, &stmt_memory_count, &n, e, "i", account) < 0)
        return -1;
    return n > most ? db_run(t->db, &stmt_memory_drop, e, "ii", account, n - most) : 0;
}

static int put(struct txn *t, struct slice key, int64_t expires_at, struct err *e)
{
    BUG_IF(!t->write);
    if (account_load(t, e) || ((unsigned char)key.p[0] < TIDY_OF_256 && tidy(t, e)))
        return -1;
    return db_run(t->db, &stmt_memory_put, e, "ibi", (int64_t)t->account, key, expires_at);
}

int memory_take(struct txn *t, const unsigned char key[MEMORY_KEY], int64_t expires_at,
                struct err *e)
{
    struct slice k = slice_of(key, MEMORY_KEY);
    int there = has(t, k, e);
    if (there)
        return there < 0 ? -1 : 0;
    return put(t, k, expires_at, e) ? -1 : 1;
}

int memory_renew(struct txn *t, const unsigned char key[MEMORY_KEY], int64_t expires_at,
                 struct err *e)
{
    return put(t, slice_of(key, MEMORY_KEY), expires_at, e);
}
