/* downgrade.c - one walk over the parts. A leaf whose bytes may not pass is encoded as base 64 or
   quoted-printable and says so; a multipart or attached message that said 8bit or binary says what
   is true now. Nothing inside multipart/signed or multipart/encrypted is touched (RFC 1847),
   nothing is encoded twice (RFC 2045 6.4), and message/global is a leaf, because it alone of its
   kind may be encoded (RFC 6532 3.7). The result is looked at as a whole in the end: what does not
   pass then (8-bit headers, text between the parts) makes the conversion fail, and the message goes
   back. */
#include "mail/downgrade.h"

#include "base/utf8.h"
#include "format/message.h"
#include "format/transfer.h"

enum { LINE_MAX_OCTETS = 998 }; /* RFC 5322 2.1.1, without CRLF */

struct traits {
    bool high, harmful; /* bytes over 127; NUL, bare CR or LF, a line over 998 */
};

static struct traits look_at(struct slice s)
{
    struct traits t = {0};
    size_t line = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool crlf = c == '\r' && i + 1 < s.n && s.p[i + 1] == '\n';
        t.high = t.high || c > 127;
        t.harmful = t.harmful || c == 0 || (c == '\r' && !crlf) || c == '\n' ||
                    (!crlf && ++line > LINE_MAX_OCTETS);
        if (crlf) {
            line = 0;
            i++;
        }
    }
    return t;
}

struct rewrite {
    const struct message *m;
    struct buf *out;
    size_t copied; /* of the message */
    bool keep_8bit;
};

static void copy_to(struct rewrite *w, size_t at)
{
    if (at > w->copied)
        buf_add(w->out, slice_sub(w->m->bytes, w->copied, at));
    w->copied = at > w->copied ? at : w->copied;
}

/* May not go as it is. */
static bool is_bad(const struct rewrite *w, struct traits t)
{
    return t.harmful || (t.high && !w->keep_8bit);
}

/* RFC 1847 2.1: what was signed is not changed. */
static bool is_sealed(const struct part *p)
{
    for (p = p->parent; p; p = p->parent)
        if (slice_eqi(p->type, S("multipart")) &&
            (slice_eqi(p->subtype, S("signed")) || slice_eqi(p->subtype, S("encrypted"))))
            return true;
    return false;
}

static bool is_global(const struct part *p)
{
    return slice_eqi(p->type, S("message")) && slice_starts(p->subtype, S("global"));
}

static bool is_identity(enum encoding e)
{
    return e == ENCODING_7BIT || e == ENCODING_8BIT || e == ENCODING_BINARY;
}

/* RFC 2046 5.2.2, 5.2.3: never encoded; RFC 2045 6.4: nor is anything composite. */
static bool may_be_encoded(const struct part *p)
{
    bool composite = slice_eqi(p->type, S("multipart")) || slice_eqi(p->type, S("message"));
    return is_identity(p->encoding) && !p->opaque && !is_sealed(p) &&
           (is_global(p) || !(composite && p->has_type));
}

/* Where a field can be added: in front of the header's empty line. -1: there is none. */
static ptrdiff_t header_room(const struct message *m, const struct part *p)
{
    struct slice h = part_header(m, p);
    if (slice_eq(h, S("\r\n")) || slice_ends(h, S("\r\n\r\n")))
        return (ptrdiff_t)p->body - 2;
    if (slice_eq(h, S("\n")) || slice_ends(h, S("\n\n")))
        return (ptrdiff_t)p->body - 1;
    return -1;
}

/* A text without MIME fields says what it is before it is encoded; RFC 1428 3. */
static void add_missing_type(struct rewrite *w, const struct part *p)
{
    struct slice body = part_body(w->m, p);
    if (!part_field(p, FIELD_MIME_VERSION) && !p->parent)
        buf_add(w->out, S("MIME-Version: 1.0\r\n"));
    if (!part_field(p, FIELD_CONTENT_TYPE))
        buf_addf(w->out, "Content-Type: text/plain; charset=%s\r\n",
                 ascii_only(body)   ? "us-ascii"
                 : utf8_valid(body) ? "utf-8"
                                    : "unknown-8bit");
}

/* Copies the header up to its empty line with another Content-Transfer-Encoding. */
static int relabel(struct rewrite *w, const struct part *p, const char *encoding, bool encoded,
                   struct err *e)
{
    ptrdiff_t room = header_room(w->m, p);
    const struct field *old = part_field(p, FIELD_CONTENT_TRANSFER_ENCODING);
    if (room < 0)
        return err_set(e, ERR_UNSUPPORTED, "a header does not end");
    if (old && part_field_next(p, old))
        return err_set(e, ERR_UNSUPPORTED, "a part has two encodings");
    if (old) {
        copy_to(w, old->at);
        w->copied = old->at + old->n;
    }
    copy_to(w, (size_t)room);
    if (encoded)
        add_missing_type(w, p);
    buf_addf(w->out, "Content-Transfer-Encoding: %s\r\n", encoding);
    return 0;
}

