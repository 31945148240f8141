/* message.c - adding a message to a mailbox, and reading its bytes back. One item for each
   delivery, APPEND or import, even of equal bytes; the bytes themselves are stored once. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/setting.h"
#include "store/change_log.h"
#include "store/entry_rows.h"
#include "store/keyword.h"
#include "store/message_ready.h"
#include "store/reserve.h"
#include "store/row.h"
#include "store/schema.h"

SETTING(store, prefix_max, SIZE, 16 * KiB, 1 * KiB, 1 * MiB,
        "Most bytes of trace lines that a delivery may put in front of a message.");

DB_STMT(spool_once, "INSERT INTO spool_guard (spool, recipient, at) VALUES ($1, $2, $3) "
                    "ON CONFLICT DO NOTHING RETURNING at");
DB_STMT(item_put, "INSERT INTO item (account, id, thread, received_at, sent_at, size, gone, blob, "
                  "row) VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)");
DB_STMT(entry_put, "INSERT INTO entry (account, collection, uid, item, flags, modseq, saved_at, "
                   "size) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)");
DB_STMT(entry_keyword_put, "INSERT INTO entry_keyword (account, collection, uid, keyword) "
                           "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING");

static int fits_quota(struct txn *t, const struct message_add *how, int64_t size, struct err *e)
{
    if (how->no_quota || t->row.quota <= 0 || size <= t->row.quota - t->row.bytes)
        return 0;
    return err_set(e, ERR_QUOTA, "the mailbox is full");
}

/* The item: bytes, thread, and what is fetched of it. */
static int item_add(struct txn *t, struct message_ready *m, const struct message_add *how,
                    uint64_t item, int64_t size, int64_t received_at, struct err *e)
{
    struct blob_ref blob;
    uint64_t thread;
    int64_t row = 0;
    if (blob_commit(t, m->staged, how->collection, &blob, e) ||
        blob_own(t, blob.id, BLOB_OF_ITEM, t->account, item, e) ||
        thread_join(t, &m->thread, item, &thread, e) ||
        row_put(t, t->account, item, how->prefix, m, blob.hash, &row, e))
        return -1;
    return db_run(t->db, &stmt_item_put, e, "iiiiiiii", (int64_t)t->account, (int64_t)item,
                  (int64_t)thread, received_at, m->has_date ? m->sent_at : received_at, size,
                  (int64_t)blob.id, row);
}

int message_place(struct txn *t, const struct message_add *how, uint64_t item, int64_t size,
                  int64_t now, uint32_t *ret_uid, struct err *e)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct flag_bits bits = {.word = how->flags.system & FLAG_SYSTEM};
    struct collection_delta d = {.uids = 1};
    struct item_packer items = {0};
    UIDSET_SCOPE uids = {0};
    uint32_t uid;
    if (how->flags.n && keyword_resolve(t, &how->flags, true, &a, &bits, e))
        return -1;
    uint64_t flags = bits.word | (bits.n ? FLAG_OVERFLOW : 0);
    delta_add(&d, flags, size, 1);
    if (collection_bump(t, how->collection, &d, &uid, e))
        return -1;
    for (size_t i = 0; i < bits.n; i++)
        if (db_run(t->db, &stmt_entry_keyword_put, e, "iiii", (int64_t)t->account,
                   (int64_t)how->collection, (int64_t)uid, (int64_t)bits.overflow[i]))
            return -1;
    items_add(&items, item);
    uidset_add(&uids, uid, uid);
    int rc =
        db_run(t->db, &stmt_entry_put, e, "iiiiiiii", (int64_t)t->account, (int64_t)how->collection,
               (int64_t)uid, (int64_t)item, (int64_t)flags, (int64_t)t->row.modseq, now, size) ||
                change_add(t, CHANGE_ADDED, how->collection, &uids, buf_slice(&items.b), SNONE, e)
            ? -1
            : 0;
    buf_done(&items.b);
    *ret_uid = uid;
    return rc;
}

int message_once(struct txn *t, uint64_t spool, struct slice recipient, struct err *e)
{
    int64_t at;
    return db_get_i64(t->db, &stmt_spool_once, &at, e, "iti", (int64_t)spool, recipient,
                      clock_now_ms());
}

int message_add(struct txn *t, struct message_ready *m, const struct message_add *how,
                uint32_t *ret_uid, uint64_t *ret_item, struct err *e)
{
    int64_t now = clock_now_ms();
    int64_t size = (int64_t)(message_ready_size(m) + how->prefix.n);
    uint64_t item = 0;
    uint32_t uid = 0;
    if ((int64_t)how->prefix.n > setting_get(&set_store_prefix_max))
        return err_set(e, ERR_LIMIT, "too many lines in front of the message");
    if (reserve_refuses(e) || account_load(t, e))
        return -1;
    int rc = how->spool ? message_once(t, how->spool, how->recipient, e) : 1;
    if (rc < 0)
        return -1;
    if (rc > 0) {
        if (fits_quota(t, how, size, e))
            return -1;
        item = t->row.next_item++;
        t->row.bytes += size;
        t->dirty = true;
        if (message_place(t, how, item, size, now, &uid, e) ||
            item_add(t, m, how, item, size, how->received_at ? how->received_at : now, e))
            return -1;
    }
    if (ret_uid)
        *ret_uid = uid;
    if (ret_item)
        *ret_item = item;
    return 0;
}

/* --- reading ---------------------------------------------------------------------------------- */

struct message_bytes {
    struct blob *blob;
    uint64_t blob_size;
    size_t prefix_n;
    char prefix[];
};

int message_open(const struct entry *en, struct message_bytes **ret, struct err *e)
{
    if (en->damaged)
        return err_set(e, ERR_CORRUPT,
                       "what is stored beside the message is damaged: run carbonado store check "
                       "--repair");
    struct message_bytes *m = malloc(sizeof *m + en->prefix.n);
    BUG_IF(!m);
    m->prefix_n = en->prefix.n;
    m->blob_size = en->blob.size;
    if (en->prefix.n)
        memcpy(m->prefix, en->prefix.p, en->prefix.n);
    if (!en->blob.id) {
        free(m);
        return err_set(e, ERR_CORRUPT, "the bytes of the message are lost");
    }
    if (blob_open(&en->blob, &m->blob, e)) {
        free(m);
        return -1;
    }
    *ret = m;
    return 0;
}

uint64_t message_size(const struct message_bytes *m)
{
    return m->prefix_n + m->blob_size;
}

uint64_t message_frame(const struct message_bytes *m, uint64_t at)
{
    if (at < m->prefix_n)
        return m->prefix_n - at + FRAME_SIZE;
    return FRAME_SIZE - (at - m->prefix_n) % FRAME_SIZE;
}

int message_read(struct message_bytes *m, uint64_t from, uint64_t n, struct buf *out, struct err *e)
{
    if (from < m->prefix_n) {
        struct slice s = slice_sub(slice_of(m->prefix, m->prefix_n), (size_t)from,
                                   n < m->prefix_n - from ? (size_t)(from + n) : m->prefix_n);
        if (buf_add(out, s))
            return err_set(e, ERR_LIMIT, "the message does not fit");
        n -= s.n;
        from = m->prefix_n;
    }
    return n ? blob_read(m->blob, from - m->prefix_n, n, out, e) : 0;
}

void message_close(struct message_bytes *m)
{
    if (!m)
        return;
    blob_close(m->blob);
    free(m);
}
