/* blob.c - staging content, committing it inside a write job, and who needs it. Content is stored
   once per shard; whether it is there is decided in the writer, by the unique hash. */
#include "store/blob.h"

#include <stdlib.h>

#include "base/clock.h"
#include "store/shard.h"

int blob_stage(struct slice content, struct blob_staged **ret, struct err *e)
{
    if (content.n > (uint64_t)RECORD_FRAMES_MAX * FRAME_SIZE)
        return err_set(e, ERR_LIMIT, "content of %zu bytes is too large", content.n);
    struct blob_staged *s = calloc(1, sizeof *s);
    BUG_IF(!s);
    s->refs = 1;
    if (frames_make(&s->frames, content, content.n + 1, store_packs_dir(), e)) {
        blob_staged_unref(s);
        return -1;
    }
    *ret = s;
    return 0;
}

struct blob_staged *blob_staged_ref(struct blob_staged *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void blob_staged_unref(struct blob_staged *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
        return;
    frames_done(&s->frames);
    free(s);
}

uint64_t blob_staged_size(const struct blob_staged *s)
{
    return s->frames.size;
}

/* --- in a write job ------------------------------------------------------------------------- */

DB_STMT(blob_put, "INSERT INTO blob (hash, pack, at, size, stored, dead_since) "
                  "VALUES ($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING");
DB_STMT(blob_by_hash, "SELECT id, pack, at, size, dead_since FROM blob WHERE hash = $1");
DB_STMT(blob_revive, "UPDATE blob SET dead_since = 0 WHERE id = $1");
DB_STMT(blob_ref_put, "INSERT INTO blob_ref (blob, kind, account, id) VALUES ($1, $2, $3, $4) "
                      "ON CONFLICT DO NOTHING");
DB_STMT(blob_ref_drop,
        "DELETE FROM blob_ref WHERE blob = $1 AND kind = $2 AND account = $3 AND id = $4");
DB_STMT(blob_bury, "UPDATE blob SET dead_since = $2 WHERE id = $1 AND NOT EXISTS "
                   "(SELECT 1 FROM blob_ref r WHERE r.blob = blob.id)");

/* 1 found, 0 not, -1 */
static int by_hash(struct db *db, unsigned shard, const unsigned char *hash, struct blob_ref *ret,
                   bool *ret_dead, struct err *e)
{
    struct db_query *q = db_query(db, &stmt_blob_by_hash);
    db_bind_blob(q, 1, slice_of(hash, BLOB_HASH));
    int rc = db_next(q, e);
    if (rc > 0) {
        struct blob_ref r = {.id = (uint64_t)db_i64(q, 0),
                             .shard = shard,
                             .pack = (uint64_t)db_i64(q, 1),
                             .at = (uint64_t)db_i64(q, 2),
                             .size = (uint64_t)db_i64(q, 3)};
        memcpy(r.hash, hash, BLOB_HASH); /* which may be that of *ret */
        *ret = r;
        *ret_dead = db_i64(q, 4) != 0;
    }
    db_end(q);
    return rc;
}

int blob_commit(struct txn *t, struct blob_staged *s, uint64_t collection, struct blob_ref *ret,
                struct err *e)
{
    BUG_IF(!t->write);
    struct shard *sh = t->shard;
    struct blob_ref r = {
        .shard = sh->id, .pack = sh->pack.id, .at = sh->pack.next, .size = s->frames.size};
    memcpy(r.hash, s->frames.hash, BLOB_HASH);
    bool dead = false;
    if (db_run(t->db, &stmt_blob_put, e, "biiii", slice_of(r.hash, BLOB_HASH), (int64_t)r.pack,
               (int64_t)r.at, (int64_t)r.size, (int64_t)record_length(&s->frames)))
        return -1;
    bool fresh = db_changes(t->db) > 0;
    int rc = by_hash(t->db, sh->id, s->frames.hash, &r, &dead, e);
    if (rc <= 0)
        return rc < 0 ? -1 : err_set(e, ERR_BUG, "a blob is there and is not");
    if (fresh) {
        struct record_origin o = {
            .account = t->account, .collection = collection, .made_at = clock_now_ms()};
        writer_append(sh, s, &o, &r.pack, &r.at);
    }
    if (dead && db_run(t->db, &stmt_blob_revive, e, "i", (int64_t)r.id))
        return -1;
    *ret = r;
    return 0;
}

int blob_own(struct txn *t, uint64_t blob, int kind, uint64_t account, uint64_t id, struct err *e)
{
    return db_run(t->db, &stmt_blob_ref_put, e, "iiii", (int64_t)blob, (int64_t)kind,
                  (int64_t)account, (int64_t)id);
}

int blob_disown(struct txn *t, uint64_t blob, int kind, uint64_t account, uint64_t id,
                struct err *e)
{
    if (db_run(t->db, &stmt_blob_ref_drop, e, "iiii", (int64_t)blob, (int64_t)kind,
               (int64_t)account, (int64_t)id))
        return -1;
    return db_run(t->db, &stmt_blob_bury, e, "ii", (int64_t)blob, clock_now_ms());
}

/* --- reading -------------------------------------------------------------------------------- */

/* What is read with a record's head: most messages are in it whole. */
enum { AHEAD = 16384 };

struct blob {
    struct shard *shard;
    struct pack_file *file;
    struct record record;
    uint64_t pack;
    uint32_t cached; /* number of the frame in `frame`; UINT32_MAX: none */
    char *frame;     /* made when part of one is asked for */
    char *stored;    /* made when one is not in `ahead` */
    size_t ahead_n;
    char ahead[AHEAD]; /* from the record's start */
};

static int read_head(struct blob *b, const struct blob_ref *ref, struct err *e)
{
    if (record_read_ahead(b->file->fd, ref->at, INT64_MAX, b->ahead, sizeof b->ahead, &b->ahead_n,
                          &b->record, e))
        return -1;
    if (memcmp(b->record.hash, ref->hash, BLOB_HASH) == 0 && b->record.size == ref->size)
        return 0;
    record_done(&b->record);
    return err_set(e, ERR_CORRUPT, "another record stands at %llu", (unsigned long long)ref->at);
}

static int open_at(struct blob *b, const struct blob_ref *ref, struct err *e)
{
    if (packs_pin(&b->shard->packs, ref->pack, &b->file, e))
        return -1;
    if (read_head(b, ref, e)) {
        struct err why = *e;
        packs_unpin(&b->shard->packs, b->file);
        return err_set(e, why.code, "shard %u, pack %llu: %s", b->shard->id,
                       (unsigned long long)ref->pack, why.text);
    }
    b->pack = ref->pack;
    return 0;
}

/* Compaction moved it since the snapshot: where is it now? */
static int find_again(struct blob *b, struct blob_ref *ref, struct err *e)
{
    struct txn *t;
    bool dead;
    if (txn_read_shard(b->shard, &t, e))
        return -1;
    int rc = by_hash(t->db, b->shard->id, ref->hash, ref, &dead, e);
    txn_end(t);
    return rc > 0 ? 0 : rc < 0 ? -1 : err_set(e, ERR_NOTFOUND, "the blob is gone");
}

int blob_open(const struct blob_ref *ref, struct blob **ret, struct err *e)
{
    struct blob *b = malloc(sizeof *b); /* what is read ahead need not be zeroed */
    BUG_IF(!b);
    struct err why = {0};
    b->shard = shard_at((unsigned)ref->shard);
    b->file = NULL;
    b->frame = b->stored = NULL;
    b->cached = UINT32_MAX;
    int rc = open_at(b, ref, &why);
    if (rc && why.code == ERR_NOTFOUND) {
        struct blob_ref now = *ref;
        rc = find_again(b, &now, &why);
        if (rc == 0 && (rc = open_at(b, &now, &why)) && why.code == ERR_NOTFOUND)
            why.code = ERR_CORRUPT; /* a file of the store is missing, not a message */
    }
    if (rc) {
        free(b);
        return err_set(e, why.code, "%s", why.text);
    }
    *ret = b;
    return 0;
}

static void frame_room(char **p)
{
    if (!*p)
        *p = malloc(FRAME_SIZE);
    BUG_IF(!*p);
}

/* Frame i, checked and unpacked, to out. */
static int read_frame(struct blob *b, uint32_t i, char *out, struct err *e)
{
    const struct record *r = &b->record;
    struct err why = {0};
    uint64_t from = r->start[i] - r->at;
    int rc;
    if (from + r->table[i].stored <= b->ahead_n) {
        rc = frame_unpack(&r->table[i], b->ahead + from, out, record_frame_size(r, i), &why);
    } else if (frame_plain(&r->table[i]) && r->table[i].stored == record_frame_size(r, i)) {
        rc = record_frame_by(b->file->fd, r, i, out, out, &why);
    } else {
        frame_room(&b->stored);
        rc = record_frame_by(b->file->fd, r, i, b->stored, out, &why);
    }
    if (rc == 0)
        return 0;
    return err_set(e, why.code, "shard %u, pack %llu, record at %llu: %s", b->shard->id,
                   (unsigned long long)b->pack, (unsigned long long)r->at, why.text);
}

static int no_room(struct err *e)
{
    return err_set(e, ERR_LIMIT, "the message does not fit");
}

int blob_read(struct blob *b, uint64_t from, uint64_t n, struct buf *out, struct err *e)
{
    if (from >= b->record.size)
        return 0;
    if (n > b->record.size - from)
        n = b->record.size - from;
    while (n) {
        uint32_t i = (uint32_t)(from / FRAME_SIZE);
        size_t in = (size_t)(from % FRAME_SIZE), have = record_frame_size(&b->record, i) - in;
        size_t take = n < have ? (size_t)n : have;
        if (in == 0 && take == have && b->cached != i) { /* all of it: nothing is copied */
            char *room = buf_space(out, take);
            if (!room)
                return no_room(e);
            if (read_frame(b, i, room, e))
                return -1;
            out->n += take;
        } else {
            if (b->cached != i) {
                frame_room(&b->frame);
                b->cached = UINT32_MAX;
                if (read_frame(b, i, b->frame, e))
                    return -1;
                b->cached = i;
            }
            if (buf_add(out, slice_of(b->frame + in, take)))
                return no_room(e);
        }
        from += take;
        n -= take;
    }
    return 0;
}

void blob_close(struct blob *b)
{
    if (!b)
        return;
    record_done(&b->record);
    packs_unpin(&b->shard->packs, b->file);
    free(b->frame);
    free(b->stored);
    free(b);
}
