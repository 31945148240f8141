/* imap_structure.c - the FETCH items that describe a message, written once. The tree is walked by
   its parent and sibling pointers, without recursion. RFC 9051 7.5.2 */
#include "format/imap_structure.h"

#include "format/address.h"
#include "format/fields.h"

enum { QUOTED_MAX = 1000 };

void imap_string(struct slice s, struct buf *out)
{
    bool quoted = s.n <= QUOTED_MAX, nul = false;
    size_t escapes = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c >= 127 || c < ' ')
            quoted = quoted && c == '\t';
        nul |= c == 0;
        escapes += c == '"' || c == '\\';
    }
    if (quoted) {
        buf_addc(out, '"');
        for (size_t i = 0; escapes && i < s.n; i++) {
            if (s.p[i] == '"' || s.p[i] == '\\')
                buf_addc(out, '\\');
            buf_addc(out, s.p[i]);
        }
        if (!escapes)
            buf_add(out, s);
        buf_addc(out, '"');
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += s.p[i] != 0;
    buf_addf(out, "{%zu}\r\n", n);
    if (!nul) {
        buf_add(out, s);
        return;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i])
            buf_addc(out, s.p[i]);
}

void imap_nstring(struct slice s, struct buf *out)
{
    if (s.p)
        imap_string(s, out);
    else
        buf_add(out, S("NIL"));
}

/* A field's value: NIL when p is NULL, else unfolded. */
static void value_string(struct slice v, struct buf *out)
{
    if (!v.p) {
        buf_add(out, S("NIL"));
        return;
    }
    v = slice_trim(v);
    if (!memchr(v.p, '\n', v.n)) {
        imap_string(v, out);
        return;
    }
    BUF_SCOPE b = {0};
    field_unfold(v, &b);
    imap_string(slice_trim(buf_slice(&b)), out);
}

static void value_or_nil(struct slice v, struct buf *out)
{
    value_string(v.n ? v : SNONE, out);
}

static void field_value(const struct part *p, enum field_id id, struct buf *out)
{
    const struct field *f = part_field(p, id);
    value_string(f ? f->value : SNONE, out);
}

/* --- ENVELOPE --- */

static void write_address(const struct address *ad, struct buf *out)
{
    static const struct slice empty = S_INIT("");
    buf_addc(out, '(');
    if (ad->kind != ADDRESS_MAILBOX) {
        buf_add(out, S("NIL NIL "));
        imap_nstring(ad->kind == ADDRESS_GROUP ? (ad->name.n ? ad->name : empty) : SNONE, out);
        buf_add(out, S(" NIL)"));
        return;
    }
    imap_nstring(ad->name.n ? ad->name : SNONE, out);
    buf_addc(out, ' ');
    imap_nstring(ad->route.n ? ad->route : SNONE, out);
    buf_addc(out, ' ');
    /* NIL would make it the end or the beginning of a group. */
    imap_string(ad->local.n ? ad->local : empty, out);
    buf_addc(out, ' ');
    imap_string(ad->domain.n ? ad->domain : empty, out);
    buf_addc(out, ')');
}

static bool write_addresses(const struct part *p, enum field_id id, struct buf *out)
{
    enum { SCRATCH = 64 << 20 };
    bool any = false;
    size_t left = ADDRESS_MAX;
    for (const struct field *f = part_field(p, id); f && left; f = part_field_next(p, f)) {
        ARENA_SCOPE a = {.limit = SCRATCH};
        struct address_list l = {0};
        if (address_parse(f->value, left, &a, &l))
            continue;
        for (size_t i = 0; i < l.n; i++) {
            if (!any)
                buf_addc(out, '(');
            any = true;
            write_address(&l.items[i], out);
        }
        left -= l.n < left ? l.n : left;
    }
    if (any)
        buf_addc(out, ')');
    return any;
}

void imap_envelope(const struct part *root, struct buf *out)
{
    buf_addc(out, '(');
    field_value(root, FIELD_DATE, out);
    buf_addc(out, ' ');
    field_value(root, FIELD_SUBJECT, out);
    buf_addc(out, ' ');
    size_t from = out->n;
    if (!write_addresses(root, FIELD_FROM, out))
        buf_add(out, S("NIL"));
    BUF_SCOPE dup = {0};
    buf_add(&dup, slice_from(buf_slice(out), from));
    static const enum field_id rest[] = {FIELD_SENDER, FIELD_REPLY_TO, FIELD_TO, FIELD_CC,
                                         FIELD_BCC};
    for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]); i++) {
        buf_addc(out, ' ');
        if (!write_addresses(root, rest[i], out))
            buf_add(out, i < 2 ? buf_slice(&dup) : S("NIL"));
    }
    buf_addc(out, ' ');
    field_value(root, FIELD_IN_REPLY_TO, out);
    buf_addc(out, ' ');
    field_value(root, FIELD_MESSAGE_ID, out);
    buf_addc(out, ')');
}

