/* view_cache.c - the newest view of each collection that is in use. Who asks first after a commit
   makes the successor; those who ask meanwhile wait for it instead of making their own. */
#include "store/view_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/list.h"
#include "base/spent.h"
#include "store/change.h"
#include "store/shard.h"
#include "store/view_make.h"

enum { STRIPES = 64, KEPT = 64 }; /* collections kept in each stripe */

DB_STMT(view_row, "SELECT modseq, uidvalidity, uidnext, messages FROM collection "
                  "WHERE account = $1 AND id = $2");
DB_STMT(view_bounds, "SELECT (SELECT MIN(uid) FROM entry WHERE account = $1 AND collection = $2), "
                     "(SELECT MAX(uid) FROM entry WHERE account = $1 AND collection = $2)");
DB_STMT(view_uids, "SELECT uid FROM entry WHERE account = $1 AND collection = $2 ORDER BY uid");

struct cached {
    struct link link; /* the stripe's, oldest use first */
    uint64_t account, collection;
    struct view *view; /* NULL: being made for the first time */
    bool making;
};

static struct stripe {
    pthread_mutex_t lock;
    pthread_cond_t made;
    struct link list;
    size_t n;
} stripes[STRIPES];

__attribute__((constructor)) static void stripes_init(void)
{
    for (size_t i = 0; i < STRIPES; i++) {
        pthread_mutex_init(&stripes[i].lock, NULL);
        pthread_cond_init(&stripes[i].made, NULL);
        list_init(&stripes[i].list);
    }
}

static struct stripe *stripe_of(uint64_t account, uint64_t collection)
{
    return &stripes[hash_u64(account * 0x9e3779b97f4a7c15u + collection) % STRIPES];
}

struct facts {
    uint64_t modseq;
    uint32_t uidvalidity, uidnext, messages;
};

static int read_facts(struct txn *t, uint64_t collection, struct facts *f, struct err *e)
{
    struct db_query *q = db_query(t->db, &stmt_view_row);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)collection);
    int rc = db_next(q, e);
    if (rc > 0)
        *f = (struct facts){(uint64_t)db_i64(q, 0), (uint32_t)db_i64(q, 1), (uint32_t)db_i64(q, 2),
                            (uint32_t)db_i64(q, 3)};
    db_end(q);
    if (rc == 0)
        return err_set(e, ERR_NOTFOUND, "no such mailbox");
    return rc < 0 ? -1 : 0;
}

/* A mailbox without gaps, as most are where new mail comes in, is told by its ends: nothing is
   scanned. 1 it was, 0, -1. */
static int from_bounds(struct txn *t, uint64_t collection, const struct facts *f, struct view *v,
                       struct err *e)
{
    int64_t first = 0, last = 0;
    struct db_query *q = db_query(t->db, &stmt_view_bounds);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)collection);
    int rc = db_next(q, e);
    if (rc > 0) {
        first = db_i64(q, 0);
        last = db_i64(q, 1);
    }
    db_end(q);
    if (rc <= 0 || first < 1 || last - first + 1 != (int64_t)f->messages)
        return rc < 0 ? -1 : 0;
    for (int64_t uid = first; uid <= last; uid++)
        view_append(v, (uint32_t)uid);
    return 1;
}

static int from_table(struct txn *t, uint64_t collection, const struct facts *f, struct view **ret,
                      struct err *e)
{
    struct view *v = view_new(f->modseq, f->uidvalidity, f->uidnext);
    int rc = from_bounds(t, collection, f, v, e);
    if (rc > 0) {
        *ret = v;
        return 0;
    }
    if (rc < 0) {
        view_unref(v);
        return -1;
    }
    struct db_query *q = db_query(t->db, &stmt_view_uids);
    db_bind_i64(q, 1, (int64_t)t->account);
    db_bind_i64(q, 2, (int64_t)collection);
    while ((rc = db_next(q, e)) > 0)
        view_append(v, (uint32_t)db_i64(q, 0));
    db_end(q);
    if (rc < 0) {
        view_unref(v);
        return -1;
    }
    *ret = v;
    return 0;
}

/* From the view before by what the log says; from the table when that does not lead here. */
static int make(struct txn *t, uint64_t collection, struct view *before, const struct facts *f,
                struct view **ret, struct err *e)
{
    if (before && view_modseq(before) < f->modseq && view_uidvalidity(before) == f->uidvalidity) {
        UIDSET_SCOPE come = {0};
        UIDSET_SCOPE gone = {0};
        if (change_since(t, collection, view_modseq(before), &come, &gone, NULL) == 0) {
            struct view *v = view_successor(before, &gone, &come, f->modseq, f->uidnext);
            if (view_count(v) == f->messages) {
                *ret = v;
                return 0;
            }
            view_unref(v);
        }
    }
    return from_table(t, collection, f, ret, e);
}

static void drop(struct stripe *s, struct cached *c)
{
    list_remove(&c->link);
    s->n--;
    view_unref(c->view);
    free(c);
}

/* The entry of the collection, made when there is none; the one unused for longest goes. */
static struct cached *find(struct stripe *s, uint64_t account, uint64_t collection)
{
    list_each(l, &s->list)
    {
        struct cached *c = list_entry(l, struct cached, link);
        if (c->account == account && c->collection == collection) {
            list_remove(&c->link);
            list_push(&s->list, &c->link);
            return c;
        }
    }
    if (s->n >= KEPT)
        list_each_safe(l, &s->list)
        {
            struct cached *old = list_entry(l, struct cached, link);
            if (!old->making) {
                drop(s, old);
                break;
            }
        }
    struct cached *c = calloc(1, sizeof *c);
    BUG_IF(!c);
    c->account = account;
    c->collection = collection;
    list_push(&s->list, &c->link);
    s->n++;
    return c;
}

int view_get(struct txn *t, uint64_t collection, struct view **ret, struct err *e)
{
    struct facts f = {0};
    if (read_facts(t, collection, &f, e))
        return -1;
    if (t->write) { /* what is not committed is nobody else's */
        return from_table(t, collection, &f, ret, e);
    }
    struct stripe *s = stripe_of(t->account, collection);
    spent_lock(&s->lock);
    struct cached *c = find(s, t->account, collection);
    while (c->making) {
        spent_wait(&s->made, &s->lock);
        c = find(s, t->account, collection);
    }
    if (c->view && view_modseq(c->view) == f.modseq) {
        *ret = view_ref(c->view);
        pthread_mutex_unlock(&s->lock);
        return 0;
    }
    c->making = true;
    struct view *before = c->view ? view_ref(c->view) : NULL;
    pthread_mutex_unlock(&s->lock);

    struct view *v = NULL;
    int rc = make(t, collection, before, &f, &v, e);
    view_unref(before);

    pthread_mutex_lock(&s->lock);
    c->making = false;
    if (rc == 0 && (!c->view || view_modseq(c->view) < f.modseq)) {
        view_unref(c->view);
        c->view = view_ref(v);
    }
    pthread_cond_broadcast(&s->made);
    pthread_mutex_unlock(&s->lock);
    if (rc == 0)
        *ret = v;
    return rc;
}

void view_cache_clear(void)
{
    for (size_t i = 0; i < STRIPES; i++) {
        pthread_mutex_lock(&stripes[i].lock);
        list_each_safe(l, &stripes[i].list) drop(&stripes[i], list_entry(l, struct cached, link));
        pthread_mutex_unlock(&stripes[i].lock);
    }
}
