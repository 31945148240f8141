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
    struct message_bytes *m;
    uint64_t at; /* what `bytes` begins with */
    struct buf bytes;
};

/* ERR_UNSUPPORTED over HEADER_MAX. */
static int look_at(struct window *w, uint64_t from, uint64_t to, struct slice *ret, struct err *e)
{
    if (to - from > HEADER_MAX)
        return err_set(e, ERR_UNSUPPORTED, "a header is too large");
    if (from < w->at || to > w->at + w->bytes.n) {
        uint64_t n = message_frame(w->m, from), size = message_size(w->m);
        n = n < to - from ? to - from : n;
        buf_reset(&w->bytes);
        w->at = from;
        if (message_read(w->m, from, n < size - from ? n : size - from, &w->bytes, e))
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

static int add_all(struct surrogate *s, const struct entry *en, struct window *w, struct err *e)
{
    struct part_headers h = {.index = en->parts, .size = en->blob.size};
    struct slice header = SNONE;
    uint64_t from, to;
    if (add_edit(s, en->prefix, 0, e))
        return -1;
    if (!part_index_has_utf8(en->parts))
        return 0;
    while (part_headers_next(&h, &from, &to) > 0)
        if (look_at(w, from + en->prefix.n, to + en->prefix.n, &header, e) ||
            add_edit(s, header, from + en->prefix.n, e))
            return -1;
    return 0;
}

int surrogate_make(const struct entry *en, struct message_bytes *m, struct surrogate **ret,
                   struct err *e)
{
    *ret = NULL;
    if (!part_index_has_utf8(en->parts) && ascii_only(en->prefix))
        return 0;
    struct surrogate *s = calloc(1, sizeof(*s));
    BUG_IF(!s);
    struct window w = {.m = m};
    s->text.max = EDITS_MAX;
    int bad = add_all(s, en, &w, e);
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

uint64_t surrogate_size(const struct surrogate *s, const struct message_bytes *m)
{
    uint64_t size = message_size(m);
    for (size_t i = 0; s && i < s->n; i++)
        size = size - (s->edits[i].to - s->edits[i].from) + s->edits[i].n;
    return size;
}

int surrogate_read(struct surrogate *s, struct message_bytes *m, uint64_t *at, struct buf *out,
                   struct err *e)
{
    uint64_t n = message_frame(m, *at), end = message_size(m);
    const struct edit *next = s && s->next < s->n ? &s->edits[s->next] : NULL;
    if (next && *at == next->from) {
        s->next++;
        *at = next->to;
        return buf_add(out, slice_sub(buf_slice(&s->text), next->at, next->at + next->n))
                   ? err_set(e, ERR_LIMIT, "piece is too large")
                   : 0;
    }
    if (next)
        end = next->from;
    if (n > end - *at)
        n = end - *at;
    if (message_read(m, *at, n, out, e))
        return -1;
    *at += n;
    return 0;
}