/* --- BODYSTRUCTURE --- */

/* Values come from the parser without quotes; folds went there as well. */
static void write_params(const struct param_list *l, struct buf *out)
{
    if (!l->n) {
        buf_add(out, S("NIL"));
        return;
    }
    buf_addc(out, '(');
    for (size_t i = 0; i < l->n; i++) {
        const struct param *p = &l->items[i];
        if (i)
            buf_addc(out, ' ');
        if (p->extended) {
            BUF_SCOPE name = {0};
            buf_add(&name, p->name);
            buf_addc(&name, '*');
            imap_string(buf_slice(&name), out);
        } else {
            imap_string(p->name, out);
        }
        buf_addc(out, ' ');
        imap_string(p->raw.p ? p->raw : S(""), out);
    }
    buf_addc(out, ')');
}

/* body-fld-dsp SP body-fld-lang SP body-fld-loc */
static void write_extension(const struct part *p, struct buf *out)
{
    buf_addc(out, ' ');
    if (p->disposition.n) {
        buf_addc(out, '(');
        imap_string(p->disposition, out);
        buf_addc(out, ' ');
        write_params(&p->disposition_params, out);
        buf_addc(out, ')');
    } else {
        buf_add(out, S("NIL"));
    }
    buf_addc(out, ' ');
    struct slice rest = p->language;
    size_t n = 0;
    if (slice_find(rest, ',') < 0) {
        value_or_nil(rest, out);
    } else {
        buf_addc(out, '(');
        while (rest.p) {
            struct slice tag = slice_trim(slice_cut(&rest, ','));
            if (n++)
                buf_addc(out, ' ');
            imap_string(tag, out);
        }
        buf_addc(out, ')');
    }
    buf_addc(out, ' ');
    value_or_nil(p->location, out);
}

static void multipart_end(const struct part *p, struct buf *out)
{
    buf_addc(out, ' ');
    imap_string(p->subtype, out);
    buf_addc(out, ' ');
    write_params(&p->params, out);
    write_extension(p, out);
    buf_addc(out, ')');
}

/* media SP body-fields */
static void begin_single(const struct part *p, struct buf *out)
{
    struct slice type, subtype;
    part_type(p, &type, &subtype);
    buf_addc(out, '(');
    imap_string(type, out);
    buf_addc(out, ' ');
    imap_string(subtype, out);
    buf_addc(out, ' ');
    if (!p->has_type && !p->params.n && slice_eqi(type, S("text")))
        buf_add(out, S("(\"charset\" \"us-ascii\")")); /* RFC 2045 5.2 */
    else
        write_params(&p->params, out);
    buf_addc(out, ' ');
    value_or_nil(p->id, out);
    buf_addc(out, ' ');
    value_or_nil(p->description, out);
    buf_addc(out, ' ');
    imap_string(p->encoding_raw.n ? p->encoding_raw : S("7bit"), out);
    buf_addc(out, ' ');
    buf_addu(out, p->end - p->body);
}

static void end_single(const struct part *p, bool lines, struct buf *out)
{
    if (lines) {
        buf_addc(out, ' ');
        buf_addu(out, p->lines);
    }
    buf_addc(out, ' ');
    value_or_nil(p->md5, out);
    write_extension(p, out);
    buf_addc(out, ')');
}

void imap_bodystructure(const struct message *m, struct buf *out)
{
    const struct part *p = m->root;
    for (;;) {
        if (p->kind == PART_MULTIPART) {
            buf_addc(out, '(');
            p = p->first;
            continue;
        }
        begin_single(p, out);
        if (p->kind == PART_MESSAGE) {
            buf_addc(out, ' ');
            imap_envelope(p->nested, out);
            buf_addc(out, ' ');
            p = p->nested;
            continue;
        }
        end_single(p, part_is(p, "text", NULL), out);
        /* Upwards, until there is a next sibling. */
        while (p != m->root && (part_is_root(p) || !p->next)) {
            bool nested = part_is_root(p);
            p = p->parent;
            if (nested)
                end_single(p, true, out);
            else
                multipart_end(p, out);
        }
        if (p == m->root)
            return;
        p = p->next;
    }
}
