/* message.c - the one pass. The parser keeps a stack of the parts that are open at the current line
   and a small table of the boundaries among them. Each line is looked at once: in a header it is
   sorted by header_line; anywhere, when it begins with "--", it is looked up in the table. A
   delimiter closes the parts above the multipart it belongs to. RFC 2046 5.1, RFC 5322 2.1.

   A line is a delimiter only when it is "--", the whole boundary, maybe "--", and blanks:
   boundaries that are prefixes of others are no trouble. The lookup is by hash, so that its cost is
   the length of the line whatever the number of open multiparts. */
#include "format/message.h"

#include <stdlib.h>

#include "base/hash.h"
#include "format/field.h"
#include "format/mime.h"

SETTING(format, max_depth, INT, 100, 1, 1000,
        "How deep multiparts and messages inside each other are taken apart. What is deeper is "
        "shown as one part.");
SETTING(format, max_parts, INT, 10000, 1, 100000,
        "Into how many parts a message is taken apart. The rest stays in the last one.");
SETTING(format, max_header_bytes, SIZE, 4 * MiB, 64 * KiB, 64 * MiB,
        "How many bytes of all headers of a message are indexed. Fields behind are not searched.");
SETTING(format, max_header_fields, INT, 50000, 100, 500000,
        "How many header fields of a message, those of its parts included, are indexed.");

enum { BUCKETS = 64 };

struct frame {
    struct part *part;
    struct slice boundary;
    uint64_t hash;
    uint32_t body_line; /* line ends before the body */
    int32_t below;      /* older frame in the same bucket, or -1 */
    bool active;        /* its boundary is in the table */
};

struct delimiter {
    int32_t frame;
    bool close;
    size_t at;   /* where its line begins */
    size_t next; /* the line after it */
};

struct parser {
    struct message *m;
    struct arena *a;
    struct message_limits lim;
    const char *p;
    size_t n, at;
    uint32_t line; /* line ends before `at` */
    struct frame *stack;
    uint32_t top, n_active;
    int32_t buckets[BUCKETS];
    uint32_t lengths[BUCKETS]; /* active boundaries by length modulo BUCKETS */
    struct field *fields;      /* of the header being read */
    uint32_t n_fields, cap_fields, all_fields;
    size_t header_bytes;
    struct part *latest;
    bool full;
};

struct message_limits message_limits(void)
{
    return (struct message_limits){
        .depth = (uint32_t)setting_get(&set_format_max_depth),
        .parts = (uint32_t)setting_get(&set_format_max_parts),
        .header_fields = (uint32_t)setting_get(&set_format_max_header_fields),
        .header_bytes = (size_t)setting_get(&set_format_max_header_bytes),
    };
}

static void activate(struct parser *ps, struct frame *f, struct slice boundary)
{
    f->boundary = boundary;
    f->hash = hash_bytes(boundary);
    f->active = true;
    f->below = ps->buckets[f->hash % BUCKETS];
    ps->buckets[f->hash % BUCKETS] = (int32_t)(f - ps->stack);
    ps->lengths[boundary.n % BUCKETS]++;
    ps->n_active++;
}

/* Frames above it have been closed, so it is the newest of its bucket. */
static void deactivate(struct parser *ps, struct frame *f)
{
    if (!f->active)
        return;
    f->active = false;
    ps->buckets[f->hash % BUCKETS] = f->below;
    ps->lengths[f->boundary.n % BUCKETS]--;
    ps->n_active--;
}

static int32_t find_boundary(const struct parser *ps, struct slice s)
{
    if (!ps->lengths[s.n % BUCKETS])
        return -1;
    uint64_t hash = hash_bytes(s);
    int32_t i = ps->buckets[hash % BUCKETS];
    while (i >= 0 && (ps->stack[i].hash != hash || !slice_eq(ps->stack[i].boundary, s)))
        i = ps->stack[i].below;
    return i;
}

/* RFC 2046 5.1.1: is the line [at, end) a delimiter of an open multipart? */
static bool match(const struct parser *ps, size_t at, size_t end, struct delimiter *ret)
{
    struct slice s = slice_sub(slice_of(ps->p, ps->n), at + 2, end);
    while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r' || s.p[s.n - 1] == ' ' ||
                   s.p[s.n - 1] == '\t'))
        s.n--;
    int32_t i = find_boundary(ps, s);
    bool close = false;
    if (i < 0 && s.n > 2 && s.p[s.n - 1] == '-' && s.p[s.n - 2] == '-') {
        i = find_boundary(ps, slice_sub(s, 0, s.n - 2));
        close = true;
    }
    if (i < 0)
        return false;
    *ret = (struct delimiter){.frame = i, .close = close, .at = at, .next = end};
    return true;
}

static inline bool dashes(const struct parser *ps)
{
    return ps->n_active && ps->n - ps->at > 2 && ps->p[ps->at] == '-' && ps->p[ps->at + 1] == '-';
}

static inline size_t line_end(const struct parser *ps, bool *ret_lf)
{
    const char *lf = memchr(ps->p + ps->at, '\n', ps->n - ps->at);
    *ret_lf = lf != NULL;
    return lf ? (size_t)(lf + 1 - ps->p) : ps->n;
}

