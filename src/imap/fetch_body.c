/* fetch_body.c - BODY[...], RFC822..., BINARY[...] and BINARY.SIZE[...] from a message's bytes. RFC
   9051 6.4.5.1 and 7.5.2, RFC 3516. Only as much is read as a section needs: the header alone for
   HEADER and HEADER.FIELDS, nothing but the literal itself for []. A section that holds NUL cannot
   be a literal: the item is NIL and the command ends with NO [UNKNOWN-CTE]; BINARY gives it as a
   literal8. */
#include "format/section.h"
#include "imap/fetch.h"
#include "imap/settings.h"

enum { HEAD_STEP = 16 * 1024, PIECE = 128 * 1024 };

void fetch_message_done(struct fetch_message *m)
{
    if (m->bytes)
        message_close(m->bytes);
    buf_done(&m->head);
    buf_done(&m->made);
    arena_reset(&m->arena);
    *m = (struct fetch_message){0};
}

int fetch_body_open(struct fetch *f, const struct entry *en, struct err *e)
{
    struct fetch_message *m = &f->msg;
    if (message_open(en, &m->bytes, e)) {
        m->bytes = NULL;
        return -1;
    }
    m->size = message_size(m->bytes);
    m->head.max = (size_t)setting_get(&set_imap_append_max) * 2 + (1 << 20);
    m->made.max = m->head.max;
    m->arena.limit = MESSAGE_ARENA_LIMIT;
    return 0;
}

/* At least the first n bytes (or all there are) into m->head. */
static int read_to(struct fetch_message *m, uint64_t n, struct err *e)
{
    if (n > m->size)
        n = m->size;
    if (n <= m->head.n)
        return 0;
    return message_read(m->bytes, m->head.n, n - m->head.n, &m->head, e);
}

/* The whole header. */
static int read_header(struct fetch_message *m, struct err *e)
{
    for (uint64_t want = HEAD_STEP;; want *= 4) {
        if (read_to(m, want, e))
            return -1;
        if (m->head.n == m->size || header_end(buf_slice(&m->head)) < m->head.n)
            return 0;
    }
}

static int parse(struct fetch_message *m, struct err *e)
{
    if (m->parsed)
        return 0;
    if (read_to(m, m->size, e))
        return -1;
    return message_parse(buf_slice(&m->head), NULL, &m->arena, &m->parsed, e);
}

/* 1 when [at, at + n) has a NUL, 0, -1. */
static int has_nul(struct fetch_message *m, uint64_t at, uint64_t n, struct err *e)
{
    if (at + n <= m->head.n)
        return n && memchr(m->head.p + at, '\0', n);
    BUF_SCOPE piece = {0};
    for (uint64_t end = at + n; at < end; at += PIECE) {
        buf_reset(&piece);
        if (message_read(m->bytes, at, end - at < PIECE ? end - at : PIECE, &piece, e))
            return -1;
        if (memchr(piece.p, '\0', piece.n))
            return 1;
    }
    return 0;
}

static void cut(const struct imap_fetch_body *b, uint64_t *at, uint64_t *n)
{
    if (!b->partial)
        return;
    uint64_t skip = b->from < *n ? b->from : *n;
    *at += skip;
    *n -= skip;
    if (*n > b->count)
        *n = b->count;
}

static void nil(struct request *r)
{
    buf_adds(&r->out, " NIL");
}

static void begin_literal(struct request *r, struct fetch_message *m, bool literal8, bool from_made,
                          uint64_t at, uint64_t n)
{
    buf_addf(&r->out, " %s{%llu}\r\n", literal8 ? "~" : "", (unsigned long long)n);
    m->in_literal = true;
    m->from_made = from_made;
    m->at = at;
    m->left = n;
}

/* Where the section is in the message; for the FIELDS kinds its header. 0: there is none. */
static int locate(struct fetch_message *m, const struct section *s, uint64_t *at, uint64_t *n,
                  struct err *e)
{
    size_t found_at = 0, found_n = 0;
    if (section_is_simple(s) && s->what == SECTION_ALL) {
        *at = 0;
        *n = m->size;
        return 1;
    }
    if (section_is_simple(s)) {
        if (read_header(m, e))
            return -1;
        section_find_simple(buf_slice(&m->head), s, &found_at, &found_n);
        *at = found_at;
        *n = s->what == SECTION_TEXT ? m->size - found_at : found_n;
        return 1;
    }
    if (parse(m, e))
        return -1;
    if (!section_find(m->parsed, s, &found_at, &found_n))
        return 0;
    *at = found_at;
    *n = found_n;
    return 1;
}

