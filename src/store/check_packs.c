/* check_packs.c - pack files against the tables: files without a row, rows without a file, heads,
   and every record with all its bytes against its blob. */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/setting.h"
#include "store/checking.h"
#include "store/schema.h"

SETTING_DECLARE(store, message_max);

DB_STMT(check_pack_all, "SELECT id, state, committed FROM pack WHERE id > $1 ORDER BY id LIMIT 1");
DB_STMT(check_pack_one, "SELECT state FROM pack WHERE id = $1");
DB_STMT(check_pack_add, "INSERT INTO pack (id, state, committed, dead, created_at) "
                        "VALUES ($1, 1, $2, 0, $3)");
DB_STMT(check_pack_cut, "UPDATE pack SET state = 1, committed = $2 WHERE id = $1");
DB_STMT(check_pack_drop, "DELETE FROM pack WHERE id = $1");
DB_STMT(check_blobs, "SELECT id, hash, pack, at, size FROM blob WHERE id > $1 ORDER BY id LIMIT 1");
DB_STMT(check_blob_drop, "DELETE FROM blob WHERE id = $1");
DB_STMT(check_blob_known, "SELECT dead_since FROM blob WHERE hash = $1");
DB_STMT(check_items_adrift, "SELECT COUNT(*) FROM item WHERE NOT EXISTS (SELECT 1 FROM blob b "
                            "WHERE b.id = item.blob)");
DB_STMT(check_adrift,
        "SELECT COUNT(*) FROM message m JOIN item i ON i.account = m.account AND i.id = m.item "
        "AND i.row = m.row WHERE m.hash = $1 AND NOT EXISTS (SELECT 1 FROM blob b WHERE "
        "b.id = i.blob)");
DB_STMT(check_connect,
        "UPDATE item SET blob = $2 WHERE (account, id) IN (SELECT m.account, m.item FROM message m "
        "WHERE m.hash = $1) AND NOT EXISTS (SELECT 1 FROM blob b WHERE b.id = item.blob)");
DB_STMT(check_blob_add, "INSERT INTO blob (hash, pack, at, size, stored, dead_since) VALUES "
                        "($1, $2, $3, $4, $5, 0) ON CONFLICT DO NOTHING RETURNING id");
DB_STMT(check_needed,
        "SELECT (SELECT COUNT(*) FROM blob_ref r JOIN item i ON i.account = r.account AND "
        "i.id = r.id AND i.blob = r.blob WHERE r.blob = b.id AND r.kind = 1) + "
        "(SELECT COUNT(*) FROM blob_ref r WHERE r.blob = b.id AND r.kind = 2) "
        "FROM blob b WHERE b.hash = $1");
DB_STMT(check_cast_off, "UPDATE item SET blob = 0 - blob WHERE blob > 0 AND NOT EXISTS "
                        "(SELECT 1 FROM blob b WHERE b.id = item.blob)");
DB_STMT(check_cast_off_row,
        "UPDATE item SET row = 0 - row WHERE row > 0 AND NOT EXISTS (SELECT 1 FROM message m "
        "WHERE m.row = item.row AND m.account = item.account AND m.item = item.id)");
DB_STMT(check_cast_off_queue, "UPDATE outbox SET blob = 0 - blob WHERE blob > 0 AND NOT EXISTS "
                              "(SELECT 1 FROM blob b WHERE b.id = outbox.blob)");

/* --- files and rows -----------------------------------------------------------------------------
 */

struct pack_row {
    int64_t id, state, committed;
};

static int next_pack(struct checked_shard *s, int64_t after, struct pack_row *p, struct err *e)
{
    struct db_query *q = db_query(s->db, &stmt_check_pack_all);
    db_bind_i64(q, 1, after);
    int rc = db_next(q, e);
    if (rc > 0)
        *p = (struct pack_row){db_i64(q, 0), db_i64(q, 1), db_i64(q, 2)};
    db_end(q);
    return rc;
}