/* Goes to the next delimiter (true; `at` is where its line begins) or to the end (false). */
static bool scan(struct parser *ps, struct delimiter *ret)
{
    bool lf;
    while (ps->at < ps->n) {
        size_t end = line_end(ps, &lf);
        if (dashes(ps) && match(ps, ps->at, end, ret))
            return true;
        ps->line += lf;
        ps->at = end;
    }
    return false;
}

static struct field *field_add(struct parser *ps)
{
    if (ps->all_fields >= ps->lim.header_fields) {
        ps->m->cut |= MESSAGE_CUT_FIELDS;
        return NULL;
    }
    if (ps->n_fields == ps->cap_fields) {
        uint32_t cap = ps->cap_fields ? ps->cap_fields * 2 : 64;
        struct field *f = realloc(ps->fields, cap * sizeof(*f));
        if (!f) {
            ps->full = true;
            return NULL;
        }
        ps->fields = f;
        ps->cap_fields = cap;
    }
    ps->all_fields++;
    return &ps->fields[ps->n_fields++];
}

/* Reads the header of `part` from `at`. True when a delimiter ended it. RFC 5322 2.2 */
static bool read_header(struct parser *ps, struct part *part, struct delimiter *ret)
{
    struct header_scan h = {.head = ps->at};
    struct field *open = NULL;
    uint32_t head_line = ps->line, stray_line = 0;
    bool hit = false, empty = false, lf;
    part->head = ps->at;
    ps->at = header_first(slice_of(ps->p, ps->n), ps->at);
    ps->n_fields = 0;
    while (ps->at < ps->n && !empty) {
        size_t start = ps->at, end = line_end(ps, &lf), name = 0, colon = 0;
        if (dashes(ps) && match(ps, start, end, ret)) {
            hit = true;
            break;
        }
        bool strays = h.stray != 0;
        enum header_line kind = header_scan(&h, ps->p, start, end, &name, &colon);
        if (h.stray && !strays)
            stray_line = ps->line;
        if (kind == HEADER_BODY)
            break;
        ps->line += lf;
        ps->at = end;
        if (kind == HEADER_FOLD)
            continue;
        if (open)
            field_close(open, ps->p, start);
        open = NULL;
        empty = kind == HEADER_EMPTY;
        if (end - part->head > ps->lim.header_bytes - ps->header_bytes) {
            ps->m->cut |= MESSAGE_CUT_HEADER;
            continue;
        }
        if (kind == HEADER_FIELD && (open = field_add(ps))) {
            *open = (struct field){.name = slice_of(ps->p + start, name), .at = start};
            open->value.p = ps->p + start + colon + 1;
            open->id = field_id_of(open->name);
        }
    }
    if (open)
        field_close(open, ps->p, ps->at);
    size_t body = empty ? ps->at : header_scan_end(&h, ps->at);
    if (body != ps->at) { /* some of it was body after all: it is looked at once more */
        ps->line = h.begun ? stray_line : head_line;
        ps->at = body;
        hit = false;
    }
    part->body = ps->at;
    size_t left = ps->lim.header_bytes - ps->header_bytes, used = part->body - part->head;
    ps->header_bytes += used < left ? used : left;
    part->fields = arena_new(ps->a, struct field, ps->n_fields);
    if (part->fields && ps->n_fields) {
        memcpy(part->fields, ps->fields, ps->n_fields * sizeof(*part->fields));
        part->n_fields = ps->n_fields;
    }
    return hit;
}

static struct part *part_new(struct parser *ps, struct part *parent, bool nested)
{
    struct part *p = arena_new(ps->a, struct part, 1);
    if (!p) {
        ps->full = true;
        return NULL;
    }
    p->parent = parent;
    p->index = 1;
    if (ps->latest)
        ps->latest->following = p;
    ps->latest = p;
    ps->m->n_parts++;
    if (!parent) {
        ps->m->root = p;
        return p;
    }
    p->depth = parent->depth + 1;
    if (nested) {
        parent->nested = p;
        return p;
    }
    if (parent->last)
        parent->last->next = p;
    else
        parent->first = p;
    parent->last = p;
    p->index = ++parent->n_children;
    return p;
}

/* Closes the open parts from the top down to `keep` of them; the body of all ends at `end`, before
   which there are `line` line ends. */
static void close_frames(struct parser *ps, uint32_t keep, size_t end, uint32_t line)
{
    while (ps->top > keep) {
        struct frame *f = &ps->stack[--ps->top];
        deactivate(ps, f);
        f->part->end = end;
        f->part->lines = line - f->body_line;
        if (f->part->kind == PART_MULTIPART && !f->part->first)
            f->part->kind = PART_LEAF;
    }
}

/* The line end before a delimiter belongs to it, but what a header ends with stays there. */
static void close_at_delimiter(struct parser *ps, const struct delimiter *d)
{
    uint32_t keep = (uint32_t)d->frame + 1;
    if (ps->top <= keep)
        return;
    size_t end = d->at, least = ps->stack[ps->top - 1].part->body;
    uint32_t line = ps->line;
    if (end > least && ps->p[end - 1] == '\n') {
        end--;
        line--;
        if (end > least && ps->p[end - 1] == '\r')
            end--;
    }
    close_frames(ps, keep, end, line);
}

