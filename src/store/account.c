/* account.c - the account's row: the number of each job, the counters of ids and bytes. It is read
   once a job and written back once, at the job's end. */
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "store/change.h"
#include "store/collection.h"
#include "store/entry.h"
#include "store/shard.h"

/* Whose home this is. A node that was deposed has another epoch, and its commits fail here. */
enum { EPOCH = 1 };

DB_STMT(account_next, "UPDATE account SET modseq = modseq + 1 WHERE id = $1 AND epoch = $2");
DB_STMT(account_get, "SELECT modseq, floor, next_item, next_collection, uidvalidity, keywords, "
                     "bytes, messages, quota FROM account WHERE id = $1");
DB_STMT(account_new, "INSERT INTO account (id, epoch, modseq, floor, next_item, next_collection, "
                     "uidvalidity, keywords, bytes, messages, quota, created_at) "
                     "VALUES ($1, $2, 0, 0, 1, 1, 0, 0, 0, 0, 0, $3) "
                     "ON CONFLICT DO NOTHING RETURNING id");
DB_STMT(account_put, "UPDATE account SET next_item = $2, next_collection = $3, uidvalidity = $4, "
                     "keywords = $5, bytes = $6, messages = $7, quota = $8, floor = $9 "
                     "WHERE id = $1");

static void row_read(struct db_query *q, struct account_row *r)
{
    *r = (struct account_row){.modseq = (uint64_t)db_i64(q, 0),
                              .floor = (uint64_t)db_i64(q, 1),
                              .next_item = (uint64_t)db_i64(q, 2),
                              .next_collection = (uint64_t)db_i64(q, 3),
                              .uidvalidity = (uint32_t)db_i64(q, 4),
                              .keywords = (uint64_t)db_i64(q, 5),
                              .bytes = db_i64(q, 6),
                              .messages = db_i64(q, 7),
                              .quota = db_i64(q, 8)};
}

/* 1, 0: no such row, -1 */
static int row_get(struct txn *t, struct account_row *ret, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_account_get);
    db_bind_i64(q, 1, (int64_t)t->account);
    int rc = db_next(q, e);
    if (rc > 0)
        row_read(q, ret);
    db_end(q);
    return rc;
}

/* The same. The row is changed first, which locks it; RETURNING takes SQLite three times as long
   as to change it and to read it. */
static int row_next(struct txn *t, struct err *e)
{
    if (db_run(t->db, &stmt_account_next, e, "ii", (int64_t)t->account, (int64_t)EPOCH))
        return -1;
    return db_changes(t->db) > 0 ? row_get(t, &t->row, e) : 0;
}

static const struct {
    struct slice path;
    enum collection_role role;
} usual[] = {
    {S_INIT("INBOX"), ROLE_INBOX},   {S_INIT("Archive"), ROLE_ARCHIVE},
    {S_INIT("Drafts"), ROLE_DRAFTS}, {S_INIT("Junk"), ROLE_JUNK},
    {S_INIT("Sent"), ROLE_SENT},     {S_INIT("Trash"), ROLE_TRASH},
};

static int account_begin(struct txn *t, struct err *e)
{
    int64_t id;
    int rc = db_get_i64(t->db, &stmt_account_new, &id, e, "iii", (int64_t)t->account,
                        (int64_t)EPOCH, clock_now_ms());
    if (rc < 0)
        return -1;
    if (rc == 0)
        return err_set(e, ERR_CONFLICT, "the account has moved to another node");
    if (row_next(t, e) <= 0)
        return -1;
    t->loaded = t->dirty = true;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
        uint64_t collection;
        if (collection_create(t, usual[i].path, COLLECTION_MAILBOX, usual[i].role, &collection,
                              e) ||
            subscription_set(t, usual[i].path, true, e))
            return -1;
    }
    return 0;
}

