/* uidset.c - sets of numbers as sorted ranges. Operations on two sets are one merge over both; a
   single range is found by binary search. Text in any order is collected, sorted and merged, so
   that no order of a hostile client's pieces costs more than n log n. */
#include "base/uidset.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/varint.h"

static void reserve(struct uidset *s, size_t n)
{
    if (n <= s->cap)
        return;
    size_t cap = s->cap ? s->cap : 4;
    while (cap < n)
        cap *= 2;
    struct uidrange *r = reallocarray(s->r, cap, sizeof *r);
    BUG_IF(!r);
    s->r = r;
    s->cap = cap;
}

/* Appends a range that begins at or after the last one's beginning. */
static void append(struct uidset *s, uint32_t first, uint32_t last)
{
    if (s->n) {
        struct uidrange *end = &s->r[s->n - 1];
        if (first <= end->last || first - 1 == end->last) {
            if (last > end->last)
                end->last = last;
            return;
        }
    }
    reserve(s, s->n + 1);
    s->r[s->n++] = (struct uidrange){first, last};
}

/* Index of the first range whose last is at or after uid; n when there is none. */
static size_t lower(const struct uidset *s, uint32_t uid)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->r[mid].last < uid)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void uidset_done(struct uidset *s)
{
    free(s->r);
    *s = (struct uidset){0};
}

void uidset_clear(struct uidset *s)
{
    s->n = 0;
}

static void replace(struct uidset *s, struct uidset *by)
{
    free(s->r);
    *s = *by;
}

void uidset_add(struct uidset *s, uint32_t first, uint32_t last)
{
    if (first > last) {
        uint32_t swap = first;
        first = last;
        last = swap;
    }
    if (last == 0)
        return;
    if (first == 0)
        first = 1;
    if (s->n == 0 || first >= s->r[s->n - 1].first) {
        append(s, first, last);
        return;
    }
    size_t from = lower(s, first > 1 ? first - 1 : 1), to = from;
    while (to < s->n && (s->r[to].first <= last || s->r[to].first - 1 == last))
        to++;
    if (to == from) {
        reserve(s, s->n + 1);
        memmove(&s->r[from + 1], &s->r[from], (s->n - from) * sizeof *s->r);
        s->r[from] = (struct uidrange){first, last};
        s->n++;
        return;
    }
    if (s->r[from].first < first)
        first = s->r[from].first;
    if (s->r[to - 1].last > last)
        last = s->r[to - 1].last;
    s->r[from] = (struct uidrange){first, last};
    memmove(&s->r[from + 1], &s->r[to], (s->n - to) * sizeof *s->r);
    s->n -= to - from - 1;
}

void uidset_add_set(struct uidset *s, const struct uidset *other)
{
    if (other->n == 0 || s == other)
        return;
    struct uidset out = {0};
    reserve(&out, s->n + other->n);
    for (size_t i = 0, j = 0; i < s->n || j < other->n;) {
        const struct uidrange *r = j == other->n || (i < s->n && s->r[i].first <= other->r[j].first)
                                       ? &s->r[i++]
                                       : &other->r[j++];
        append(&out, r->first, r->last);
    }
    replace(s, &out);
}

void uidset_remove(struct uidset *s, uint32_t first, uint32_t last)
{
    struct uidrange one = {first < last ? first : last, first < last ? last : first};
    uidset_subtract(s, &(struct uidset){.r = &one, .n = 1});
}

void uidset_subtract(struct uidset *s, const struct uidset *other)
{
    struct uidset out = {0};
    size_t j = 0;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t at = s->r[i].first, end = s->r[i].last;
        while (j < other->n && other->r[j].last < at)
            j++;
        for (size_t k = j; k < other->n && other->r[k].first <= end && at <= end; k++) {
            if (other->r[k].first > at)
                append(&out, (uint32_t)at, other->r[k].first - 1);
            at = (uint64_t)other->r[k].last + 1;
        }
        if (at <= end)
            append(&out, (uint32_t)at, (uint32_t)end);
    }
    replace(s, &out);
}

