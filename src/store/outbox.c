/* outbox.c - mail on its way out, in the shard whose job made it: rows that are true from the job's
   commit on, and removed one recipient at a time as the queue runner gets rid of them. */
#include "store/outbox.h"

#include <stdlib.h>

#include "store/message_ready.h"
#include "store/reserve.h"
#include "store/schema.h"
#include "store/shard.h"

enum { RET_FULL = 1, BODY_8BIT = 2, SMTPUTF8 = 4, BODY_BINARY = 8, RET_HDRS = 16 };

DB_STMT(outbox_put,
        "INSERT INTO outbox (account, sender, envid, trace, flags, queued_at, expires_at, prefix, "
        "blob) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id");
DB_STMT(
    outbox_put_recipient,
    "INSERT INTO outbox_recipient (outbox, address, orcpt, notify, account, detail, named, "
    "attempts, "
    "next_at, last_reply) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING");
DB_STMT(outbox_due_ids, "SELECT DISTINCT outbox FROM outbox_recipient WHERE next_at <= $1 "
                        "ORDER BY outbox LIMIT $2");
DB_STMT(outbox_ids, "SELECT id FROM outbox WHERE id > $1 ORDER BY id LIMIT $2");
DB_STMT(outbox_next, "SELECT MIN(next_at) FROM outbox_recipient WHERE next_at > $1 "
                     "HAVING COUNT(*) > 0");
DB_STMT(outbox_get,
        "SELECT o.sender, o.envid, o.trace, o.flags, o.queued_at, o.expires_at, o.prefix, b.id, "
        "b.hash, b.pack, b.at, b.size FROM outbox o LEFT JOIN blob b ON b.id = o.blob "
        "WHERE o.id = $1");
DB_STMT(outbox_recipients,
        "SELECT address, orcpt, notify, account, detail, attempts, next_at, last_reply, named "
        "FROM outbox_recipient WHERE outbox = $1 AND next_at <= $2 ORDER BY address");
DB_STMT(outbox_drop_recipient, "DELETE FROM outbox_recipient WHERE outbox = $1 AND address = $2");
DB_STMT(outbox_drop_recipients, "DELETE FROM outbox_recipient WHERE outbox = $1");
DB_STMT(outbox_any_recipient, "SELECT 1 FROM outbox_recipient WHERE outbox = $1 LIMIT 1");
DB_STMT(outbox_blob, "SELECT blob FROM outbox WHERE id = $1");
DB_STMT(outbox_drop, "DELETE FROM outbox WHERE id = $1");
DB_STMT(outbox_put_off,
        "UPDATE outbox_recipient SET attempts = attempts + 1, next_at = $3, last_reply = $4 "
        "WHERE outbox = $1 AND address = $2");

static void (*_Atomic on_added)(unsigned shard);

void outbox_on_added(void (*fn)(unsigned shard))
{
    on_added = fn;
}

void outbox_added(unsigned shard)
{
    void (*fn)(unsigned) = on_added;
    if (fn)
        fn(shard);
}

/* Empty text stays text: p == NULL would be SQL's NULL. */
static struct slice text(struct slice s)
{
    return s.n ? s : S("");
}

static int put_recipient(struct txn *t, int64_t id, const struct outbox_recipient *r, struct err *e)
{
    return db_run(t->db, &stmt_outbox_put_recipient, e, "ittiittiit", id, text(r->address),
                  text(r->orcpt), (int64_t)r->notify, (int64_t)r->account, r->detail,
                  text(r->named), (int64_t)r->attempts, r->next_at, text(r->last_reply));
}

int outbox_add(struct txn *t, struct message_ready *m, const struct outbox_message *msg,
               uint64_t *ret_id, struct err *e)
{
    struct blob_ref blob;
    int64_t id = 0, flags = (msg->ret_full ? RET_FULL : 0) | (msg->ret_hdrs ? RET_HDRS : 0) |
                            (msg->body_8bit ? BODY_8BIT : 0) |
                            (msg->body_binary ? BODY_BINARY : 0) | (msg->smtputf8 ? SMTPUTF8 : 0);
    BUG_IF(!t->write || !msg->n);
    if (reserve_refuses(e) || blob_commit(t, m->staged, 0, &blob, e))
        return -1;
    if (db_get_i64(t->db, &stmt_outbox_put, &id, e, "itttiiibi", (int64_t)t->account,
                   text(msg->from), text(msg->envid), text(msg->trace), flags, msg->queued_at,
                   msg->expires_at, text(msg->prefix), (int64_t)blob.id) < 0 ||
        blob_own(t, blob.id, BLOB_OF_OUTBOX, 0, (uint64_t)id, e))
        return -1;
    for (size_t i = 0; i < msg->n; i++)
        if (put_recipient(t, id, &msg->recipients[i], e))
            return -1;
    t->outbox = true;
    *ret_id = (uint64_t)id;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_recipients(struct txn *t, int64_t id, int64_t due, struct arena *a,
                           struct outbox_message *m, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_outbox_recipients);
    db_bind_i64(q, 1, id);
    db_bind_i64(q, 2, due);
    size_t cap = 0;
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        if (m->n == cap) {
            cap = cap ? cap * 2 : 4;
            struct outbox_recipient *more = arena_new(a, struct outbox_recipient, cap);
            if (!more)
                break;
            if (m->n)
                memcpy(more, m->recipients, m->n * sizeof *more);
            m->recipients = more;
        }
        m->recipients[m->n++] = (struct outbox_recipient){
            .address = arena_dup(a, db_text(q, 0)),
            .orcpt = arena_dup(a, db_text(q, 1)),
            .notify = (unsigned)db_i64(q, 2),
            .account = (uint64_t)db_i64(q, 3),
            .detail = db_is_null(q, 4) ? SNONE : arena_dup(a, db_text(q, 4)),
            .attempts = (uint32_t)db_i64(q, 5),
            .next_at = db_i64(q, 6),
            .last_reply = arena_dup(a, db_text(q, 7)),
            .named = arena_dup(a, db_text(q, 8)),
        };
    }
    db_end(q);
    return rc < 0 ? -1 : 0;
}

