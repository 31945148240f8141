/* check_mend.c - the last part of a repair, with the store open. A message that lost bytes keeps
   those that can be read, at their places; what is lost is filled with text that says so, so that
   no program stumbles over it. Content that belongs to nothing any more goes to "Recovered". */
#include <stdlib.h>

#include "base/clock.h"
#include "store/checking.h"
#include "store/collection.h"
#include "store/message_ready.h"
#include "store/row.h"
#include "store/schema.h"
#include "store/shard.h"

DB_STMT(mend_adrift,
        "SELECT i.account, i.id, i.blob, i.size, COALESCE(" ROW_PREFIX_N ", 0), m.subject, m.hash, "
        "(SELECT MIN(e.collection) FROM entry e WHERE e.account = i.account AND e.item = i.id), "
        "(SELECT MIN(e.uid) FROM entry e WHERE e.account = i.account AND e.item = i.id) "
        "FROM item i LEFT JOIN message m ON m.row = i.row WHERE NOT EXISTS "
        "(SELECT 1 FROM blob b WHERE b.id = i.blob) AND (i.account > $1 OR (i.account = $1 AND "
        "i.id > $2)) ORDER BY i.account, i.id LIMIT 1");
DB_STMT(mend_item, "UPDATE item SET blob = $3 WHERE account = $1 AND id = $2");
DB_STMT(mend_item_size, "UPDATE item SET size = $3 WHERE account = $1 AND id = $2");
DB_STMT(mend_hash, "UPDATE message SET hash = $3 WHERE account = $1 AND item = $2");
DB_STMT(mend_narrow,
        "SELECT i.account, i.id, i.size, b.hash, b.id, b.pack, b.at, b.size FROM item i JOIN "
        "blob b ON b.id = i.blob WHERE NOT EXISTS (SELECT 1 FROM message m WHERE m.row = i.row) "
        "LIMIT 1");
DB_STMT(mend_row, "UPDATE item SET row = $3, size = $4 WHERE account = $1 AND id = $2");
DB_STMT(mend_size, "UPDATE entry SET size = $3 WHERE account = $1 AND item = $2");

DB_STMT(mend_stray, "SELECT account, id, size FROM item WHERE gone < 0 AND (account > $1 OR "
                    "(account = $1 AND id > $2)) ORDER BY account, id LIMIT 1");
DB_STMT(mend_found, "UPDATE item SET gone = 0 WHERE account = $1 AND id = $2");

enum { LINE = 76 };

/* n bytes of text in lines. */
static void fill_lost(struct buf *out, size_t n)
{
    static const char text[] = "[these bytes of the message were lost on a damaged disk] ";
    for (size_t i = 0; i < n; i++) {
        size_t col = i % LINE;
        char c = col == LINE - 2 ? '\r' : col == LINE - 1 ? '\n' : ' ';
        if (col < sizeof text - 1)
            c = text[col];
        buf_addc(out, c);
    }
}

/* What can be read of a record, the rest filled, size bytes together. */
void check_remains(struct packs *packs, const struct finding *f, uint64_t size, struct buf *out)
{
    struct pack_file *file;
    struct record r;
    char frame[FRAME_SIZE];
    if (f && packs_pin(packs, f->pack, &file, NULL) == 0) {
        if (record_read(file->fd, f->at, INT64_MAX, &r, NULL) == 0) {
            bool right = memcmp(r.hash, f->hash, FRAME_HASH) == 0 && r.size == size;
            for (uint32_t i = 0; right && i < r.n; i++) {
                size_t n = record_frame_size(&r, i);
                if (record_frame(file->fd, &r, i, frame, NULL))
                    fill_lost(out, n);
                else
                    buf_add(out, slice_of(frame, n));
            }
            record_done(&r);
        }
        packs_unpin(packs, file);
    }
    if (out->n < size)
        fill_lost(out, (size_t)size - out->n);
}

/* --- items whose bytes are lost -----------------------------------------------------------------
 */

struct adrift {
    uint64_t account, item;
    int64_t blob; /* the number it had, below 0 */
    int64_t size, prefix_n;
    int64_t new_size; /* of the item; 0: what it says is right */
    bool hashed;
    unsigned char hash[FRAME_HASH];
    struct blob_staged *staged;
};

static int replace_job(struct txn *t, void *arg, struct err *e)
{
    struct adrift *d = arg;
    struct blob_ref blob;
    return blob_commit(t, d->staged, 0, &blob, e) ||
                   blob_own(t, blob.id, BLOB_OF_ITEM, d->account, d->item, e) ||
                   db_run(t->db, &stmt_mend_item, e, "iii", (int64_t)d->account, (int64_t)d->item,
                          (int64_t)blob.id) ||
                   db_run(t->db, &stmt_mend_hash, e, "iib", (int64_t)d->account, (int64_t)d->item,
                          slice_of(blob.hash, BLOB_HASH)) ||
                   (d->new_size && (db_run(t->db, &stmt_mend_item_size, e, "iii",
                                           (int64_t)d->account, (int64_t)d->item, d->new_size) ||
                                    db_run(t->db, &stmt_mend_size, e, "iii", (int64_t)d->account,
                                           (int64_t)d->item, d->new_size)))
               ? -1
               : 0;
}