void uidset_intersect(struct uidset *s, const struct uidset *other)
{
    struct uidset out = {0};
    for (size_t i = 0, j = 0; i < s->n && j < other->n;) {
        uint32_t first = s->r[i].first > other->r[j].first ? s->r[i].first : other->r[j].first;
        uint32_t last = s->r[i].last < other->r[j].last ? s->r[i].last : other->r[j].last;
        if (first <= last)
            append(&out, first, last);
        if (s->r[i].last < other->r[j].last)
            i++;
        else
            j++;
    }
    replace(s, &out);
}

void uidset_copy(struct uidset *to, const struct uidset *from)
{
    if (to == from)
        return;
    reserve(to, from->n);
    if (from->n)
        memcpy(to->r, from->r, from->n * sizeof *to->r);
    to->n = from->n;
}

bool uidset_equal(const struct uidset *a, const struct uidset *b)
{
    return a->n == b->n && (a->n == 0 || memcmp(a->r, b->r, a->n * sizeof *a->r) == 0);
}

bool uidset_has(const struct uidset *s, uint32_t uid)
{
    size_t i = lower(s, uid);
    return uid != 0 && i < s->n && s->r[i].first <= uid;
}

uint64_t uidset_count(const struct uidset *s)
{
    uint64_t n = 0;
    for (size_t i = 0; i < s->n; i++)
        n += (uint64_t)s->r[i].last - s->r[i].first + 1;
    return n;
}

uint32_t uidset_nth(const struct uidset *s, uint64_t i)
{
    for (size_t k = 0; k < s->n; k++) {
        uint64_t n = (uint64_t)s->r[k].last - s->r[k].first + 1;
        if (i < n)
            return s->r[k].first + (uint32_t)i;
        i -= n;
    }
    return 0;
}

void uidset_print(const struct uidset *s, struct buf *out)
{
    for (size_t i = 0; i < s->n; i++) {
        if (i)
            buf_addc(out, ',');
        buf_addu(out, s->r[i].first);
        if (s->r[i].last != s->r[i].first) {
            buf_addc(out, ':');
            buf_addu(out, s->r[i].last);
        }
    }
}

static int by_first(const void *a, const void *b)
{
    const struct uidrange *x = a, *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

int uidset_parse(struct uidset *s, struct slice text, size_t max_ranges)
{
    UIDSET_SCOPE raw = {0};
    UIDSET_SCOPE out = {0};
    while (text.p) {
        struct slice piece = slice_cut(&text, ',');
        struct slice left = slice_cut(&piece, ':');
        uint32_t first, last;
        if (raw.n == max_ranges || slice_u32(left, &first) || first == 0)
            return -1;
        last = first;
        if (piece.p && (slice_u32(piece, &last) || last == 0))
            return -1;
        reserve(&raw, raw.n + 1);
        raw.r[raw.n++] =
            first < last ? (struct uidrange){first, last} : (struct uidrange){last, first};
    }
    if (raw.n == 0)
        return -1;
    qsort(raw.r, raw.n, sizeof *raw.r, by_first);
    for (size_t i = 0; i < raw.n; i++)
        append(&out, raw.r[i].first, raw.r[i].last);
    struct uidset taken = out;
    out = (struct uidset){0};
    replace(s, &taken);
    return 0;
}

void uidset_pack(const struct uidset *s, struct buf *out)
{
    uint32_t end = 0;
    for (size_t i = 0; i < s->n; i++) {
        varint_add(out, s->r[i].first - end);
        varint_add(out, s->r[i].last - s->r[i].first);
        end = s->r[i].last;
    }
}

int uidset_unpack(struct uidset *s, struct slice bytes)
{
    uidset_clear(s);
    uint64_t end = 0;
    while (bytes.n) {
        uint64_t gap, more;
        if (varint_next(&bytes, &gap) || varint_next(&bytes, &more) || gap < (s->n ? 2 : 1) ||
            gap > UINT32_MAX || more > UINT32_MAX || end + gap + more > UINT32_MAX) {
            uidset_clear(s);
            return -1;
        }
        append(s, (uint32_t)(end + gap), (uint32_t)(end + gap + more));
        end += gap + more;
    }
    return 0;
}