/* 1 read, 0: gone, -1 */
static int read_message(struct txn *t, int64_t id, int64_t due, struct arena *a,
                        struct outbox_message *m, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_outbox_get);
    db_bind_i64(q, 1, id);
    int rc = db_next(q, e);
    if (rc > 0) {
        int64_t flags = db_i64(q, 3);
        struct slice hash = db_blob(q, 8);
        *m = (struct outbox_message){
            .shard = t->shard->id,
            .id = (uint64_t)id,
            .from = arena_dup(a, db_text(q, 0)),
            .envid = arena_dup(a, db_text(q, 1)),
            .trace = arena_dup(a, db_text(q, 2)),
            .ret_full = (flags & RET_FULL) != 0,
            .ret_hdrs = (flags & RET_HDRS) != 0,
            .body_8bit = (flags & BODY_8BIT) != 0,
            .body_binary = (flags & BODY_BINARY) != 0,
            .smtputf8 = (flags & SMTPUTF8) != 0,
            .queued_at = db_i64(q, 4),
            .expires_at = db_i64(q, 5),
            .prefix = arena_dup(a, db_blob(q, 6)),
            .blob = {.id = (uint64_t)db_i64(q, 7),
                     .shard = t->shard->id,
                     .pack = (uint64_t)db_i64(q, 9),
                     .at = (uint64_t)db_i64(q, 10),
                     .size = (uint64_t)db_i64(q, 11)},
        };
        if (hash.n == BLOB_HASH)
            memcpy(m->blob.hash, hash.p, BLOB_HASH);
    }
    db_end(q);
    if (rc <= 0)
        return rc;
    if (read_recipients(t, id, due, a, m, e))
        return -1;
    if (a->failed)
        return err_set(e, ERR_LIMIT, "too many recipients at once");
    return 1;
}

static int read_ids(struct txn *t, struct db_stmt *stmt, int64_t from, size_t max, int64_t *ids,
                    size_t *ret_n, struct err *e)
{
    struct db_query *q = db_query(t->db, stmt);
    db_bind_i64(q, 1, from);
    db_bind_i64(q, 2, (int64_t)max);
    int rc;
    size_t n = 0;
    while (n < max && (rc = db_next(q, e)) > 0)
        ids[n++] = db_i64(q, 0);
    db_end(q);
    *ret_n = n;
    return rc < 0 ? -1 : 0;
}

static int read_due(struct txn *t, int64_t now, size_t max, struct arena *a,
                    struct outbox_message **ret, size_t *ret_n, int64_t *ret_next, struct err *e)
{
    size_t n_ids = 0, n = 0;
    int64_t *ids = arena_new(a, int64_t, max);
    struct outbox_message *m = arena_new(a, struct outbox_message, max);
    int64_t next = INT64_MAX;
    if (!ids || !m)
        return err_set(e, ERR_LIMIT, "too many messages at once");
    if (read_ids(t, &stmt_outbox_due_ids, now, max, ids, &n_ids, e) ||
        db_get_i64(t->db, &stmt_outbox_next, &next, e, "i", now) < 0)
        return -1;
    for (size_t i = 0; i < n_ids; i++) {
        int rc = read_message(t, ids[i], now, a, &m[n], e);
        if (rc < 0)
            return -1;
        n += (size_t)rc;
    }
    *ret = m;
    *ret_n = n;
    *ret_next = next;
    return 0;
}

int outbox_due(unsigned shard, int64_t now, size_t max, struct arena *a,
               struct outbox_message **ret, size_t *ret_n, int64_t *ret_next, struct err *e)
{
    struct txn *t;
    if (txn_read_shard(shard_at(shard), &t, e))
        return -1;
    int rc = read_due(t, now, max ? max : 1, a, ret, ret_n, ret_next, e);
    txn_end(t);
    return rc;
}