/* The length of the file, -1 when there is none. */
static int64_t file_length(struct checked_shard *s, int64_t id)
{
    char path[4096];
    struct stat st;
    pack_path(path, sizeof path, s->packs.dir, (uint64_t)id);
    return stat(path, &st) ? -1 : (int64_t)st.st_size;
}

static int check_row(struct checking *c, struct checked_shard *s, const struct pack_row *p,
                     struct err *e)
{
    int64_t length = file_length(s, p->id);
    struct err why = {0};
    int fd = -1;
    if (p->state > PACK_SEALED) /* compaction that was cut short: the next start removes it */
        return 0;
    c->r->packs++;
    if (length < 0) {
        c->r->problems++;
        check_say(c, "shard %u: pack %lld is missing", s->id, (long long)p->id);
        if (!c->repair)
            return 0;
        c->r->repaired++;
        return db_run(s->db, &stmt_check_pack_drop, e, "i", p->id);
    }
    if (pack_open(s->packs.dir, s->id, (uint64_t)p->id, false, &fd, &why)) {
        c->r->problems++;
        check_say(c, "shard %u: %s", s->id, why.text);
        if (why.code == ERR_UNSUPPORTED)
            return err_set(e, why.code, "%s", why.text);
        if (c->repair && pack_mend(s->packs.dir, s->id, (uint64_t)p->id, e))
            return -1;
        c->r->repaired += c->repair;
    }
    fd_closep(&fd);
    if (length >= p->committed)
        return 0;
    c->r->problems++;
    check_say(c, "shard %u: pack %lld has %lld bytes of %lld", s->id, (long long)p->id,
              (long long)length, (long long)p->committed);
    if (!c->repair)
        return 0;
    c->r->repaired++;
    return db_run(s->db, &stmt_check_pack_cut, e, "ii", p->id,
                  length < PACK_HEAD ? (int64_t)PACK_HEAD : length);
}

/* A salvaged table may have lost rows whose files are there. */
static int adopt_files(struct checking *c, struct checked_shard *s, struct err *e)
{
    DIR *d = opendir(s->packs.dir);
    int rc = 0;
    for (struct dirent *f; d && rc == 0 && (f = readdir(d));) {
        struct slice name = slice_str(f->d_name), rest = name;
        uint64_t id;
        int64_t state;
        if (!slice_ends(name, S(".pack")) || slice_u64(slice_cut(&rest, '.'), &id) ||
            id > INT64_MAX)
            continue;
        rc = db_get_i64(s->db, &stmt_check_pack_one, &state, e, "i", (int64_t)id);
        if (rc != 0) {
            rc = rc < 0 ? -1 : 0;
            continue;
        }
        c->r->problems++;
        c->r->repaired++;
        check_say(c, "shard %u: pack %llu was in no table", s->id, (unsigned long long)id);
        rc = db_run(s->db, &stmt_check_pack_add, e, "iii", (int64_t)id, file_length(s, (int64_t)id),
                    clock_now_ms());
    }
    if (d)
        closedir(d);
    return rc;
}

/* --- records of blobs ---------------------------------------------------------------------------
 */

static int record_is_sound(struct checked_shard *s, const struct finding *f, struct err *e)
{
    struct pack_file *file;
    struct record r;
    if (packs_pin(&s->packs, f->pack, &file, e))
        return -1;
    int rc = record_read(file->fd, f->at, INT64_MAX, &r, e);
    if (rc == 0) {
        if (memcmp(r.hash, f->hash, FRAME_HASH) != 0 || r.size != f->size)
            rc =
                err_set(e, ERR_CORRUPT, "another record stands at %llu", (unsigned long long)f->at);
        else
            rc = record_check(file->fd, &r, e);
        record_done(&r);
    }
    packs_unpin(&s->packs, file);
    return rc;
}

