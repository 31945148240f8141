/* fetch_body.c - BODY[...], RFC822..., BINARY[...] and BINARY.SIZE[...] from a message's bytes.
   RFC 9051 6.4.5.1 and 7.5.2, RFC 3516. The index of its parts, stored with the message, says
   where a section is; only that is read, and it goes out in pieces. Where the index cannot tell
   the message is read and parsed whole. A section that holds NUL cannot be a literal: the item is
   NIL and the command ends with NO [UNKNOWN-CTE]; BINARY gives it as a literal8,
   which it uses only then. */
#include "imap/fetch.h"
#include "imap/settings.h"

enum {
    HEAD_STEP = 16 * 1024,
    PIECE = 128 * 1024,
    LONG_STEP = 32 * 1024,
};

void fetch_message_done(struct fetch_message *m)
{
    if (m->bytes)
        message_close(m->bytes);
    buf_done(&m->head);
    buf_done(&m->made);
    buf_done(&m->parts);
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
    m->prefix = message_size(m->bytes) - en->blob.size;
    m->no_nul = part_index_no_nul(en->parts);
    m->head.max = (size_t)setting_get(&set_imap_append_max) * 2 + (1 << 20);
    m->made.max = m->parts.max = m->head.max;
    m->arena.limit = MESSAGE_ARENA_LIMIT;
    if (f->needs_parts && buf_add(&m->parts, en->parts))
        return err_set(e, ERR_LIMIT, "the message's structure is too large");
    return 0;
}

/* --- where a section is ----------------------------------------------------------------------- */

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

/* The index is of the message as it came: the lines of the final hop stand in front of it, and
   belong to its header. */
static uint64_t behind_prefix(const struct fetch_message *m, uint64_t at)
{
    return at ? at + m->prefix : 0;
}

/* 1 found, 0 no such part, -1 */
static int place(struct fetch_message *m, const struct section *s, struct part_place *p,
                 struct err *e)
{
    int found = part_index_find(buf_slice(&m->parts), s->path, s->n_path, m->size - m->prefix, p);
    if (found == 0)
        return 0;
    if (found > 0 && !(m->prefix && p->body == 0)) { /* else it had no header until then */
        p->head = behind_prefix(m, p->head);
        p->body = behind_prefix(m, p->body);
        p->end = behind_prefix(m, p->end);
        p->nested_head = behind_prefix(m, p->nested_head);
        p->nested_body = behind_prefix(m, p->nested_body);
        p->nested_end = behind_prefix(m, p->nested_end);
        return 1;
    }
    if (parse(m, e))
        return -1;
    const struct part *part = message_part(m->parsed, s->path, s->n_path);
    if (part)
        part_place_of(part, p);
    return part != NULL;
}

/* Where the section is in the message; for the FIELDS kinds its header. 0: there is none. */
static int locate(struct fetch_message *m, const struct section *s, uint64_t *at, uint64_t *n,
                  struct err *e)
{
    size_t found_at = 0, found_n = 0;
    struct part_place p;
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
    int found = place(m, s, &p, e);
    if (found <= 0)
        return found;
    return section_place(&p, s, at, n);
}

/* --- literals --------------------------------------------------------------------------------- */

