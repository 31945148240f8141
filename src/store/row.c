/* row.c - a compressed column is the lengths of its two parts and what zstd made of both, without
   the four bytes that all its frames begin with. */
#include "store/row.h"

#include "base/varint.h"
#include "store/message_ready.h"
#include "store/shard.h"
#include "store/squeeze.h"

enum {
    MAGIC = 4,
    PARTS_MAX = 128 << 20, /* of both: each is a buffer of the usual limit */
};
static const int levels[] = {[ROW_QUICK] = -1, [ROW_SMALL] = 1};
static const char magic[MAGIC] = {'\x28', '\xb5', '\x2f', '\xfd'};

DB_STMT(row_last, "SELECT COALESCE(MAX(row), 0) FROM message");
DB_STMT(row_put,
        "INSERT INTO message (row, account, item, prefix, envelope, bodystructure, preview, "
        "subject, refs, hash, parts, prefix_n) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)");

void row_pack(enum row_way way, struct slice a, struct slice b, struct buf *out)
{
    BUF_SCOPE both = {.max = PARTS_MAX};
    out->max = 2 * PARTS_MAX;
    buf_add(&both, a);
    buf_add(&both, b);
    varint_add(out, a.n);
    varint_add(out, b.n);
    size_t most = both.n + both.n / 64 + 128;
    char *room = buf_space(out, most);
    if (!room || both.failed) {
        out->failed = true;
        return;
    }
    size_t n = squeeze(SQUEEZE_ROW, levels[way], both.n ? buf_slice(&both) : S(""), room, most);
    BUG_IF(n < MAGIC || memcmp(room, magic, MAGIC) != 0);
    memmove(room, room + MAGIC, n - MAGIC);
    out->n += n - MAGIC;
}

int row_unpack(struct slice packed, struct buf *room, struct slice *ret_a, struct slice *ret_b,
               struct err *e)
{
    uint64_t a, b;
    if (varint_next(&packed, &a) || varint_next(&packed, &b) || a > PARTS_MAX || b > PARTS_MAX - a)
        return 0;
    buf_reset(room);
    room->max = 2 * PARTS_MAX;
    char *frame = buf_space(room, MAGIC + packed.n + (size_t)(a + b) + 1);
    if (!frame)
        return err_set(e, ERR_BUSY, "out of memory");
    memcpy(frame, magic, MAGIC);
    memcpy(frame + MAGIC, packed.p, packed.n);
    char *both = frame + MAGIC + packed.n;
    if (unsqueeze(SQUEEZE_ROW, slice_of(frame, MAGIC + packed.n), both, (size_t)(a + b)))
        return 0;
    *ret_a = slice_of(both, (size_t)a);
    *ret_b = slice_of(both + a, (size_t)b);
    return 1;
}

static struct slice bytes_of(const struct buf *b)
{
    return b->n ? buf_slice(b) : S("");
}

int row_put(struct txn *t, uint64_t account, uint64_t item, struct slice prefix,
            const struct message_ready *m, const unsigned char *hash, int64_t *ret_row,
            struct err *e)
{
    BUF_SCOPE kept = {0};
    struct slice envelope = bytes_of(&m->envelope), structure = bytes_of(&m->bodystructure);
    struct slice preview = bytes_of(&m->preview);
    int64_t prefix_n = -1;
    if (prefix.n == 0)
        prefix = S("");
    if (m->told.n) {
        prefix_n = (int64_t)prefix.n;
        row_pack(ROW_SMALL, prefix, preview, &kept);
        if (kept.failed)
            return err_set(e, ERR_LIMIT, "the lines in front of the message are too large");
        envelope = buf_slice(&m->told);
        structure = preview = S("");
        prefix = buf_slice(&kept);
    }
    /* A shard has one writer; RETURNING would take SQLite three times as long. */
    int64_t last = 0;
    if (db_get_i64(t->db, &stmt_row_last, &last, e, "") < 0 ||
        db_run(t->db, &stmt_row_put, e, "iiibbbttbbbi", last + 1, (int64_t)account, (int64_t)item,
               prefix, envelope, structure, preview, bytes_of(&m->subject),
               bytes_of(&m->thread_refs), slice_of(hash, BLOB_HASH), bytes_of(&m->parts), prefix_n))
        return -1;
    *ret_row = last + 1;
    return 0;
}

int row_told(struct db_query *q, int n, int column, struct buf *room, struct entry *en,
             struct err *e)
{
    struct slice first = db_blob(q, column);
    if (db_i64(q, n) < 0) {
        en->envelope = first;
        en->bodystructure = db_blob(q, column + 1);
        return 0;
    }
    int got = row_unpack(first, room, &en->envelope, &en->bodystructure, e);
    if (got == 0) {
        en->damaged = true;
        en->envelope = S("(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)");
        en->bodystructure = S("(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)");
    }
    return got < 0 ? -1 : 0;
}

int row_kept(struct db_query *q, int n, int column, struct buf *room, struct entry *en,
             struct err *e)
{
    struct slice first = db_blob(q, column);
    int64_t prefix_n = db_i64(q, n);
    if (prefix_n < 0) {
        en->prefix = first;
        en->preview = db_text(q, column + 1);
        return 0;
    }
    int got = row_unpack(first, room, &en->prefix, &en->preview, e);
    if (got == 0 || (got > 0 && en->prefix.n != (size_t)prefix_n)) {
        en->damaged = true;
        en->prefix = en->preview = S("");
    }
    return got < 0 ? -1 : 0;
}
