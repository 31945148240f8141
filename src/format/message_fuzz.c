/* message_fuzz.c - any bytes are a message: the tree covers them in order, sections lie where the
   tree says, the header walk agrees with the index, and all that is written about it can be
   written. Small limits must give the same headers. */
#include "format/fields.h"
#include "format/imap_body.h"
#include "format/imap_structure.h"
#include "format/preview.h"
#include "format/section.h"
#include "format/subject.h"
#include "format/text.h"

#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n);

static void check_part(const struct message *m, const struct part *p)
{
    BUG_IF(p->head > p->body || p->body > p->end || p->end > m->bytes.n);
    BUG_IF(p->parent && (p->head < p->parent->body || p->end > p->parent->end));
    BUG_IF(p->next && p->next->head < p->end);
    BUG_IF(p->kind == PART_MESSAGE && !p->nested);
    BUG_IF(p->kind == PART_MULTIPART && !p->first);
    uint32_t lines = 0;
    for (size_t i = p->body; i < p->end; i++)
        lines += m->bytes.p[i] == '\n';
    BUG_IF(lines != p->lines);
    struct field f;
    size_t pos = 0;
    uint32_t k = 0;
    while (header_next(part_header(m, p), &pos, &f)) {
        BUG_IF(k >= p->n_fields || !slice_eq(f.name, p->fields[k].name));
        BUG_IF(!slice_eq(f.value, p->fields[k].value) || f.n != p->fields[k].n);
        k++;
    }
    BUG_IF(k != p->n_fields);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
    BUF_SCOPE out = {0};
    struct message *m, *small;
    struct message_fields f;
    struct slice in = slice_of(d, n);
    BUG_IF(message_parse(in, NULL, &a, &m, NULL) || m->cut);
    BUG_IF(message_fields(m->root, &a, &f, NULL));
    BUG_IF(header_end(in) != m->root->body || m->root->end != n);
    for (const struct part *p = m->root; p; p = p->following) {
        check_part(m, p);
        buf_reset(&out);
        part_text(m, p, 10000, &out);
        BUG_IF(!utf8_valid(buf_slice(&out)));
        buf_reset(&out);
        part_filename(p, &out);
        BUG_IF(!utf8_valid(buf_slice(&out)));
    }
    buf_reset(&out);
    imap_envelope(m->root, &out);
    BUG_IF(memchr(out.p, 0, out.n));
    buf_reset(&out);
    imap_bodystructure(m, &out);
    BUG_IF(memchr(out.p, 0, out.n));
    BUF_SCOPE body = {0};
    BUG_IF(imap_body(buf_slice(&out), &body) || body.n > out.n);
    buf_reset(&body);
    imap_body(in, &body); /* whatever it is */
    buf_reset(&out);
    message_preview(m, &out);
    subject_base(f.subject, &out);
    BUG_IF(!utf8_valid(buf_slice(&out)));
    struct message_limits few = {.depth = 2, .parts = 3, .header_fields = 5, .header_bytes = 100};
    BUG_IF(message_parse(in, &few, &a, &small, NULL));
    BUG_IF(small->n_parts > 3 || small->root->body != m->root->body || small->root->end != n);
    return 0;
}
