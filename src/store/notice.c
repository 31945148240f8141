/* notice.c - who wants to know of which account, by loop. A commit puts its notice once into the
   queue of every loop that has a subscriber of the account; the loop then tells its subscribers.
   Subscriptions of a loop change on that loop only, so that telling them needs no lock. */
#include "store/notice.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "io/loop.h"

enum { BUCKETS = 1024, LOOPS = 64 };

struct notice_loop {
    struct loop *loop;
    pthread_mutex_t lock; /* buckets (for others to look into), pending */
    struct link bucket[BUCKETS];
    size_t subs;
    struct notice *pending;
    size_t n, cap;
    bool posted;
    struct loop_msg msg;
};

static pthread_mutex_t loops_lock = PTHREAD_MUTEX_INITIALIZER;
static struct notice_loop *_Atomic loops[LOOPS]; /* made once, never freed */

static struct link *bucket_of(struct notice_loop *nl, uint64_t account)
{
    return &nl->bucket[hash_u64(account) % BUCKETS];
}

static struct notice_sub *sub_of(struct link *l)
{
    return list_entry(l, struct notice_sub, link);
}

/* Tells everybody on this loop. A subscriber may take off itself or any other meanwhile: the walk
   keeps its place with a link of its own in the ring. */
static void tell(struct notice_loop *nl, const struct notice *n)
{
    struct notice_sub mark = {.fn = NULL};
    struct link *head = bucket_of(nl, n->account);
    struct link *l = head->next;
    while (l != head) {
        struct notice_sub *s = sub_of(l);
        if (!s->fn || s->account != n->account) {
            l = l->next;
            continue;
        }
        pthread_mutex_lock(&nl->lock);
        list_push(l->next, &mark.link); /* right behind l */
        pthread_mutex_unlock(&nl->lock);
        s->fn(s, n);
        pthread_mutex_lock(&nl->lock);
        l = mark.link.next;
        list_remove(&mark.link);
        pthread_mutex_unlock(&nl->lock);
    }
}

static void deliver(struct loop_msg *msg)
{
    struct notice_loop *nl =
        (struct notice_loop *)(void *)((char *)msg - offsetof(struct notice_loop, msg));
    pthread_mutex_lock(&nl->lock);
    struct notice *list = nl->pending;
    size_t n = nl->n;
    nl->pending = NULL;
    nl->n = nl->cap = 0;
    nl->posted = false;
    pthread_mutex_unlock(&nl->lock);
    for (size_t i = 0; i < n; i++)
        tell(nl, &list[i]);
    free(list);
}

static struct notice_loop *loop_make(struct loop *loop)
{
    struct notice_loop *nl = calloc(1, sizeof *nl);
    BUG_IF(!nl);
    nl->loop = loop;
    nl->msg.fn = deliver;
    pthread_mutex_init(&nl->lock, NULL);
    for (size_t i = 0; i < BUCKETS; i++)
        list_init(&nl->bucket[i]);
    return nl;
}

static struct notice_loop *loop_find(struct loop *loop, bool make)
{
    size_t i = 0;
    for (; i < LOOPS && loops[i]; i++)
        if (loops[i]->loop == loop)
            return loops[i];
    if (!make)
        return NULL;
    pthread_mutex_lock(&loops_lock);
    while (i < LOOPS && loops[i] && loops[i]->loop != loop)
        i++;
    BUG_IF(i == LOOPS);
    if (!loops[i])
        loops[i] = loop_make(loop);
    struct notice_loop *nl = loops[i];
    pthread_mutex_unlock(&loops_lock);
    return nl;
}

void notice_subscribe(struct notice_sub *s)
{
    struct notice_loop *nl = loop_find(s->loop, true);
    BUG_IF(!s->fn);
    pthread_mutex_lock(&nl->lock);
    list_push(bucket_of(nl, s->account), &s->link);
    nl->subs++;
    pthread_mutex_unlock(&nl->lock);
}

void notice_unsubscribe(struct notice_sub *s)
{
    struct notice_loop *nl = loop_find(s->loop, false);
    if (!nl || !s->link.next || list_empty(&s->link))
        return;
    pthread_mutex_lock(&nl->lock);
    list_remove(&s->link);
    nl->subs--;
    pthread_mutex_unlock(&nl->lock);
}

static bool wanted(struct notice_loop *nl, uint64_t account)
{
    struct link *head = bucket_of(nl, account);
    list_each(l, head) if (sub_of(l)->fn && sub_of(l)->account == account) return true;
    return false;
}

/* Into the notice of the same collection that still waits, or as a new one. */
static void queue(struct notice_loop *nl, const struct notice *n)
{
    for (size_t i = nl->n; i > 0 && nl->n - i < 64; i--) {
        struct notice *p = &nl->pending[i - 1];
        if (p->account == n->account && p->collection == n->collection) {
            p->kinds |= n->kinds;
            p->modseq = n->modseq > p->modseq ? n->modseq : p->modseq;
            return;
        }
    }
    if (nl->n == nl->cap) {
        nl->cap = nl->cap ? nl->cap * 2 : 16;
        nl->pending = reallocarray(nl->pending, nl->cap, sizeof *nl->pending);
        BUG_IF(!nl->pending);
    }
    nl->pending[nl->n++] = *n;
}

void notice_publish(const struct notice *n)
{
    for (size_t i = 0; i < LOOPS && loops[i]; i++) {
        struct notice_loop *nl = loops[i];
        pthread_mutex_lock(&nl->lock);
        bool post = false;
        if (nl->subs && wanted(nl, n->account)) {
            queue(nl, n);
            post = !nl->posted;
            nl->posted = true;
        }
        pthread_mutex_unlock(&nl->lock);
        if (post)
            loop_post(nl->loop, &nl->msg);
    }
}