bool check_believes(uint64_t size)
{
    return size <= (uint64_t)setting_get(&set_store_message_max);
}

/* The record of a larger message than may come now may still say the same as its row. */
static uint64_t believed_size(struct checked_shard *s, const struct finding *f)
{
    struct pack_file *file;
    struct record r;
    uint64_t size = check_believes(f->size) ? f->size : 0;
    if (size || packs_pin(&s->packs, f->pack, &file, NULL))
        return size;
    if (record_read(file->fd, f->at, INT64_MAX, &r, NULL) == 0) {
        if (memcmp(r.hash, f->hash, FRAME_HASH) == 0)
            size = r.size;
        record_done(&r);
    }
    packs_unpin(&s->packs, file);
    return size;
}

static int next_blob(struct checked_shard *s, struct finding *f, struct err *e)
{
    struct db_query *q = db_query(s->db, &stmt_check_blobs);
    db_bind_i64(q, 1, (int64_t)f->blob);
    int rc = db_next(q, e);
    if (rc > 0) {
        struct slice hash = db_blob(q, 1);
        *f = (struct finding){.blob = (uint64_t)db_i64(q, 0),
                              .pack = (uint64_t)db_i64(q, 2),
                              .at = (uint64_t)db_i64(q, 3),
                              .size = (uint64_t)db_i64(q, 4)};
        if (hash.n == FRAME_HASH)
            memcpy(f->hash, hash.p, FRAME_HASH);
    }
    db_end(q);
    return rc;
}

static int check_blobs(struct checking *c, struct checked_shard *s, struct err *e)
{
    struct finding f = {.blob = 0};
    int rc;
    while ((rc = next_blob(s, &f, e)) > 0) {
        struct err why = {0};
        int bad = record_is_sound(s, &f, &why);
        if (bad)
            f.size = believed_size(s, &f);
        c->r->blobs++;
        c->r->bytes += f.size;
        if (!bad)
            continue;
        c->r->problems++;
        check_say(c, "shard %u, pack %llu, record at %llu: %s", s->id, (unsigned long long)f.pack,
                  (unsigned long long)f.at, why.text);
        finding_add(&s->damaged, &f);
        if (c->repair && db_run(s->db, &stmt_check_blob_drop, e, "i", (int64_t)f.blob))
            return -1;
    }
    return rc;
}

/* --- records that no row knows ------------------------------------------------------------------
 */

/* Items that have lost their blob's row, and this is the content they had. */
static int reconnect(struct checking *c, struct checked_shard *s, const struct record *r,
                     uint64_t pack, bool *done, struct err *e)
{
    struct slice hash = slice_of(r->hash, FRAME_HASH);
    int64_t items = 0, id = 0;
    if (db_get_i64(s->db, &stmt_check_adrift, &items, e, "b", hash) < 0)
        return -1;
    if (!items)
        return 0;
    *done = true;
    c->r->problems += (uint64_t)items;
    if (!c->repair)
        return 0;
    c->r->repaired += (uint64_t)items;
    if (db_get_i64(s->db, &stmt_check_blob_add, &id, e, "biiii", hash, (int64_t)pack,
                   (int64_t)r->at, (int64_t)r->size, (int64_t)(r->end - r->at)) < 0)
        return -1;
    return db_run(s->db, &stmt_check_connect, e, "bi", hash, id);
}

static void note(struct findings *list, const struct record *r, uint64_t pack, bool torn)
{
    struct finding f = {
        .pack = pack, .at = r->at, .size = r->size, .account = r->account, .torn = torn};
    memcpy(f.hash, r->hash, FRAME_HASH);
    finding_add(list, &f);
}

/* Its row is lost, or it never had one since. Items that want it are mended; with all rows of table
   blob there, it is known that the rest was swept. */
