/* part_index.c - the tree of parts as numbers: written in document order, searched by passing over
   subtrees, without recursion and without memory. */
#include "format/part_index.h"

#include <string.h>

#include "base/utf8.h"
#include "base/varint.h"
#include "format/surrogate.h"

enum { KIND_BITS = 2, KIND_MASK = 3 };
enum { HAS_NUL = 1, HAS_UTF8 = 2 };

static bool any_header_is_utf8(const struct message *m)
{
    size_t inside = 0;
    for (const struct part *p = m->root; p; p = p->following) {
        if (p->head < inside)
            continue;
        struct slice header = part_header(m, p);
        if (!ascii_only(header) && header_has_utf8(header))
            return true;
        if (p->kind == PART_MESSAGE)
            inside = p->end;
    }
    return false;
}

void part_index_write(const struct message *m, struct buf *out)
{
    size_t before = 0;
    bool nul = m->bytes.n && memchr(m->bytes.p, '\0', m->bytes.n);
    varint_add(out, (nul ? HAS_NUL : 0u) | (any_header_is_utf8(m) ? HAS_UTF8 : 0u));
    for (const struct part *p = m->root; p; p = p->following) {
        varint_add(out, (unsigned)p->kind | (unsigned)p->encoding << KIND_BITS);
        varint_add(out, p->head - before);
        varint_add(out, p->body - p->head);
        varint_add(out, p->end - p->body);
        if (p->kind == PART_MULTIPART)
            varint_add(out, p->n_children);
        before = p->head;
    }
}

bool part_index_no_nul(struct slice index)
{
    return index.n && !(index.p[0] & HAS_NUL);
}

bool part_index_has_utf8(struct slice index)
{
    return index.n && index.p[0] & HAS_UTF8;
}

struct node {
    struct part_place at;
    uint64_t children; /* nodes that belong to it and follow it */
};

/* The next node; `head` is where the one before began. */
static int next_node(struct slice *index, uint64_t *head, uint64_t size, struct node *ret)
{
    uint64_t word, skip, header, body, children = 0;
    if (varint_next(index, &word) || varint_next(index, &skip) || varint_next(index, &header) ||
        varint_next(index, &body))
        return -1;
    unsigned kind = word & KIND_MASK;
    if (kind > PART_MESSAGE || word >> KIND_BITS > ENCODING_UNKNOWN || skip > size - *head)
        return -1;
    *head += skip;
    if (header > size - *head || body > size - *head - header)
        return -1;
    if (kind == PART_MULTIPART && (varint_next(index, &children) || children > index->n))
        return -1;
    *ret = (struct node){
        .at = {.kind = (enum part_kind)kind,
               .encoding = (enum encoding)(word >> KIND_BITS),
               .head = *head,
               .body = *head + header,
               .end = *head + header + body},
        .children = kind == PART_MESSAGE ? 1 : children,
    };
    return 0;
}

/* Over this many siblings with all that is below them. */
static int pass_over(struct slice *index, uint64_t *head, uint64_t size, uint64_t n)
{
    struct node passed;
    while (n--) {
        if (next_node(index, head, size, &passed))
            return -1;
        n += passed.children;
    }
    return 0;
}

/* What numbers below a part count: itself, or the root of the message in it, which follows. */
static int inner(struct slice *index, uint64_t *head, uint64_t size, struct part_place *p,
                 struct node *in)
{
    struct node root;
    if (p->kind != PART_MESSAGE)
        return 0;
    if (next_node(index, head, size, &root))
        return -1;
    p->nests = true;
    p->nested_head = root.at.head;
    p->nested_body = root.at.body;
    p->nested_end = root.at.end;
    *in = root;
    return 0;
}

int part_index_find(struct slice index, const uint32_t *path, size_t n, uint64_t size,
                    struct part_place *ret)
{
    struct node at;
    struct part_place p;
    uint64_t nul, head = 0;
    bool ends = false; /* a leaf: nothing is below it */
    if (varint_next(&index, &nul) || next_node(&index, &head, size, &at))
        return -1;
    p = at.at;
    for (size_t i = 0; i < n; i++) {
        if (ends)
            return 0;
        if (at.at.kind == PART_MULTIPART) {
            if (path[i] == 0 || path[i] > at.children)
                return 0;
            if (pass_over(&index, &head, size, path[i] - 1) || next_node(&index, &head, size, &at))
                return -1;
        } else if (path[i] != 1) { /* the only part of a message that is no multipart */
            return 0;
        }
        p = at.at;
        ends = p.kind == PART_LEAF;
        if (inner(&index, &head, size, &p, &at))
            return -1;
    }
    if (n == 0 && inner(&index, &head, size, &p, &at))
        return -1;
    *ret = p;
    return 1;
}

int part_headers_next(struct part_headers *h, uint64_t *ret_from, uint64_t *ret_to)
{
    struct node at;
    uint64_t flags;
    if (!h->begun && varint_next(&h->index, &flags))
        return -1;
    h->begun = true;
    if (h->index.n == 0)
        return 0;
    if (next_node(&h->index, &h->head, h->size, &at) ||
        (at.at.kind == PART_MESSAGE && pass_over(&h->index, &h->head, h->size, 1)))
        return -1;
    *ret_from = at.at.head;
    *ret_to = at.at.body;
    return 1;
}

void part_place_of(const struct part *p, struct part_place *ret)
{
    *ret = (struct part_place){
        .kind = p->kind, .encoding = p->encoding, .head = p->head, .body = p->body, .end = p->end};
    if (!p->nested)
        return;
    ret->nests = true;
    ret->nested_head = p->nested->head;
    ret->nested_body = p->nested->body;
    ret->nested_end = p->nested->end;
}