enum { EACH = 100 };

/* The next of the shard behind *after; a snapshot for each slice. *ret_n 0: no more. */
static int each_slice(struct shard *s, int64_t *after,
                      int (*fn)(const struct outbox_message *, void *), void *arg, size_t *ret_n,
                      bool *stop, struct err *e)
{
    ARENA_SCOPE a = {.limit = (size_t)256 << 20};
    int64_t ids[EACH];
    struct outbox_message m[EACH];
    size_t n = 0;
    struct txn *t;
    if (txn_read_shard(s, &t, e))
        return -1;
    int rc = read_ids(t, &stmt_outbox_ids, *after, EACH, ids, ret_n, e);
    for (size_t i = 0; rc >= 0 && i < *ret_n; i++) {
        rc = read_message(t, ids[i], INT64_MAX, &a, &m[n], e);
        n += rc > 0;
        *after = ids[i];
    }
    txn_end(t);
    if (rc < 0)
        return -1;
    for (size_t i = 0; i < n && !*stop; i++)
        *stop = fn(&m[i], arg) != 0;
    return 0;
}

int outbox_each(int (*fn)(const struct outbox_message *, void *), void *arg, struct err *e)
{
    bool stop = false;
    for (unsigned i = 0; i < store_count(); i++) {
        int64_t after = 0;
        size_t n;
        do {
            if (each_slice(shard_at(i), &after, fn, arg, &n, &stop, e))
                return -1;
        } while (n && !stop);
    }
    return 0;
}

/* --- outcomes --------------------------------------------------------------------------------- */

struct settling {
    int64_t id;
    const struct outbox_outcome *list;
    size_t n;
    const struct outbox_report *reports;
    size_t n_reports;
};

static int remove_message(struct txn *t, int64_t id, struct err *e)
{
    int64_t blob = 0;
    int rc = db_get_i64(t->db, &stmt_outbox_blob, &blob, e, "i", id);
    if (rc <= 0)
        return rc;
    if (db_run(t->db, &stmt_outbox_drop_recipients, e, "i", id) ||
        db_run(t->db, &stmt_outbox_drop, e, "i", id))
        return -1;
    return blob_disown(t, (uint64_t)blob, BLOB_OF_OUTBOX, 0, (uint64_t)id, e);
}

static int remove_when_empty(struct txn *t, int64_t id, struct err *e)
{
    int64_t one;
    int rc = db_get_i64(t->db, &stmt_outbox_any_recipient, &one, e, "i", id);
    if (rc != 0)
        return rc < 0 ? -1 : 0;
    return remove_message(t, id, e);
}

static int settle_one(struct txn *t, int64_t id, const struct outbox_outcome *o, struct err *e)
{
    if (o->done)
        return db_run(t->db, &stmt_outbox_drop_recipient, e, "it", id, text(o->address));
    return db_run(t->db, &stmt_outbox_put_off, e, "itit", id, text(o->address), o->next_at,
                  text(o->reply));
}

static int settle_job(struct txn *t, void *arg, struct err *e)
{
    const struct settling *s = arg;
    uint64_t ignored;
    bool any_done = false;
    t->account = 0; /* what is added is nobody's mail: the shard's number is no account */
    for (size_t i = 0; i < s->n_reports; i++)
        if (outbox_add(t, s->reports[i].ready, &s->reports[i].row, &ignored, e))
            return -1;
    for (size_t i = 0; i < s->n; i++) {
        if (settle_one(t, s->id, &s->list[i], e))
            return -1;
        any_done = any_done || s->list[i].done;
    }
    return any_done ? remove_when_empty(t, s->id, e) : 0;
}

int outbox_settle(unsigned shard, uint64_t id, const struct outbox_outcome *list, size_t n,
                  const struct outbox_report *reports, size_t n_reports, struct err *e)
{
    struct settling s = {
        .id = (int64_t)id, .list = list, .n = n, .reports = reports, .n_reports = n_reports};
    return shard_write(shard_at(shard), settle_job, &s, e);
}

int outbox_done(unsigned shard, uint64_t id, struct slice address, struct err *e)
{
    struct outbox_outcome o = {.address = address, .done = true};
    return outbox_settle(shard, id, &o, 1, NULL, 0, e);
}

int outbox_later(unsigned shard, uint64_t id, struct slice address, int64_t next_at,
                 struct slice reply, struct err *e)
{
    struct outbox_outcome o = {.address = address, .next_at = next_at, .reply = reply};
    return outbox_settle(shard, id, &o, 1, NULL, 0, e);
}

static int remove_job(struct txn *t, void *arg, struct err *e)
{
    return remove_message(t, *(int64_t *)arg, e);
}

int outbox_remove(unsigned shard, uint64_t id, struct err *e)
{
    int64_t row = (int64_t)id;
    return shard_write(shard_at(shard), remove_job, &row, e);
}
