/* view.c - uids by sequence number in chunks of 1,024, immutable and shared. A successor shares
   every chunk in which nothing was expunged, and is made once for all sessions: see view_cache.c.
 */
#include "store/view.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "store/view_make.h"

enum { CHUNK = 1024 };

struct chunk {
    _Atomic unsigned refs;
    uint32_t n;
    uint32_t uid[CHUNK];
};

struct view {
    _Atomic unsigned refs;
    uint64_t modseq;
    uint32_t uidvalidity, uidnext, count;
    size_t n, cap;
    struct chunk **chunk;
    uint32_t *before; /* how many uids stand in front of each chunk */
};

static void chunk_unref(struct chunk *c)
{
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) == 1)
        free(c);
}

struct view *view_ref(struct view *v)
{
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    return v;
}

void view_unref(struct view *v)
{
    if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < v->n; i++)
        chunk_unref(v->chunk[i]);
    free(v->chunk);
    free(v->before);
    free(v);
}

/* --- making ----------------------------------------------------------------------------------- */

struct view *view_new(uint64_t modseq, uint32_t uidvalidity, uint32_t uidnext)
{
    struct view *v = calloc(1, sizeof *v);
    BUG_IF(!v);
    v->refs = 1;
    v->modseq = modseq;
    v->uidvalidity = uidvalidity;
    v->uidnext = uidnext;
    return v;
}

static void add_chunk(struct view *v, struct chunk *c)
{
    if (v->n == v->cap) {
        v->cap = v->cap ? v->cap * 2 : 4;
        v->chunk = reallocarray(v->chunk, v->cap, sizeof(struct chunk *));
        v->before = reallocarray(v->before, v->cap, sizeof(uint32_t));
        BUG_IF(!v->chunk || !v->before);
    }
    v->before[v->n] = v->count;
    v->chunk[v->n++] = c;
}

/* The last chunk when it belongs to this view alone and has room, else a new one. */
static struct chunk *open_chunk(struct view *v)
{
    struct chunk *c = v->n ? v->chunk[v->n - 1] : NULL;
    if (c && c->refs == 1 && c->n < CHUNK)
        return c;
    struct chunk *fresh = malloc(sizeof *fresh);
    BUG_IF(!fresh);
    fresh->refs = 1;
    fresh->n = 0;
    if (c && c->n < CHUNK) { /* shared and not full: a copy takes its place */
        memcpy(fresh->uid, c->uid, c->n * sizeof *c->uid);
        fresh->n = c->n;
        chunk_unref(c);
        v->chunk[v->n - 1] = fresh;
        return fresh;
    }
    add_chunk(v, fresh);
    return fresh;
}

void view_append(struct view *v, uint32_t uid)
{
    struct chunk *c = open_chunk(v);
    c->uid[c->n++] = uid;
    v->count++;
}

/* Whole, when it is worth sharing and does not leave a small one in front. */
static void append_chunk(struct view *v, struct chunk *c)
{
    struct chunk *last = v->n ? v->chunk[v->n - 1] : NULL;
    if (last && last->n + c->n <= CHUNK) {
        for (uint32_t i = 0; i < c->n; i++)
            view_append(v, c->uid[i]);
        return;
    }
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    add_chunk(v, c);
    v->count += c->n;
}

/* Is any of the set between? *at moves along, for calls in rising order. */
static bool touches(const struct uidset *s, size_t *at, uint32_t first, uint32_t last)
{
    while (*at < s->n && s->r[*at].last < first)
        ++*at;
    return *at < s->n && s->r[*at].first <= last;
}

struct view *view_successor(const struct view *old, const struct uidset *gone,
                            const struct uidset *come, uint64_t modseq, uint32_t uidnext)
{
    struct view *v = view_new(modseq, old->uidvalidity, uidnext);
    size_t at = 0;
    for (size_t i = 0; i < old->n; i++) {
        struct chunk *c = old->chunk[i];
        if (!touches(gone, &at, c->uid[0], c->uid[c->n - 1])) {
            append_chunk(v, c);
            continue;
        }
        size_t in = at;
        for (uint32_t k = 0; k < c->n; k++)
            if (!touches(gone, &in, c->uid[k], c->uid[k]))
                view_append(v, c->uid[k]);
    }
    for (size_t i = 0; come && i < come->n; i++)
        for (uint64_t u = come->r[i].first; u <= come->r[i].last; u++)
            if (u >= old->uidnext && !uidset_has(gone, (uint32_t)u))
                view_append(v, (uint32_t)u);
    return v;
}

