/* section.c - finding sections. Header fields are walked in the raw bytes, so that a header past
   the limits of the index still comes out whole. RFC 9051 6.4.5.1 */
#include "format/section.h"

#include "format/field.h"

void section_find_simple(struct slice bytes, const struct section *s, size_t *ret_at, size_t *ret_n)
{
    size_t body = s->what == SECTION_ALL ? 0 : header_end(bytes);
    *ret_at = s->what == SECTION_TEXT ? body : 0;
    *ret_n = s->what == SECTION_ALL || s->what == SECTION_TEXT ? bytes.n - *ret_at : body;
}

bool section_place(const struct part_place *p, const struct section *s, uint64_t *ret_at,
                   uint64_t *ret_n)
{
    bool whole = s->n_path == 0;
    if (s->what == SECTION_MIME && whole)
        return false;
    uint64_t from = p->body, to = p->end;
    if (s->what == SECTION_ALL) {
        from = whole ? p->head : p->body;
    } else if (s->what == SECTION_MIME) {
        from = p->head;
        to = p->body;
    } else {
        if (!whole && !p->nests)
            return false;
        uint64_t body = whole ? p->body : p->nested_body;
        from = s->what == SECTION_TEXT ? body : whole ? p->head : p->nested_head;
        to = s->what != SECTION_TEXT ? body : whole ? p->end : p->nested_end;
    }
    *ret_at = from;
    *ret_n = to - from;
    return true;
}

bool section_find(const struct message *m, const struct section *s, size_t *ret_at, size_t *ret_n)
{
    const struct part *p = message_part(m, s->path, s->n_path);
    struct part_place place;
    uint64_t at, n;
    if (!p)
        return false;
    part_place_of(p, &place);
    if (!section_place(&place, s, &at, &n))
        return false;
    *ret_at = (size_t)at;
    *ret_n = (size_t)n;
    return true;
}

static bool listed(const struct section *s, struct slice name)
{
    for (size_t i = 0; i < s->n_fields; i++)
        if (slice_eqi(s->fields[i], name))
            return true;
    return false;
}

void section_fields(struct slice header, const struct section *s, struct buf *out)
{
    struct field f;
    size_t pos = 0, from = out->n;
    while (header_next(header, &pos, &f))
        if (listed(s, f.name) == (s->what == SECTION_FIELDS))
            buf_add(out, slice_sub(header, f.at, f.at + f.n));
    if (out->n > from && out->p[out->n - 1] != '\n')
        buf_add(out, S("\r\n"));
    buf_add(out, S("\r\n"));
}

int section_write(const struct message *m, const struct section *s, struct buf *out)
{
    size_t at, n;
    if (!section_find(m, s, &at, &n))
        return 0;
    struct slice bytes = slice_sub(m->bytes, at, at + n);
    if (s->what == SECTION_FIELDS || s->what == SECTION_FIELDS_NOT)
        section_fields(bytes, s, out);
    else
        buf_add(out, bytes);
    return out->failed ? -1 : 1;
}

/* uuencode is no encoding of MIME: a client that asks for BINARY gets UNKNOWN-CTE. RFC 3516 4.3 */
int section_binary_decodes(const struct part_place *p)
{
    if (p->kind != PART_LEAF)
        return 0;
    if (p->encoding == ENCODING_UNKNOWN || p->encoding == ENCODING_UU)
        return -1;
    return p->encoding == ENCODING_QUOTED || p->encoding == ENCODING_BASE64;
}