int account_load(struct txn *t, struct err *e)
{
    BUG_IF(!t->write);
    if (t->loaded)
        return 0;
    int rc = row_next(t, e);
    if (rc < 0)
        return -1;
    if (rc == 0)
        return account_begin(t, e);
    t->loaded = true;
    return 0;
}

int account_flush(struct txn *t, struct err *e)
{
    if (!t->loaded || !t->dirty)
        return 0;
    const struct account_row *r = &t->row;
    t->dirty = false;
    return db_run(t->db, &stmt_account_put, e, "iiiiiiiii", (int64_t)t->account,
                  (int64_t)r->next_item, (int64_t)r->next_collection, (int64_t)r->uidvalidity,
                  (int64_t)r->keywords, r->bytes, r->messages, r->quota, (int64_t)r->floor);
}

uint64_t txn_modseq(struct txn *t)
{
    if (account_load(t, &t->err))
        return 0;
    return t->row.modseq;
}

int account_create(struct txn *t, struct err *e)
{
    return account_load(t, e);
}

int account_read(struct txn *t, struct account_row *ret, struct err *e)
{
    if (t->loaded) {
        *ret = t->row;
        return 0;
    }
    int rc = row_get(t, ret, e);
    if (rc == 0)
        *ret = (struct account_row){0};
    return rc < 0 ? -1 : 0;
}

int account_usage(struct txn *t, struct account_usage *ret, struct err *e)
{
    struct account_row r;
    if (account_read(t, &r, e))
        return -1;
    *ret = (struct account_usage){
        .bytes = r.bytes, .messages = r.messages, .quota = r.quota, .modseq = r.modseq};
    return 0;
}

int account_set_quota(struct txn *t, int64_t bytes, struct err *e)
{
    if (account_load(t, e))
        return -1;
    t->row.quota = bytes < 0 ? 0 : bytes;
    t->dirty = true;
    return 0;
}

/* --- what is known about quotas --------------------------------------------------------------- */

/* One slot an account, by its number; a newer account takes the slot. What the writer told stays
   true until it tells something else; what a reader found may have been overtaken, and is believed
   for a moment only. */
enum { KNOWN = 4096, BELIEVED_MS = 5000 };
static pthread_mutex_t known_lock = PTHREAD_MUTEX_INITIALIZER;
static struct known {
    uint64_t account;
    int64_t bytes, quota, until;
} known[KNOWN];

static void remember(uint64_t account, int64_t bytes, int64_t quota, int64_t until)
{
    pthread_mutex_lock(&known_lock);
    known[account % KNOWN] = (struct known){account, bytes, quota, until};
    pthread_mutex_unlock(&known_lock);
}

void account_usage_known(uint64_t account, int64_t bytes, int64_t quota)
{
    remember(account, bytes, quota, INT64_MAX);
}

void account_usage_forget(void)
{
    pthread_mutex_lock(&known_lock);
    memset(known, 0, sizeof known);
    pthread_mutex_unlock(&known_lock);
}

static bool find_known(uint64_t account, int64_t now, struct known *ret)
{
    pthread_mutex_lock(&known_lock);
    *ret = known[account % KNOWN];
    pthread_mutex_unlock(&known_lock);
    return ret->account == account && now <= ret->until;
}

int account_over_quota_known(uint64_t account, int64_t size)
{
    struct known k;
    if (!find_known(account, clock_mono_ms(), &k))
        return -1;
    return k.quota > 0 && size > k.quota - k.bytes;
}

bool account_over_quota(uint64_t account, int64_t size)
{
    int64_t now = clock_mono_ms();
    struct known k;
    if (!find_known(account, now, &k)) {
        struct txn *t;
        struct account_usage u = {0};
        if (txn_read(account, &t, NULL))
            return false;
        int rc = account_usage(t, &u, NULL);
        txn_end(t);
        if (rc)
            return false;
        k = (struct known){account, u.bytes, u.quota, 0};
        remember(account, u.bytes, u.quota, now + BELIEVED_MS);
    }
    return k.quota > 0 && size > k.quota - k.bytes;
}
