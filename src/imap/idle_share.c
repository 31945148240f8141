/* idle_share.c - who looks and who follows. Two sessions know the same of a mailbox when they
   announced the same view, the same flags and keywords, and have the same extensions on: then the
   same text brings them to the same place. Only RECENT is each session's own. */
#include "imap/idle_share.h"

#include <stdlib.h>

#include "base/hash.h"
#include "imap/idle.h"
#include "imap/recent.h"
#include "imap/request.h"

enum { BUCKETS = 64 };

struct idle_share {
    struct link link;      /* the loop's bucket, as long as others may follow */
    struct link followers; /* struct idling, by follow */

    uint64_t moment;

    /* what the leader knew */
    uint64_t account, collection, modseq;
    struct view *view;
    size_t keywords;
    uint8_t enabled;
    bool read_only;
    bool no_recent; /* it had no \Recent of its own */

    /* what it was told */
    struct view *now;
    uint64_t now_modseq;
    size_t now_keywords;
    struct uidset added, gone;
    size_t own_from, own_to; /* its RECENT line in the output */
    bool fetches, told;
};

/* Those of this loop: a loop is a thread. */
static _Thread_local struct link shares[BUCKETS];

static _Thread_local uint64_t moment;
static _Thread_local struct {
    uint64_t account, collection, modseq, moment;
} told;

void idle_share_moment(const struct notice *n)
{
    if (n && told.moment == moment && told.account == n->account &&
        told.collection == n->collection && told.modseq == n->modseq)
        return;
    moment++;
    if (!n)
        return;
    told.account = n->account;
    told.collection = n->collection;
    told.modseq = n->modseq;
    told.moment = moment;
}

static struct link *bucket_of(const struct session *s)
{
    uint64_t h = hash_u64(s->account * 0x9e3779b97f4a7c15u + s->sel->collection);
    struct link *head = &shares[h % BUCKETS];
    if (!head->next)
        list_init(head);
    return head;
}

static bool knows_the_same(const struct idle_share *h, const struct session *s)
{
    const struct selected *sel = s->sel;
    return h->moment == moment && h->collection == sel->collection && h->account == s->account &&
           h->view == sel->view && h->modseq == sel->modseq && h->keywords == sel->keywords &&
           h->enabled == s->enabled && h->read_only == sel->read_only && !sel->delayed;
}

bool idle_share_follow(struct session *s)
{
    struct link *head = bucket_of(s);
    list_each(l, head)
    {
        struct idle_share *h = list_entry(l, struct idle_share, link);
        if (!knows_the_same(h, s))
            continue;
        list_push(&h->followers, &s->idle->follow);
        s->idle->follows = true;
        return true;
    }
    return false;
}

void idle_share_leave(struct session *s)
{
    struct idling *i = s->idle;
    if (i->follows)
        list_remove(&i->follow);
    i->follows = false;
}

void idle_share_lead(struct request *r)
{
    const struct session *s = r->s;
    if (s->sel->delayed)
        return;
    struct idle_share *h = calloc(1, sizeof(*h));
    BUG_IF(!h);
    h->moment = moment;
    h->account = s->account;
    h->collection = s->sel->collection;
    h->modseq = s->sel->modseq;
    h->view = view_ref(s->sel->view);
    h->keywords = s->sel->keywords;
    h->enabled = s->enabled;
    h->read_only = s->sel->read_only;
    h->no_recent = uidset_empty(&s->sel->recent);
    list_init(&h->followers);
    list_push(bucket_of(s), &h->link);
    r->share = h;
}

/* --- by the leader's job ---------------------------------------------------------------------- */

void idle_share_added(struct request *r, const struct uidset *added)
{
    if (r->share)
        uidset_copy(&r->share->added, added);
}

void idle_share_own(struct request *r, size_t from)
{
    if (!r->share)
        return;
    r->share->own_from = from;
    r->share->own_to = r->out.n;
}

void idle_share_fetches(struct request *r)
{
    if (r->share)
        r->share->fetches = true;
}

void idle_share_told(struct request *r, bool delayed)
{
    struct idle_share *h = r->share;
    const struct selected *sel = r->s->sel;
    if (!h || delayed)
        return;
    h->told = true;
    h->now = view_ref(sel->view);
    h->now_modseq = sel->modseq;
    h->now_keywords = sel->keywords;
    view_minus(h->view, h->now, &h->gone);
}

/* --- on the loop ------------------------------------------------------------------------------ */

/* \Recent goes to who is told first, so a follower has its own line. RFC 3501 7.3.2 */
static void tell_recent(struct session *s, const struct idle_share *h)
{
    struct selected *sel = s->sel;
    if ((s->enabled & ENABLED_REV2) || uidset_empty(&h->added))
        return;
    BUF_SCOPE line = {0};
    recent_take(s->account, sel->collection, sel->read_only, &h->added, &sel->recent);
    buf_addf(&line, "* %llu RECENT\r\n", (unsigned long long)uidset_count(&sel->recent));
    session_write_buf(s, &line);
}

static void tell(struct session *s, const struct idle_share *h, struct slice out)
{
    struct selected *sel = s->sel;
    session_write(s, slice_sub(out, 0, h->own_from));
    session_write(s, slice_from(out, h->own_to));
    uidset_subtract(&sel->recent, &h->gone);
    tell_recent(s, h);
    struct view *old = sel->view;
    sel->view = view_ref(h->now);
    view_unref(old);
    sel->modseq = h->now_modseq;
    sel->keywords = h->now_keywords;
}

/* Do the FETCH responses say for this session what they said for the leader? */
static bool same_flags(const struct session *s, const struct idle_share *h)
{
    return !h->fetches || (s->enabled & ENABLED_REV2) ||
           (h->no_recent && uidset_empty(&s->sel->recent));
}

void idle_share_end(struct request *r, bool whole)
{
    struct idle_share *h = r->share;
    r->share = NULL;
    list_remove(&h->link);
    idle_share_moment(NULL);
    for (struct link *l; (l = list_pop(&h->followers));) {
        struct idling *i = list_entry(l, struct idling, follow);
        struct session *s = i->s;
        i->follows = false;
        if (!s->conn || s->closing)
            continue;
        if (whole && !r->out.failed && h->told && same_flags(s, h))
            tell(s, h, buf_slice(&r->out));
        else
            i->alone = true;
        idle_followed(s);
    }
    view_unref(h->view);
    view_unref(h->now);
    uidset_done(&h->added);
    uidset_done(&h->gone);
    free(h);
}