struct view *view_with(const struct view *v, const struct uidset *uids, uint32_t uidnext)
{
    static const struct uidset none;
    return view_successor(v, &none, uids, v->modseq, uidnext);
}

/* --- reading ---------------------------------------------------------------------------------- */

uint64_t view_modseq(const struct view *v)
{
    return v->modseq;
}

uint32_t view_count(const struct view *v)
{
    return v->count;
}

uint32_t view_uidnext(const struct view *v)
{
    return v->uidnext;
}

uint32_t view_uidvalidity(const struct view *v)
{
    return v->uidvalidity;
}

uint32_t view_uid(const struct view *v, uint32_t seq)
{
    if (seq == 0 || seq > v->count)
        return 0;
    size_t lo = 0, hi = v->n;        /* the last chunk with before < seq */
    size_t full = (seq - 1) / CHUNK; /* where all are full it is this one */
    if (full < v->n && v->before[full] < seq && (full + 1 == v->n || v->before[full + 1] >= seq)) {
        lo = full;
        hi = lo + 1;
    }
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (v->before[mid] < seq)
            lo = mid;
        else
            hi = mid;
    }
    return v->chunk[lo]->uid[seq - 1 - v->before[lo]];
}

uint32_t view_seq_floor(const struct view *v, uint32_t uid)
{
    size_t lo = 0, hi = v->n; /* the last chunk that begins at or before uid */
    if (v->n == 0 || v->chunk[0]->uid[0] > uid)
        return 0;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (v->chunk[mid]->uid[0] <= uid)
            lo = mid;
        else
            hi = mid;
    }
    const struct chunk *c = v->chunk[lo];
    uint32_t a = 0, b = c->n;
    while (b - a > 1) {
        uint32_t mid = a + (b - a) / 2;
        if (c->uid[mid] <= uid)
            a = mid;
        else
            b = mid;
    }
    return v->before[lo] + a + 1;
}

uint32_t view_seq(const struct view *v, uint32_t uid)
{
    uint32_t seq = view_seq_floor(v, uid);
    return seq && view_uid(v, seq) == uid ? seq : 0;
}

uint32_t view_seq_near(const struct view *v, uint32_t uid, uint32_t near)
{
    return near < v->count && view_uid(v, near + 1) == uid ? near + 1 : view_seq(v, uid);
}

void view_seqs_to_uids(const struct view *v, const struct uidset *seqs, struct uidset *uids)
{
    for (size_t i = 0; i < seqs->n && seqs->r[i].first <= v->count; i++) {
        uint32_t last = seqs->r[i].last < v->count ? seqs->r[i].last : v->count;
        for (uint32_t s = seqs->r[i].first; s <= last; s++) {
            uint32_t uid = view_uid(v, s);
            uidset_add(uids, uid, uid);
        }
    }
}

void view_uids_to_seqs(const struct view *v, const struct uidset *uids, struct uidset *seqs)
{
    for (size_t i = 0; i < uids->n; i++) {
        uint32_t first = view_seq_floor(v, uids->r[i].first - 1) + 1;
        uint32_t last = view_seq_floor(v, uids->r[i].last);
        if (first <= last)
            uidset_add(seqs, first, last);
    }
}

void view_all(const struct view *v, struct uidset *uids)
{
    for (size_t i = 0; i < v->n; i++)
        for (uint32_t k = 0; k < v->chunk[i]->n; k++)
            uidset_add(uids, v->chunk[i]->uid[k], v->chunk[i]->uid[k]);
}

void view_minus(const struct view *a, const struct view *b, struct uidset *uids)
{
    for (size_t i = 0, j = 0; i < a->n; i++) {
        const struct chunk *c = a->chunk[i];
        while (j < b->n && b->chunk[j] != c && b->chunk[j]->uid[0] < c->uid[0])
            j++;
        if (j < b->n && b->chunk[j] == c)
            continue; /* shared: the same in both */
        for (uint32_t k = 0; k < c->n; k++)
            if (!view_seq(b, c->uid[k]))
                uidset_add(uids, c->uid[k], c->uid[k]);
    }
}