static int next_adrift(struct checking *c, struct shard *s, struct adrift *d, struct err *e)
{
    struct txn *t;
    if (txn_read_shard(s, &t, e))
        return -1;
    struct db_query *q = db_query(t->db, &stmt_mend_adrift);
    db_bind_i64(q, 1, (int64_t)d->account);
    db_bind_i64(q, 2, (int64_t)d->item);
    int rc = db_next(q, e);
    if (rc > 0) {
        *d = (struct adrift){.account = (uint64_t)db_i64(q, 0),
                             .item = (uint64_t)db_i64(q, 1),
                             .blob = db_i64(q, 2),
                             .size = db_i64(q, 3) - db_i64(q, 4),
                             .prefix_n = db_i64(q, 4)};
        struct slice subject = db_text(q, 5), hash = db_blob(q, 6);
        d->hashed = hash.n == FRAME_HASH;
        if (d->hashed)
            memcpy(d->hash, hash.p, FRAME_HASH);
        check_say(c, "lost: bytes of account %llu, mailbox %lld, uid %lld: %.*s",
                  (unsigned long long)d->account, (long long)db_i64(q, 7), (long long)db_i64(q, 8),
                  (int)(subject.n < 60 ? subject.n : 60), subject.n ? subject.p : "");
    }
    db_end(q);
    txn_end(t);
    return rc;
}

/* By the number that the blob had, or, when its row is lost, by what the message says of it. */
static const struct finding *damaged_of(const struct checked_shard *cs, const struct adrift *d)
{
    for (size_t i = 0; i < cs->damaged.n; i++) {
        const struct finding *f = &cs->damaged.f[i];
        if (f->blob ? (int64_t)f->blob == -d->blob
                    : d->hashed && memcmp(f->hash, d->hash, FRAME_HASH) == 0)
            return f;
    }
    return NULL;
}

static int mend_adrift(struct checking *c, struct checked_shard *cs, struct shard *s, struct err *e)
{
    struct adrift d = {.account = 0};
    int rc;
    while ((rc = next_adrift(c, s, &d, e)) > 0) {
        const struct finding *f = damaged_of(cs, &d);
        uint64_t size = f ? f->size : 0;
        if (!size && d.size > 0 && check_believes((uint64_t)d.size))
            size = (uint64_t)d.size;
        if (!size) /* it went with the rest: room for saying so */
            size = LINE;
        if (d.size != (int64_t)size)
            d.new_size = d.prefix_n + (int64_t)size;
        BUF_SCOPE content = {.max = (size_t)size + 1};
        check_remains(&s->packs, f, size, &content);
        c->r->lost++;
        if (blob_stage(content.n ? buf_slice(&content) : S(""), &d.staged, e))
            return -1;
        rc = store_write(d.account, replace_job, &d, e);
        blob_staged_unref(d.staged);
        if (rc)
            return -1;
        c->r->repaired++;
    }
    return rc;
}

/* --- items whose wide row is lost ----------------------------------------------------------------
 */

struct narrow {
    struct entry en;
    uint64_t account;
    struct message_ready *m;
};

static int next_narrow(struct shard *s, struct narrow *w, struct err *e)
{
    struct txn *t;
    if (txn_read_shard(s, &t, e))
        return -1;
    struct db_query *q = db_query(t->db, &stmt_mend_narrow);
    int rc = db_next(q, e);
    if (rc > 0) {
        struct slice hash = db_blob(q, 3);
        *w = (struct narrow){.account = (uint64_t)db_i64(q, 0)};
        w->en.item = (uint64_t)db_i64(q, 1);
        w->en.size = db_i64(q, 2);
        w->en.blob = (struct blob_ref){.id = (uint64_t)db_i64(q, 4),
                                       .shard = s->id,
                                       .pack = (uint64_t)db_i64(q, 5),
                                       .at = (uint64_t)db_i64(q, 6),
                                       .size = (uint64_t)db_i64(q, 7)};
        if (hash.n == BLOB_HASH)
            memcpy(w->en.blob.hash, hash.p, BLOB_HASH);
    }
    db_end(q);
    txn_end(t);
    return rc;
}

static struct slice bytes_of(const struct buf *b)
{
    return b->n ? buf_slice(b) : S("");
}

static int widen_job(struct txn *t, void *arg, struct err *e)
{
    struct narrow *w = arg;
    int64_t row = 0, account = (int64_t)w->account, item = (int64_t)w->en.item;
    int64_t size = (int64_t)w->en.blob.size;
    if (row_put(t, w->account, w->en.item, SNONE, w->m, w->en.blob.hash, &row, e))
        return -1;
    return db_run(t->db, &stmt_mend_row, e, "iiii", account, item, row, size) ||
                   db_run(t->db, &stmt_mend_size, e, "iii", account, item, size)
               ? -1
               : 0;
}