static int check_rowless(struct checking *c, struct checked_shard *s, const struct record *r,
                         uint64_t pack, bool torn, struct err *e)
{
    int64_t items = 0;
    bool done = false;
    if (torn) {
        if (db_get_i64(s->db, &stmt_check_adrift, &items, e, "b", slice_of(r->hash, FRAME_HASH)) <
            0)
            return -1;
        if (items) {
            c->r->problems++;
            check_say(c, "shard %u, pack %llu, record at %llu: damaged, and without a row", s->id,
                      (unsigned long long)pack, (unsigned long long)r->at);
            note(&s->damaged, r, pack, true);
            return 0;
        }
    } else if (reconnect(c, s, r, pack, &done, e))
        return -1;
    if (!done && s->salvaged && !s->blobs_whole)
        note(&s->orphans, r, pack, torn);
    return 0;
}

static int check_record(struct checking *c, struct checked_shard *s, int fd, uint64_t pack,
                        const struct record *r, struct err *e)
{
    struct slice hash = slice_of(r->hash, FRAME_HASH);
    int64_t dead_since = 0, needed = 0;
    int rc = db_get_i64(s->db, &stmt_check_blob_known, &dead_since, e, "b", hash);
    if (rc == 0)
        return check_rowless(c, s, r, pack, record_check(fd, r, NULL) != 0, e);
    if (rc > 0 && s->salvaged)
        rc = db_get_i64(s->db, &stmt_check_needed, &needed, e, "b", hash);
    if (rc < 0)
        return -1;
    /* Nobody needs it, and it is not known to be deleted. */
    if (s->salvaged && !needed && dead_since <= 0 && record_check(fd, r, NULL) == 0)
        note(&s->orphans, r, pack, false);
    return 0;
}

static int walk_pack(struct checking *c, struct checked_shard *s, const struct pack_row *p,
                     struct err *e)
{
    struct pack_file *file;
    if (packs_pin(&s->packs, (uint64_t)p->id, &file, NULL))
        return 0; /* told already */
    uint64_t end = (uint64_t)p->committed, mark = 0;
    int rc = pack_mark(file->fd, &mark, e);
    for (uint64_t at = PACK_HEAD; at < end && rc == 0;) {
        struct record r;
        if (record_read(file->fd, at, end, &r, NULL)) {
            at = record_search(file->fd, mark, at + 1, end);
            continue;
        }
        rc = check_record(c, s, file->fd, (uint64_t)p->id, &r, e);
        at = r.end;
        record_done(&r);
    }
    packs_unpin(&s->packs, file);
    return rc;
}

static int walk_all(struct checking *c, struct checked_shard *s, struct err *e)
{
    struct pack_row p = {.id = 0};
    int64_t adrift = 0;
    int rc;
    if (db_get_i64(s->db, &stmt_check_items_adrift, &adrift, e, "") < 0)
        return -1;
    if (!s->salvaged && !adrift)
        return 0;
    while ((rc = next_pack(s, p.id, &p, e)) > 0)
        if (p.state <= PACK_SEALED && walk_pack(c, s, &p, e))
            return -1;
    return rc;
}

/* The number of a row that is gone may be given to another: nothing may point to it. */
static int cast_off(struct checked_shard *s, struct err *e)
{
    return db_run(s->db, &stmt_check_cast_off, e, "") ||
                   db_run(s->db, &stmt_check_cast_off_row, e, "") ||
                   db_run(s->db, &stmt_check_cast_off_queue, e, "")
               ? -1
               : 0;
}

int check_packs(struct checking *c, struct checked_shard *s, struct err *e)
{
    struct pack_row p = {.id = 0};
    int rc;
    if (s->salvaged && (adopt_files(c, s, e) || cast_off(s, e)))
        return -1;
    while ((rc = next_pack(s, p.id, &p, e)) > 0)
        if (check_row(c, s, &p, e))
            return -1;
    if (rc < 0 || check_blobs(c, s, e) < 0 || (c->repair && cast_off(s, e)))
        return -1;
    return walk_all(c, s, e);
}
