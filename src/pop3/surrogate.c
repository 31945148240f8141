/* surrogate.c - the index of the parts says whether there is anything to do and where the headers
   are. They are read in order, a stored frame at a time, and those that change are kept as edits.
 */
#include "pop3/surrogate.h"

#include <stdlib.h>

#include "base/utf8.h"
#include "format/part_index.h"
#include "format/surrogate.h"

enum { HEADER_MAX = 1 << 20, EDITS_MAX = 4 << 20 };

struct edit {
    uint64_t from, to; /* of the stored message */
    size_t at, n;      /* what stands there instead, in `text` */
};

struct surrogate {
    struct edit *edits;
    size_t n, cap, next;
    struct buf text;
};

struct window {
    const struct letter *l;
    uint64_t at; /* what `bytes` begins with */
    struct buf bytes;
};

/* ERR_UNSUPPORTED over HEADER_MAX. */
static int look_at(struct window *w, uint64_t from, uint64_t to, struct slice *ret, struct err *e)
{
    if (to - from > HEADER_MAX)
        return err_set(e, ERR_UNSUPPORTED, "a header is too large");
    if (from < w->at || to > w->at + w->bytes.n) {
        buf_reset(&w->bytes);
        w->at = from;
        if (letter_read(w->l, from, to - from, w->l->size, &w->bytes, e))
            return -1;
    }
    *ret = slice_sub(buf_slice(&w->bytes), (size_t)(from - w->at), (size_t)(to - w->at));
    return 0;
}

static int add_edit(struct surrogate *s, struct slice header, uint64_t from, struct err *e)
{
    if (ascii_only(header) || !header_has_utf8(header))
        return 0;
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4;
        struct edit *more = reallocarray(s->edits, cap, sizeof(*more));
        if (!more)
            return err_set(e, ERR_BUSY, "out of memory");
        s->edits = more;
        s->cap = cap;
    }
    size_t at = s->text.n;
    header_surrogate(header, &s->text);
    if (s->text.failed)
        return err_set(e, ERR_UNSUPPORTED, "the headers are too large");
    s->edits[s->n++] =
        (struct edit){.from = from, .to = from + header.n, .at = at, .n = s->text.n - at};
    return 0;
}

static int add_all(struct surrogate *s, struct slice prefix, struct slice parts, struct window *w,
                   struct err *e)
{
    struct part_headers h = {.index = parts, .size = w->l->size - prefix.n};
    struct slice header = SNONE;
    uint64_t from, to;
    if (add_edit(s, prefix, 0, e))
        return -1;
    if (!part_index_has_utf8(parts))
        return 0;
    while (part_headers_next(&h, &from, &to) > 0)
        if (look_at(w, from + prefix.n, to + prefix.n, &header, e) ||
            add_edit(s, header, from + prefix.n, e))
            return -1;
    return 0;
}

bool surrogate_is_needed(struct slice prefix, struct slice parts)
{
    return part_index_has_utf8(parts) || !ascii_only(prefix);
}

int surrogate_make(struct slice prefix, struct slice parts, const struct letter *l,
                   struct surrogate **ret, struct err *e)
{
    *ret = NULL;
    if (!surrogate_is_needed(prefix, parts))
        return 0;
    struct surrogate *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    struct window w = {.l = l};
    s->text.max = EDITS_MAX;
    int bad = add_all(s, prefix, parts, &w, e);
    buf_done(&w.bytes);
    if (bad || s->n == 0)
        surrogate_free(s);
    else
        *ret = s;
    return bad;
}

void surrogate_free(struct surrogate *s)
{
    if (!s)
        return;
    free(s->edits);
    buf_done(&s->text);
    free(s);
}

uint64_t surrogate_size(const struct surrogate *s, const struct letter *l)
{
    uint64_t size = l->size;
    for (size_t i = 0; s && i < s->n; i++)
        size = size - (s->edits[i].to - s->edits[i].from) + s->edits[i].n;
    return size;
}

int surrogate_read(struct surrogate *s, const struct letter *l, uint64_t *at, uint64_t least,
                   struct buf *out, struct err *e)
{
    const struct edit *next = s && s->next < s->n ? &s->edits[s->next] : NULL;
    size_t before = out->n;
    if (next && *at == next->from) {
        s->next++;
        *at = next->to;
        return buf_add(out, slice_sub(buf_slice(&s->text), next->at, next->at + next->n))
                   ? err_set(e, ERR_LIMIT, "piece is too large")
                   : 0;
    }
    if (letter_read(l, *at, least, next ? next->from : l->size, out, e))
        return -1;
    *at += out->n - before;
    return 0;
}
