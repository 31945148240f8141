/* section.c - finding sections. Header fields are walked in the raw bytes, so that a header past
   the limits of the index still comes out whole. RFC 9051 6.4.5.1 */
#include "format/section.h"

#include "format/field.h"
#include "format/transfer.h"

void section_find_simple(struct slice bytes, const struct section *s, size_t *ret_at, size_t *ret_n)
{
    size_t body = s->what == SECTION_ALL ? 0 : header_end(bytes);
    *ret_at = s->what == SECTION_TEXT ? body : 0;
    *ret_n = s->what == SECTION_ALL || s->what == SECTION_TEXT ? bytes.n - *ret_at : body;
}

bool section_find(const struct message *m, const struct section *s, size_t *ret_at, size_t *ret_n)
{
    const struct part *p = message_part(m, s->path, s->n_path);
    if (!p || (s->what == SECTION_MIME && s->n_path == 0))
        return false;
    size_t from, to;
    if (s->n_path == 0 && s->what == SECTION_ALL) {
        from = p->head;
        to = p->end;
    } else if (s->what == SECTION_ALL) {
        from = p->body;
        to = p->end;
    } else if (s->what == SECTION_MIME) {
        from = p->head;
        to = p->body;
    } else {
        const struct part *root = s->n_path == 0 ? p : p->nested;
        if (!root)
            return false;
        from = s->what == SECTION_TEXT ? root->body : root->head;
        to = s->what == SECTION_TEXT ? root->end : root->body;
    }
    *ret_at = from;
    *ret_n = to - from;
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

const struct part *section_binary_part(const struct message *m, const uint32_t *path, size_t n)
{
    return message_part(m, path, n);
}

/* A sink that remembers only how much came. */
enum { CHUNK = 64 << 10 };

static bool decodes(const struct part *p)
{
    return p->kind == PART_LEAF &&
           (p->encoding == ENCODING_QUOTED || p->encoding == ENCODING_BASE64);
}

/* uuencode is no encoding of MIME: a client that asks for BINARY gets UNKNOWN-CTE. */
static int refuse_unknown(const struct part *p, struct err *e)
{
    if (p->kind == PART_LEAF && (p->encoding == ENCODING_UNKNOWN || p->encoding == ENCODING_UU))
        return err_set(e, ERR_UNSUPPORTED, "the part's transfer encoding is not known: %.*s",
                       SARG(slice_sub(p->encoding_raw, 0, 60)));
    return 0;
}

/* RFC 3516 4.2 */
int section_binary(const struct message *m, const uint32_t *path, size_t n, struct buf *out,
                   struct err *e)
{
    const struct part *p = section_binary_part(m, path, n);
    if (!p)
        return 0;
    if (n == 0)
        buf_add(out, m->bytes);
    else if (refuse_unknown(p, e))
        return -1;
    else if (decodes(p))
        transfer_decode(p->encoding, part_body(m, p), out);
    else
        buf_add(out, part_body(m, p));
    return out->failed ? err_set(e, ERR_LIMIT, "the part is too large") : 1;
}

/* RFC 3516 4.3 */
int section_binary_size(const struct message *m, const uint32_t *path, size_t n, uint64_t *ret,
                        struct err *e)
{
    const struct part *p = section_binary_part(m, path, n);
    if (!p)
        return 0;
    if (n == 0) {
        *ret = m->bytes.n;
        return 1;
    }
    if (refuse_unknown(p, e))
        return -1;
    struct slice body = part_body(m, p);
    if (!decodes(p)) {
        *ret = body.n;
        return 1;
    }
    BUF_SCOPE out = {0};
    struct transfer t;
    uint64_t sum = 0;
    transfer_init(&t, p->encoding);
    for (size_t at = 0; at < body.n; at += CHUNK) {
        transfer_feed(&t, slice_sub(body, at, at + CHUNK), &out);
        sum += out.n;
        buf_reset(&out);
    }
    transfer_finish(&t, &out);
    *ret = sum + out.n;
    return 1;
}