/* RFC 2046 5.1.1; RFC 2231 allows it to be extended, which somebody did. */
static struct slice boundary_of(struct parser *ps, const struct part *part)
{
    const struct param *b = param_find(&part->params, S("boundary"));
    if (!b || !b->extended)
        return b ? slice_trim(b->raw) : SNONE;
    BUF_SCOPE text = {0};
    param_text(b, &text);
    return arena_dup(ps->a, slice_trim(buf_slice(&text)));
}

/* RFC 6532 3.5: message/global may be encoded. Others may not (RFC 2045 6.4), and what says that it
   is and begins with a field is not. */
static bool is_encoded(const struct parser *ps, const struct part *part)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    if (part->encoding == ENCODING_QUOTED)
        return slice_eqi(part->subtype, S("global"));
    if (part->encoding != ENCODING_BASE64)
        return false;
    struct slice line = slice_sub(slice_of(ps->p, ps->n), ps->at, ps->n);
    line = slice_trim(slice_cut(&line, '\n'));
    size_t i = 0;
    while (i < line.n && line.p[i] && strchr(digits, line.p[i]))
        i++;
    return line.n > 0 && i == line.n;
}

/* What kind of part it is, now that its header is read; pushes its frame. True when the parts
   inside begin with the header of a nested message. RFC 2046 5.1, 5.2.1 */
static bool open_part(struct parser *ps, struct part *part)
{
    struct part *up = part->parent;
    bool digest = up && up->nested != part && slice_eqi(up->subtype, S("digest"));
    if (mime_read(part, digest, ps->a))
        ps->full = true;
    struct frame *f = &ps->stack[ps->top++];
    *f = (struct frame){.part = part, .body_line = ps->line, .below = -1};
    bool multipart = slice_eqi(part->type, S("multipart"));
    bool message = slice_eqi(part->type, S("message")) &&
                   (slice_eqi(part->subtype, S("rfc822")) || slice_eqi(part->subtype, S("global")));
    if (!multipart && !message)
        return false;
    if (part->depth >= ps->lim.depth || ps->m->n_parts >= ps->lim.parts) {
        ps->m->cut |= part->depth >= ps->lim.depth ? MESSAGE_CUT_DEPTH : MESSAGE_CUT_PARTS;
        part->opaque = true;
        return false;
    }
    if (message) {
        part->opaque = is_encoded(ps, part);
        part->kind = part->opaque ? PART_LEAF : PART_MESSAGE;
        return !part->opaque;
    }
    struct slice b = boundary_of(ps, part);
    if (b.n) {
        part->kind = PART_MULTIPART;
        activate(ps, f, b);
    }
    return false;
}

/* From a delimiter to where the next part begins, or to the end (NULL). */
static struct part *next_part(struct parser *ps, bool hit, struct delimiter *d)
{
    while (hit) {
        if (!d->close && ps->m->n_parts >= ps->lim.parts) {
            ps->m->cut |= MESSAGE_CUT_PARTS;
            for (uint32_t i = ps->top; i-- > 0;)
                deactivate(ps, &ps->stack[i]);
        } else {
            close_at_delimiter(ps, d);
            struct frame *f = &ps->stack[d->frame];
            ps->line += ps->p[d->next - 1] == '\n';
            ps->at = d->next;
            if (!d->close)
                return part_new(ps, f->part, false);
            f->part->closed = true;
            deactivate(ps, f);
        }
        hit = scan(ps, d);
    }
    return NULL;
}

static void run(struct parser *ps)
{
    struct part *part = part_new(ps, NULL, false);
    while (part && !ps->full) {
        struct delimiter d = {0};
        bool hit = read_header(ps, part, &d);
        bool inside = open_part(ps, part);
        if (inside)
            part = part_new(ps, part, true);
        /* A delimiter that ended the header is met again by the nested, empty header. */
        if (!inside)
            part = next_part(ps, hit || scan(ps, &d), &d);
    }
    close_frames(ps, 0, ps->n, ps->line);
}

int message_parse(struct slice bytes, const struct message_limits *limits, struct arena *a,
                  struct message **ret, struct err *e)
{
    struct parser ps = {.a = a, .p = bytes.p, .n = bytes.n};
    ps.lim = limits ? *limits : message_limits();
    ps.m = arena_new(a, struct message, 1);
    ps.stack = arena_new(a, struct frame, (size_t)ps.lim.depth + 2);
    if (!ps.m || !ps.stack)
        return err_set(e, ERR_LIMIT, "message: no memory for its structure");
    for (int i = 0; i < BUCKETS; i++)
        ps.buckets[i] = -1;
    ps.m->bytes = bytes;
    run(&ps);
    free(ps.fields);
    if (ps.full || a->failed)
        return err_set(e, ERR_LIMIT, "message: its structure is over %zu bytes", a->limit);
    ps.m->lines = ps.line;
    *ret = ps.m;
    return 0;
}