static int read_ready(const struct entry *en, struct message_ready **ret, struct err *e)
{
    BUF_SCOPE content = {.max = SIZE_MAX / 2};
    struct message_bytes *b;
    if (message_open(en, &b, e))
        return -1;
    int rc = message_read(b, 0, message_size(b), &content, e);
    message_close(b);
    return rc ? -1 : message_ready_make(bytes_of(&content), ret, e);
}

static int mend_narrow(struct checking *c, struct shard *s, struct err *e)
{
    struct narrow w;
    int rc;
    while ((rc = next_narrow(s, &w, e)) > 0) {
        if (read_ready(&w.en, &w.m, e))
            return -1;
        rc = store_write(w.account, widen_job, &w, e);
        message_ready_free(w.m);
        if (rc)
            return -1;
        c->r->problems++;
        c->r->repaired++;
    }
    return rc;
}

/* --- content that belongs to nothing
 * -------------------------------------------------------------- */

static int recovered_box(struct txn *t, uint64_t *ret_id, struct err *e)
{
    ARENA_SCOPE a = {0};
    struct collection box;
    if (collection_by_path(t, S("Recovered"), &a, &box, NULL) == 0 && box.selectable) {
        *ret_id = box.id;
        return 0;
    }
    return collection_create(t, S("Recovered"), COLLECTION_MAILBOX, ROLE_NONE, ret_id, e);
}

static int recover_job(struct txn *t, void *arg, struct err *e)
{
    struct recovering *r = arg;
    struct message_add how = {.prefix = r->prefix, .received_at = r->at, .no_quota = true};
    if (recovered_box(t, &how.collection, e))
        return -1;
    return message_add(t, r->m, &how, NULL, NULL, e);
}

int check_recover(uint64_t account, struct recovering *r, struct err *e)
{
    return store_write(account, recover_job, r, e);
}

/* An item whose entries are lost gets one in Recovered. */
struct stray {
    uint64_t account, item;
    int64_t size;
};

static int stray_job(struct txn *t, void *arg, struct err *e)
{
    struct stray *st = arg;
    struct message_add how = {.no_quota = true};
    uint32_t uid;
    if (account_load(t, e) || recovered_box(t, &how.collection, e) ||
        message_place(t, &how, st->item, st->size, clock_now_ms(), &uid, e))
        return -1;
    t->row.bytes += st->size;
    t->dirty = true;
    return db_run(t->db, &stmt_mend_found, e, "ii", (int64_t)st->account, (int64_t)st->item);
}

static int next_stray(struct shard *s, struct stray *st, struct err *e)
{
    struct txn *t;
    if (txn_read_shard(s, &t, e))
        return -1;
    struct db_query *q = db_query(t->db, &stmt_mend_stray);
    db_bind_i64(q, 1, (int64_t)st->account);
    db_bind_i64(q, 2, (int64_t)st->item);
    int rc = db_next(q, e);
    if (rc > 0)
        *st = (struct stray){(uint64_t)db_i64(q, 0), (uint64_t)db_i64(q, 1), db_i64(q, 2)};
    db_end(q);
    txn_end(t);
    return rc;
}

static int mend_strays(struct checking *c, struct shard *s, struct err *e)
{
    struct stray st = {0};
    uint64_t n = 0;
    int rc;
    while ((rc = next_stray(s, &st, e)) > 0) {
        if (store_write(st.account, stray_job, &st, e))
            return -1;
        n++;
    }
    if (n)
        check_say(c, "shard %u: %llu messages whose mailbox is not known are in Recovered", s->id,
                  (unsigned long long)n);
    return rc;
}

static int recover(struct checking *c, struct shard *s, const struct finding *f, struct err *e)
{
    struct pack_file *file;
    struct record rec;
    struct recovering r = {.at = 0};
    BUF_SCOPE content = {.max = (size_t)f->size + 1};
    if (packs_pin(&s->packs, f->pack, &file, e))
        return -1;
    if (record_read(file->fd, f->at, INT64_MAX, &rec, NULL) == 0) {
        r.at = rec.made_at;
        record_done(&rec);
    }
    packs_unpin(&s->packs, file);
    check_remains(&s->packs, f, f->size, &content);
    if (message_ready_make(bytes_of(&content), &r.m, e))
        return -1;
    int rc = check_recover(f->account, &r, e);
    message_ready_free(r.m);
    c->r->repaired++;
    if (f->torn) {
        c->r->lost++;
        check_say(c, "lost: bytes of a message of account %llu; what can be read is in Recovered",
                  (unsigned long long)f->account);
    }
    return rc;
}

int check_mend(struct checking *c, struct checked_shard *cs, struct err *e)
{
    struct shard *s = shard_at(cs->id);
    if (mend_adrift(c, cs, s, e) || mend_narrow(c, s, e) || mend_strays(c, s, e) ||
        check_queue_mend(c, cs, e))
        return -1;
    for (size_t i = 0; i < cs->orphans.n; i++)
        if (recover(c, s, &cs->orphans.f[i], e))
            return -1;
    if (cs->orphans.n)
        check_say(c, "shard %u: %zu messages that no mailbox knew are in Recovered", cs->id,
                  cs->orphans.n);
    return 0;
}
