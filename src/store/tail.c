/* tail.c - table pack_tail, and what it holds brought to the pack files. */
#include "store/tail.h"

#include <errno.h>
#include <unistd.h>

#include "base/fd.h"

DB_STMT(tail_put, "INSERT INTO pack_tail (id, pack, at, bytes) VALUES ($1, $2, $3, $4)");
DB_STMT(tail_drop, "DELETE FROM pack_tail WHERE id <= $1");
DB_STMT(tail_next, "SELECT t.id, t.pack, t.at, t.bytes, p.id FROM pack_tail t LEFT JOIN pack p ON "
                   "p.id = t.pack WHERE t.id > $1 ORDER BY t.id LIMIT 1");

int tail_put(struct db *db, int64_t id, uint64_t pack, uint64_t at, struct slice bytes,
             struct err *e)
{
    return db_run(db, &stmt_tail_put, e, "iiib", id, (int64_t)pack, (int64_t)at, bytes);
}

int tail_drop(struct db *db, int64_t upto, struct err *e)
{
    return db_run(db, &stmt_tail_drop, e, "i", upto);
}

struct applying {
    const char *dir;
    unsigned shard;
    uint64_t pack; /* of fd */
    int fd;
};

static int settle_file(struct applying *a, struct err *e)
{
    int rc = a->fd >= 0 && writer_sync(a->fd)
                 ? err_errno(e, ERR_IO, "syncing pack %llu", (unsigned long long)a->pack)
                 : 0;
    fd_closep(&a->fd);
    return rc;
}

static int apply_row(struct applying *a, uint64_t pack, uint64_t at, struct slice bytes,
                     struct err *e)
{
    if (a->fd >= 0 && a->pack != pack && settle_file(a, e))
        return -1;
    if (a->fd < 0 && pack_open(a->dir, a->shard, pack, true, &a->fd, e))
        return -1;
    a->pack = pack;
    return fd_pwrite_all(a->fd, bytes.p, bytes.n, (int64_t)at)
               ? err_errno(e, ERR_IO, "writing pack %llu", (unsigned long long)pack)
               : 0;
}

/* 1, 0: no more, -1 */
static int apply_next(struct db *db, struct applying *a, int64_t *upto, struct err *e)
{
    struct db_query *q = db_query(db, &stmt_tail_next);
    struct err why = {0};
    db_bind_i64(q, 1, *upto);
    int rc = db_next(q, e);
    if (rc > 0) {
        *upto = db_i64(q, 0);
        if (!db_is_null(q, 4) &&
            apply_row(a, (uint64_t)db_i64(q, 1), (uint64_t)db_i64(q, 2), db_blob(q, 3), &why)) {
            /* A pack whose file is lost or whose head is damaged is for `store check`. */
            rc = why.code == ERR_NOTFOUND || why.code == ERR_CORRUPT
                     ? 1
                     : err_set(e, why.code, "%s", why.text);
        }
    }
    db_end(q);
    return rc;
}

int tail_apply(struct db *db, const char *packs_dir, unsigned shard, int64_t *ret_upto,
               struct err *e)
{
    struct applying a = {.dir = packs_dir, .shard = shard, .fd = -1};
    int rc;
    *ret_upto = 0;
    while ((rc = apply_next(db, &a, ret_upto, e)) > 0)
        ;
    if (rc < 0) {
        fd_closep(&a.fd);
        return -1;
    }
    return settle_file(&a, e);
}

int tail_recover(struct db *db, const char *packs_dir, unsigned shard, struct err *e)
{
    int64_t upto = 0;
    if (tail_apply(db, packs_dir, shard, &upto, e))
        return -1;
    return upto ? tail_drop(db, upto, e) : 0;
}

static int sync_pack(struct shard *s, uint64_t pack, struct err *e)
{
    AUTO_FD fd = -1;
    if (pack_open(s->packs.dir, s->id, pack, true, &fd, e))
        return -1;
    return writer_sync(fd) ? err_errno(e, ERR_IO, "syncing pack %llu", (unsigned long long)pack)
                           : 0;
}

static int settle(struct shard *s, struct db *db, struct err *e)
{
    pthread_mutex_lock(&s->lock);
    struct tails t = s->tails;
    pthread_mutex_unlock(&s->lock);
    if (t.last <= t.settled)
        return 0;
    /* What failed once is written anew, by another descriptor: the page may be gone from memory. */
    int64_t upto = t.last;
    int rc = t.anew ? tail_apply(db, s->packs.dir, s->id, &upto, e) : sync_pack(s, t.pack, e);
    pthread_mutex_lock(&s->lock);
    bool disturbed = s->tails.failures != t.failures;
    if (rc) {
        s->tails.anew = true;
        s->tails.suspect = s->tails.given;
    } else if (!disturbed || t.anew) {
        if (s->tails.settled < t.last)
            s->tails.settled = t.last;
        if (!disturbed && t.last >= s->tails.suspect)
            s->tails.anew = false;
    }
    pthread_mutex_unlock(&s->lock);
    return rc;
}

int tail_settle(struct shard *s, struct db *db, struct err *e)
{
    pthread_mutex_lock(&s->sync_lock);
    int rc = settle(s, db, e);
    pthread_mutex_unlock(&s->sync_lock);
    return rc;
}