static int body_section(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    struct fetch_message *m = &f->msg;
    uint64_t at = 0, n = 0;
    bool fields = b->section.what == SECTION_FIELDS || b->section.what == SECTION_FIELDS_NOT;
    int found = locate(m, &b->section, &at, &n, &r->job.err);
    if (found < 0)
        return -1;
    if (found == 0) {
        nil(r);
        return 0;
    }
    if (fields) {
        buf_reset(&m->made);
        section_fields(slice_sub(buf_slice(&m->head), at, at + n), &b->section, &m->made);
        if (m->made.failed)
            return err_set(&r->job.err, ERR_LIMIT, "the header is too large");
        at = 0;
        n = m->made.n;
    }
    cut(b, &at, &n);
    int nul = fields ? n && memchr(m->made.p + at, '\0', n) : has_nul(m, at, n, &r->job.err);
    if (nul < 0)
        return -1;
    if (nul) {
        f->nul_refused = true;
        nil(r);
        return 0;
    }
    begin_literal(r, m, false, fields, at, n);
    return 0;
}

/* BINARY[] of the whole message or a composite part: as it is. Else decoded. */
static int binary(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    struct fetch_message *m = &f->msg;
    struct err e = {0};
    uint64_t at = 0;
    if (b->section.n_path == 0) {
        uint64_t n = m->size;
        cut(b, &at, &n);
        begin_literal(r, m, true, false, at, n);
        return 0;
    }
    if (parse(m, &r->job.err))
        return -1;
    buf_reset(&m->made);
    int found = section_binary(m->parsed, b->section.path, b->section.n_path, &m->made, &e);
    if (found <= 0) {
        f->cte_refused |= found < 0 && e.code == ERR_UNSUPPORTED;
        if (found < 0 && e.code != ERR_UNSUPPORTED) {
            r->job.err = e;
            return -1;
        }
        nil(r);
        return 0;
    }
    uint64_t n = m->made.n;
    cut(b, &at, &n);
    begin_literal(r, m, true, true, at, n);
    return 0;
}

static int binary_size(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    struct fetch_message *m = &f->msg;
    struct err e = {0};
    uint64_t size = m->size;
    if (b->section.n_path) {
        if (parse(m, &r->job.err))
            return -1;
        int found = section_binary_size(m->parsed, b->section.path, b->section.n_path, &size, &e);
        if (found < 0 && e.code != ERR_UNSUPPORTED) {
            r->job.err = e;
            return -1;
        }
        f->cte_refused |= found < 0;
        if (found <= 0)
            size = 0;
    }
    buf_addf(&r->out, " %llu", (unsigned long long)size);
    return 0;
}

/* As much of the literal as there is room for: 1 when some is left. */
static int literal_step(struct request *r, struct fetch_message *m)
{
    while (m->left && r->out.n < OUTPUT_STEP) {
        uint64_t n = m->left < PIECE ? m->left : PIECE;
        int rc;
        if (m->from_made)
            rc = buf_add(&r->out, slice_sub(buf_slice(&m->made), m->at, m->at + n));
        else if (m->at + n <= m->head.n)
            rc = buf_add(&r->out, slice_sub(buf_slice(&m->head), m->at, m->at + n));
        else
            rc = message_read(m->bytes, m->at, n, &r->out, &r->job.err);
        if (rc)
            return -1;
        m->at += n;
        m->left -= n;
    }
    if (m->left)
        return 1;
    m->in_literal = false;
    return 0;
}

/* The item is there, without what it should hold; the command ends with NO. */
static void unreadable(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    if (b->kind == IMAP_BINARY_SIZE)
        buf_adds(&r->out, " 0");
    else
        nil(r);
    if (!f->error.code)
        f->error = r->job.err;
    r->job.err = (struct err){0};
}

int fetch_body(struct request *r, struct fetch *f)
{
    struct fetch_message *m = &f->msg;
    for (;;) {
        if (m->in_literal) {
            int more = literal_step(r, m);
            if (more)
                return more;
        }
        if (m->item == f->args.n_bodies)
            return 0;
        if (r->out.n >= OUTPUT_STEP)
            return 1;
        const struct imap_fetch_body *b = &f->args.bodies[m->item++];
        if (f->space)
            buf_addc(&r->out, ' ');
        f->space = true;
        buf_add(&r->out, b->label);
        int rc = !m->bytes                      ? -1
                 : b->kind == IMAP_BODY_SECTION ? body_section(r, f, b)
                 : b->kind == IMAP_BINARY       ? binary(r, f, b)
                                                : binary_size(r, f, b);
        if (rc)
            unreadable(r, f, b);
    }
}