static void nil(struct request *r)
{
    buf_adds(&r->out, " NIL");
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

static int append(struct fetch_message *m, uint64_t at, uint64_t n, struct buf *out, struct err *e)
{
    if (at + n <= m->head.n)
        return buf_add(out, slice_sub(buf_slice(&m->head), at, at + n))
                   ? err_set(e, ERR_LIMIT, "the message does not fit")
                   : 0;
    return message_read(m->bytes, at, n, out, e);
}

static void begin_literal(struct request *r, struct fetch_message *m, const char *mark,
                          enum fetch_source from, uint64_t at, uint64_t n)
{
    buf_addf(&r->out, " %s{%llu}\r\n", mark, (unsigned long long)n);
    m->doing = from;
    m->at = at;
    m->left = n;
}

/* [at, at + n) as it is: a NUL in it has to be known before the literal begins. */
static void begin_text(struct request *r, struct fetch_message *m, uint64_t at, uint64_t n)
{
    if (m->no_nul) {
        begin_literal(r, m, "", FETCH_BYTES, at, n);
        return;
    }
    m->doing = FETCH_NUL_SCAN;
    m->at = m->scan = at;
    m->left = n;
}

/* 1 when the step is over. */
static int scan_step(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    struct fetch_message *m = &f->msg;
    BUF_SCOPE piece = {0};
    for (uint64_t end = m->at + m->left; m->scan < end; m->scan += PIECE) {
        if (request_step_full(r))
            return 1;
        buf_reset(&piece);
        if (append(m, m->scan, end - m->scan < PIECE ? end - m->scan : PIECE, &piece, &r->job.err))
            return -1;
        if (memchr(piece.p, '\0', piece.n) && b->kind == IMAP_BINARY) {
            begin_literal(r, m, "~", FETCH_BYTES, m->at, m->left);
            return 0;
        }
        if (memchr(piece.p, '\0', piece.n)) {
            f->nul_refused = true;
            nil(r);
            m->doing = FETCH_NOTHING;
            return 0;
        }
    }
    begin_literal(r, m, "", FETCH_BYTES, m->at, m->left);
    return 0;
}

void fetch_make_room(struct request *r)
{
    if (r->out.n >= LONG_STEP && r->out.cap < OUTPUT_STEP)
        buf_reserve(&r->out, OUTPUT_STEP - r->out.n + PIECE);
}

static int bytes_step(struct request *r, struct fetch_message *m)
{
    fetch_make_room(r);
    while (m->left && r->out.n < OUTPUT_STEP) {
        uint64_t most = message_frame(m->bytes, m->at), n = m->left < most ? m->left : most;
        int rc = m->doing == FETCH_MADE
                     ? buf_add(&r->out, slice_sub(buf_slice(&m->made), m->at, m->at + n))
                     : append(m, m->at, n, &r->out, &r->job.err);
        if (rc)
            return -1;
        m->at += n;
        m->left -= n;
    }
    if (m->left)
        return 1;
    m->doing = FETCH_NOTHING;
    return 0;
}

/* --- decoding in pieces ----------------------------------------------------------------------- */

static void decoder_start(struct fetch_message *m)
{
    transfer_init(&m->decoder, m->encoding);
    m->raw = m->raw_at;
}

/* The next decoded piece to m->made; *ret_last behind the last one. */
static int decode_piece(struct fetch_message *m, bool *ret_last, struct err *e)
{
    BUF_SCOPE raw = {0};
    uint64_t n = m->raw_end - m->raw < PIECE ? m->raw_end - m->raw : PIECE;
    buf_reset(&m->made);
    if (append(m, m->raw, n, &raw, e))
        return -1;
    m->raw += n;
    *ret_last = m->raw == m->raw_end || raw.n == 0;
    transfer_feed(&m->decoder, buf_slice(&raw), &m->made);
    if (*ret_last)
        transfer_finish(&m->decoder, &m->made);
    return m->made.failed ? err_set(e, ERR_LIMIT, "the part is too large") : 0;
}

/* Is there a NUL in what is asked for of the decoded piece at hand? */
static bool piece_has_nul(const struct fetch_message *m, const struct imap_fetch_body *b)
{
    uint64_t from = 0, n = m->made.n;
    if (b->partial) {
        from = b->from > m->decoded ? b->from - m->decoded : 0;
        from = from < n ? from : n;
        uint64_t end = b->from + b->count; /* both are under 2^63 */
        end = end > m->decoded ? end - m->decoded : 0;
        n = end < n ? end : n;
        n = n > from ? n - from : 0;
    }
    return n && memchr(m->made.p + from, '\0', n);
}

/* How much it is without its encoding has to be known before the literal begins; of a partial one,
   that it is as much as was asked for. 1: the step is over. */
static int count_step(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    struct fetch_message *m = &f->msg;
    bool last = false, enough = false;
    while (!last && !enough) {
        if (request_step_full(r))
            return 1;
        if (decode_piece(m, &last, &r->job.err))
            return -1;
        m->nul = m->nul || piece_has_nul(m, b);
        m->decoded += m->made.n;
        enough = b->kind == IMAP_BINARY && b->partial && m->decoded >= b->from &&
                 m->decoded - b->from >= b->count;
    }
    if (b->kind == IMAP_BINARY_SIZE) {
        buf_addf(&r->out, " %llu", (unsigned long long)m->decoded);
        m->doing = FETCH_NOTHING;
        return 0;
    }
    uint64_t at = 0, n = m->decoded;
    cut(b, &at, &n);
    const char *mark = m->nul ? "~" : "";  /* RFC 3516 4.3 */
    if (m->raw_end - m->raw_at <= PIECE) { /* it was one piece, and is here */
        begin_literal(r, m, mark, FETCH_MADE, at, n);
        return 0;
    }
    begin_literal(r, m, mark, FETCH_DECODED, at, n);
    decoder_start(m);
    return 0;
}

/* m->at bytes more are passed over, then m->left go out. */
static int decoded_step(struct request *r, struct fetch_message *m)
{
    bool last = false;
    while (m->left) {
        if (r->out.n >= OUTPUT_STEP || request_step_full(r))
            return 1;
        if (last)
            return err_set(&r->job.err, ERR_CORRUPT, "a part has become shorter");
        if (decode_piece(m, &last, &r->job.err))
            return -1;
        struct slice s = buf_slice(&m->made);
        size_t skip = m->at < s.n ? (size_t)m->at : s.n;
        m->at -= skip;
        s = slice_sub(slice_from(s, skip), 0, m->left < s.n ? (size_t)m->left : s.n);
        if (buf_add(&r->out, s))
            return err_set(&r->job.err, ERR_LIMIT, "the part is too large");
        m->left -= s.n;
    }
    m->doing = FETCH_NOTHING;
    return 0;
}

/* --- the items -------------------------------------------------------------------------------- */

static int body_section(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    struct fetch_message *m = &f->msg;
    uint64_t at = 0, n = 0;
    int found = locate(m, &b->section, &at, &n, &r->job.err);
    if (found < 0)
        return -1;
    if (found == 0) {
        nil(r);
        return 0;
    }
    if (b->section.what != SECTION_FIELDS && b->section.what != SECTION_FIELDS_NOT) {
        cut(b, &at, &n);
        begin_text(r, m, at, n);
        return 0;
    }
    BUF_SCOPE header = {.max = m->head.max};
    if (append(m, at, n, &header, &r->job.err))
        return -1;
    buf_reset(&m->made);
    section_fields(buf_slice(&header), &b->section, &m->made);
    if (m->made.failed)
        return err_set(&r->job.err, ERR_LIMIT, "the header is too large");
    at = 0;
    n = m->made.n;
    cut(b, &at, &n);
    if (n && memchr(m->made.p + at, '\0', n)) {
        f->nul_refused = true;
        nil(r);
        return 0;
    }
    begin_literal(r, m, "", FETCH_MADE, at, n);
    return 0;
}

/* BINARY[] of the whole message or a composite part: as it is. Else decoded. */
static int binary(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    struct fetch_message *m = &f->msg;
    struct part_place p = {.kind = PART_MULTIPART, .end = m->size};
    bool sized = b->kind == IMAP_BINARY_SIZE;
    int found = b->section.n_path ? place(m, &b->section, &p, &r->job.err) : 1;
    if (found < 0)
        return -1;
    int decodes = found ? section_binary_decodes(&p) : 0;
    f->cte_refused |= decodes < 0;
    if (!found || decodes < 0) {
        buf_adds(&r->out, sized ? " 0" : " NIL");
        return 0;
    }
    uint64_t at = p.body, n = p.end - p.body;
    if (decodes) {
        m->doing = FETCH_COUNT;
        m->encoding = p.encoding;
        m->raw_at = p.body;
        m->raw_end = p.end;
        m->decoded = 0;
        m->nul = false;
        decoder_start(m);
    } else if (sized) {
        buf_addf(&r->out, " %llu", (unsigned long long)n);
    } else {
        cut(b, &at, &n);
        begin_text(r, m, at, n);
    }
    return 0;
}

/* The item is there, without what it should hold; the command ends with NO. */
static void unreadable(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    if (b->kind == IMAP_BINARY_SIZE)
        buf_adds(&r->out, " 0");
    else
        nil(r);
    f->msg.doing = FETCH_NOTHING;
    if (!f->error.code)
        f->error = r->job.err;
    r->job.err = (struct err){0};
}

/* What is under way of item b: 1 to be called again, 0 done, -1 */
static int go_on(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    switch (f->msg.doing) {
    case FETCH_NOTHING:
        return 0;
    case FETCH_NUL_SCAN:
        return scan_step(r, f, b);
    case FETCH_COUNT:
        return count_step(r, f, b);
    case FETCH_DECODED:
        return decoded_step(r, &f->msg);
    default:
        return bytes_step(r, &f->msg);
    }
}

static bool in_literal(const struct fetch_message *m)
{
    return m->doing >= FETCH_BYTES;
}

static void begin_item(struct request *r, struct fetch *f, const struct imap_fetch_body *b)
{
    if (f->space)
        buf_addc(&r->out, ' ');
    f->space = true;
    buf_add(&r->out, b->label);
    int rc = !f->msg.bytes                  ? -1
             : b->kind == IMAP_BODY_SECTION ? body_section(r, f, b)
                                            : binary(r, f, b);
    if (rc)
        unreadable(r, f, b);
}

int fetch_body(struct request *r, struct fetch *f)
{
    struct fetch_message *m = &f->msg;
    for (;;) {
        while (m->doing != FETCH_NOTHING) {
            const struct imap_fetch_body *b = &f->args.bodies[m->item - 1];
            int rc = go_on(r, f, b);
            if (rc < 0 && in_literal(m))
                return -1;
            if (rc < 0)
                unreadable(r, f, b);
            if (rc > 0)
                return 1;
        }
        if (m->item == f->args.n_bodies)
            return 0;
        if (r->out.n >= OUTPUT_STEP)
            return 1;
        begin_item(r, f, &f->args.bodies[m->item++]);
    }
}