static void encode(struct rewrite *w, const struct part *p, bool as_text)
{
    struct slice body = part_body(w->m, p);
    if (as_text)
        transfer_encode_quoted(body, false, w->out);
    else
        transfer_encode_base64(body, w->out);
    bool last = p->end == w->m->bytes.n; /* elsewhere the delimiter's line end follows */
    if (!last && slice_ends(buf_slice(w->out), S("\r\n")))
        w->out->n -= 2;
    w->copied = p->end;
}

static int leaf(struct rewrite *w, const struct part *p, struct err *e)
{
    struct slice body = part_body(w->m, p);
    struct traits t = look_at(body);
    if (!is_bad(w, t)) {
        const char *true_name = t.high ? "8bit" : "7bit";
        bool lies = p->encoding == ENCODING_BINARY || (p->encoding == ENCODING_8BIT && !t.high);
        return lies && !is_sealed(p) ? relabel(w, p, true_name, false, e) : 0;
    }
    if (!may_be_encoded(p))
        return err_set(e, ERR_UNSUPPORTED, "a part may not be encoded");
    bool as_text = slice_eqi(p->type, S("text")) && slice_find(body, '\0') < 0 &&
                   transfer_choose(body) == ENCODING_QUOTED;
    for (size_t i = 0; as_text && i < body.n; i++) /* bare ones would become line ends */
        as_text = (body.p[i] != '\n' || (i && body.p[i - 1] == '\r')) &&
                  (body.p[i] != '\r' || (i + 1 < body.n && body.p[i + 1] == '\n'));
    if (relabel(w, p, as_text ? "quoted-printable" : "base64", true, e))
        return -1;
    copy_to(w, p->body);
    encode(w, p, as_text);
    return 0;
}

/* multipart, message/rfc822: what is in it has been or will be encoded, so it is 7bit, or 8bit
   where that may stay. */
static int composite(struct rewrite *w, const struct part *p, struct err *e)
{
    if (p->encoding == ENCODING_7BIT || (p->encoding == ENCODING_8BIT && w->keep_8bit))
        return 0;
    if (!is_identity(p->encoding) || is_sealed(p))
        return is_bad(w, look_at(part_body(w->m, p)))
                   ? err_set(e, ERR_UNSUPPORTED, "a part may not be encoded")
                   : 0;
    return relabel(w, p, w->keep_8bit ? "8bit" : "7bit", false, e);
}

static int rewrite_all(struct rewrite *w, struct err *e)
{
    size_t inside = 0; /* parts before this were part of a leaf */
    for (const struct part *p = w->m->root; p; p = p->following) {
        if (p->head < inside)
            continue;
        bool as_leaf = p->kind == PART_LEAF || is_global(p);
        if (as_leaf && p->kind != PART_LEAF)
            inside = p->end;
        if (as_leaf ? leaf(w, p, e) : composite(w, p, e))
            return -1;
    }
    copy_to(w, w->m->bytes.n);
    return 0;
}

int message_downgrade(struct slice bytes, bool keep_8bit, struct buf *out, bool *ret_8bit,
                      struct err *e)
{
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
    struct message *m;
    size_t start = out->n;
    if (message_parse(bytes, NULL, &a, &m, e))
        return -1;
    if (m->cut)
        return err_set(e, ERR_UNSUPPORTED, "the message has too many parts");
    struct rewrite w = {.m = m, .out = out, .keep_8bit = keep_8bit};
    if (rewrite_all(&w, e))
        return -1;
    if (out->failed)
        return err_set(e, ERR_LIMIT, "the message is too large");
    struct traits t = look_at(slice_from(buf_slice(out), start));
    if (is_bad(&w, t))
        return err_set(e, ERR_UNSUPPORTED, "bytes outside of its parts cannot be sent");
    *ret_8bit = t.high;
    return 0;
}

bool message_header_is_ascii(struct slice bytes, bool *ret_global)
{
    bool global = false;
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
    struct message *m;
    size_t inside = 0;
    if (message_parse(bytes, NULL, &a, &m, NULL) || m->cut)
        return false;
    for (const struct part *p = m->root; p; p = p->following) {
        if (p->head < inside)
            continue;
        if (!ascii_only(part_header(m, p)))
            return false;
        global = global || is_global(p);
        if (p->kind == PART_MESSAGE)
            inside = p->end;
    }
    *ret_global = global;
    return true;
}
