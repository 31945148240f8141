/* recent.c - one number per mailbox, the highest uid that a session has had as \Recent. A mailbox
   that is not in the table begins with what came after the table was begun; a full table begins
   anew. */
#include "imap/recent.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/collection.h"
#include "store/entry.h"
#include "store/view.h"

enum { MARKS_MAX = 1000000 };

struct mark {
    uint64_t key[2]; /* account, collection */
    uint32_t uid;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct hmap marks;
static int64_t begun_ms;

__attribute__((constructor)) static void begin(void)
{
    begun_ms = clock_now_ms();
}

static void clear(void)
{
    size_t at = 0;
    struct hmap_slot *s;
    while ((s = hmap_next(&marks, &at)))
        free(s->value);
    hmap_done(&marks);
    begun_ms = clock_now_ms();
}

static struct mark *find(uint64_t account, uint64_t collection)
{
    uint64_t key[2] = {account, collection};
    return hmap_get(&marks, slice_of(key, sizeof(key)));
}

static void set(uint64_t account, uint64_t collection, uint32_t uid)
{
    struct mark *m = find(account, collection);
    if (!m) {
        if (marks.n >= MARKS_MAX)
            clear();
        m = calloc(1, sizeof(*m));
        BUG_IF(!m);
        m->key[0] = account;
        m->key[1] = collection;
        hmap_set(&marks, slice_of(m->key, sizeof(m->key)), m);
    }
    if (uid > m->uid)
        m->uid = uid;
}

/* When did this entry come? INT64_MAX when it cannot be read. */
static int64_t saved_at(struct txn *t, uint64_t collection, uint32_t uid)
{
    UIDSET_SCOPE one = {0};
    struct entry_walk *w;
    struct entry en;
    int64_t at = INT64_MAX;
    uidset_add(&one, uid, uid);
    if (entry_walk_open(t, collection, 0, &one, 0, &w, NULL))
        return at;
    if (entry_walk_next(w, &en, NULL) > 0)
        at = en.saved_at;
    entry_walk_close(w);
    return at;
}

/* The last uid that came before the table was begun. Uids and times grow together. */
static uint32_t last_before(struct txn *t, uint64_t collection, const struct view *v)
{
    uint32_t low = 0, high = view_count(v); /* seq: low came before, above high did not */
    while (low < high) {
        uint32_t mid = low + (high - low + 1) / 2;
        if (saved_at(t, collection, view_uid(v, mid)) < begun_ms)
            low = mid;
        else
            high = mid - 1;
    }
    return low ? view_uid(v, low) : 0;
}

void recent_select(struct txn *t, uint64_t collection, const struct view *v, bool read_only,
                   struct uidset *recent)
{
    uint64_t account = txn_account(t);
    uint32_t last = view_count(v) ? view_uid(v, view_count(v)) : 0;
    pthread_mutex_lock(&lock);
    struct mark *m = find(account, collection);
    uint32_t from = m ? m->uid : 0;
    pthread_mutex_unlock(&lock);
    if (!m)
        from = last_before(t, collection, v);
    if (last > from) {
        UIDSET_SCOPE all = {0};
        view_all(v, &all);
        uidset_add(recent, from + 1, last);
        uidset_intersect(recent, &all);
    }
    if (read_only)
        return;
    pthread_mutex_lock(&lock);
    set(account, collection, last > from ? last : from);
    pthread_mutex_unlock(&lock);
}

int recent_count(struct txn *t, const struct collection *c, uint64_t *ret, struct err *e)
{
    uint64_t account = txn_account(t);
    pthread_mutex_lock(&lock);
    struct mark *m = find(account, c->id);
    uint32_t from = m ? m->uid : 0;
    pthread_mutex_unlock(&lock);
    *ret = 0;
    if (c->messages == 0 || (m && from + 1 >= c->uidnext))
        return 0;
    struct view *v;
    if (view_get(t, c->id, &v, e))
        return -1;
    if (!m)
        from = last_before(t, c->id, v);
    *ret = view_count(v) - view_seq_floor(v, from);
    view_unref(v);
    return 0;
}

void recent_take(uint64_t account, uint64_t collection, bool read_only, const struct uidset *added,
                 struct uidset *recent)
{
    if (uidset_empty(added))
        return;
    uint32_t last = added->r[added->n - 1].last;
    pthread_mutex_lock(&lock);
    struct mark *m = find(account, collection);
    uint32_t from = m ? m->uid : added->r[0].first - 1;
    if (!read_only)
        set(account, collection, last);
    pthread_mutex_unlock(&lock);
    UIDSET_SCOPE mine = {0};
    uidset_copy(&mine, added);
    if (from)
        uidset_remove(&mine, 1, from);
    uidset_add_set(recent, &mine);
}
