/* check_queue.c - queued mail whose bytes are lost. It cannot be sent: other people would get text
   of ours in place of what was written. So it is named and leaves the queue; of mail that was on
   its way into mailboxes here, what can be read goes there, to Recovered. */
#include "store/checking.h"
#include "store/outbox.h"
#include "store/schema.h"
#include "store/shard.h"

DB_STMT(queue_lost_count,
        "SELECT COUNT(*) FROM outbox WHERE NOT EXISTS (SELECT 1 FROM blob b WHERE "
        "b.id = outbox.blob)");
DB_STMT(queue_lost, "SELECT id, sender, blob, queued_at, prefix FROM outbox WHERE NOT EXISTS "
                    "(SELECT 1 FROM blob b WHERE b.id = outbox.blob) ORDER BY id LIMIT 1");
DB_STMT(queue_lost_to, "SELECT address, account FROM outbox_recipient WHERE outbox = $1 "
                       "ORDER BY address");

int check_queue(struct checking *c, struct checked_shard *s, struct err *e)
{
    int64_t n = 0;
    if (db_get_i64(s->db, &stmt_queue_lost_count, &n, e, "") < 0)
        return -1;
    if (n)
        check_say(c, "shard %u: %lld queued messages whose bytes are lost", s->id, (long long)n);
    c->r->problems += (uint64_t)n;
    if (!c->repair)
        c->r->lost += (uint64_t)n;
    return 0;
}

enum { TO_MAX = 1000 };

struct queued {
    int64_t id, blob, at;
    struct slice sender, prefix;
    uint64_t to[TO_MAX]; /* accounts here */
    size_t n;
};

static int read_recipients(struct checking *c, struct txn *t, struct queued *m, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_queue_lost_to);
    db_bind_i64(q, 1, m->id);
    int rc;
    while ((rc = db_next(q, e)) > 0) {
        struct slice address = db_text(q, 0);
        check_say(c, "lost: queued mail from <%.*s> to <%.*s>", SARG(m->sender), SARG(address));
        if (db_i64(q, 1) > 0 && m->n < TO_MAX)
            m->to[m->n++] = (uint64_t)db_i64(q, 1);
    }
    db_end(q);
    return rc;
}

/* 1 read, 0: no more, -1 */
static int next_lost(struct checking *c, struct shard *s, struct arena *a, struct queued *m,
                     struct err *e)
{
    struct txn *t;
    if (txn_read_shard(s, &t, e))
        return -1;
    m->n = 0;
    struct db_query *q = db_query(t->db, &stmt_queue_lost);
    int rc = db_next(q, e);
    if (rc > 0) {
        m->id = db_i64(q, 0);
        m->sender = arena_dup(a, db_text(q, 1));
        m->blob = db_i64(q, 2);
        m->at = db_i64(q, 3);
        m->prefix = arena_dup(a, db_blob(q, 4));
    }
    db_end(q);
    if (rc > 0 && read_recipients(c, t, m, e))
        rc = -1;
    txn_end(t);
    return rc;
}

/* To those here it was for; a part of it is better than nothing. */
static int recover_queued(struct checked_shard *cs, struct shard *s, struct queued *m,
                          struct err *e)
{
    const struct finding *f = NULL;
    for (size_t i = 0; i < cs->damaged.n && !f; i++)
        if (cs->damaged.f[i].blob && (int64_t)cs->damaged.f[i].blob == -m->blob)
            f = &cs->damaged.f[i];
    if (!f || !m->n)
        return 0;
    BUF_SCOPE content = {.max = (size_t)f->size + 1};
    struct recovering r = {.prefix = m->prefix, .at = m->at};
    check_remains(&s->packs, f, f->size, &content);
    if (message_ready_make(content.n ? buf_slice(&content) : S(""), &r.m, e))
        return -1;
    int rc = 0;
    for (size_t i = 0; i < m->n && rc == 0; i++)
        rc = check_recover(m->to[i], &r, e);
    message_ready_free(r.m);
    return rc;
}

int check_queue_mend(struct checking *c, struct checked_shard *cs, struct err *e)
{
    struct shard *s = shard_at(cs->id);
    struct queued m;
    int rc;
    for (;;) {
        ARENA_SCOPE a = {.limit = 1 << 20};
        rc = next_lost(c, s, &a, &m, e);
        if (rc <= 0)
            return rc;
        if (recover_queued(cs, s, &m, e) || outbox_remove(s->id, (uint64_t)m.id, e))
            return -1;
        c->r->lost++;
        c->r->repaired++;
    }
}
