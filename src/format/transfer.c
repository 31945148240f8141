/* transfer.c - push decoders for base 64, quoted-printable and uuencode, and the encoders. */
#include "format/transfer.h"

#include "base/base64.h"

enum encoding transfer_encoding_of(struct slice token)
{
    static const struct {
        struct slice name;
        enum encoding encoding;
    } names[] = {
        {S_INIT("7bit"), ENCODING_7BIT},     {S_INIT("8bit"), ENCODING_8BIT},
        {S_INIT("binary"), ENCODING_BINARY}, {S_INIT("quotedprintable"), ENCODING_QUOTED},
        {S_INIT("base64"), ENCODING_BASE64}, {S_INIT("xuuencode"), ENCODING_UU},
        {S_INIT("uuencode"), ENCODING_UU},   {S_INIT("xuue"), ENCODING_UU},
        {S_INIT("uue"), ENCODING_UU},        {S_INIT("7bits"), ENCODING_7BIT},
        {S_INIT("8bits"), ENCODING_8BIT},    {S_INIT("usascii"), ENCODING_7BIT},
    };
    enum { LONGEST = 20 };
    char key[LONGEST];
    size_t n = 0;
    if (!token.n)
        return ENCODING_7BIT;
    for (size_t i = 0; i < token.n && n < LONGEST; i++)
        if (token.p[i] != '-' && token.p[i] != '_' && token.p[i] != ' ')
            key[n++] = token.p[i];
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (slice_eqi(slice_of(key, n), names[i].name))
            return names[i].encoding;
    return ENCODING_UNKNOWN;
}

void transfer_init(struct transfer *t, enum encoding encoding)
{
    *t = (struct transfer){.encoding = encoding};
}

/* --- base 64, RFC 2045 6.8 --- */

static bool base64_blank(char c)
{
    return c == '\r' || c == '\n' || c == ' ' || c == '\t';
}

static size_t base64_tail(struct transfer *t, char *o)
{
    size_t n = 0;
    if (t->have >= 2)
        o[n++] = (char)(t->have == 2 ? t->bits >> 4 : t->bits >> 10);
    if (t->have == 3)
        o[n++] = (char)(t->bits >> 2);
    if (t->have == 1)
        t->damaged = true;
    t->have = 0;
    t->bits = 0;
    return n;
}

static int base64_feed(struct transfer *t, struct slice in, struct buf *out)
{
    char *o = buf_space(out, in.n / 4 * 3 + 6), *start = o;
    if (!o)
        return -1;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char v = base64_digits[(unsigned char)in.p[i]];
        if (t->state) { /* after padding the rest of the line is no data */
            t->state = in.p[i] != '\n';
            t->damaged = t->damaged || (in.p[i] != '=' && !base64_blank(in.p[i]));
            continue;
        }
        size_t whole = v && t->have == 0 ? base64_groups(o, in.p + i, in.n - i) : 0;
        if (whole) {
            o += whole / 4 * 3;
            i += whole - 1;
        } else if (v) {
            t->bits = t->bits << 6 | (v - 1u);
            if (++t->have == 4) {
                *o++ = (char)(t->bits >> 16);
                *o++ = (char)(t->bits >> 8);
                *o++ = (char)t->bits;
                t->have = 0;
                t->bits = 0;
            }
        } else if (in.p[i] == '=') {
            t->state = t->have > 1;
            o += base64_tail(t, o);
        } else if (!base64_blank(in.p[i])) {
            t->damaged = true;
        }
    }
    out->n += (size_t)(o - start);
    return 0;
}

/* --- quoted-printable, RFC 2045 6.7 --- */

enum { QP_TEXT, QP_EQUAL, QP_HEX, QP_SOFT, QP_CR };

static int hex(char c)
{
    c = ascii_lower(c);
    return ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void qp_release(struct transfer *t, struct buf *out)
{
    buf_add(out, slice_of(t->held, t->blanks));
    t->blanks = 0;
}

/* Blanks are held until it is known whether they end a line (then they go, rule 3). */
static void qp_hold(struct transfer *t, char c, struct buf *out)
{
    if (t->blanks == sizeof(t->held))
        qp_release(t, out);
    t->held[t->blanks++] = c;
}

static void qp_byte(struct transfer *t, char c, struct buf *out)
{
    switch (t->state) {
    case QP_CR: /* after a CR in text */
        t->state = QP_TEXT;
        if (c == '\n') {
            t->blanks = 0;
            buf_add(out, S("\r\n"));
            return;
        }
        qp_release(t, out);
        buf_addc(out, '\r');
        break;
    case QP_EQUAL:
        if (hex(c) >= 0) {
            t->hex = c;
            t->state = QP_HEX;
            return;
        }
        if (c == '\n') {
            t->blanks = 0;
            t->state = QP_TEXT;
            return;
        }
        if (c == ' ' || c == '\t' || c == '\r') {
            qp_hold(t, c, out);
            t->state = QP_SOFT;
            return;
        }
        t->damaged = true;
        buf_addc(out, '=');
        t->state = QP_TEXT;
        break;
    case QP_HEX:
        t->state = QP_TEXT;
        if (hex(c) >= 0) {
            buf_addc(out, (char)(hex(t->hex) << 4 | hex(c)));
            return;
        }
        t->damaged = true;
        buf_addc(out, '=');
        buf_addc(out, t->hex);
        break;
    case QP_SOFT: /* blanks after "=": a soft line break when a line end follows */
        if (c == '\n') {
            t->blanks = 0;
            t->state = QP_TEXT;
            return;
        }
        if ((c == ' ' || c == '\t' || c == '\r') && t->blanks < sizeof(t->held)) {
            t->held[t->blanks++] = c;
            return;
        }
        t->damaged = true;
        buf_addc(out, '=');
        qp_release(t, out);
        t->state = QP_TEXT;
        break;
    default:
        break;
    }
    if (c == '=') {
        qp_release(t, out);
        t->state = QP_EQUAL;
    } else if (c == '\r') {
        t->state = QP_CR;
    } else if (c == '\n') {
        t->blanks = 0;
        buf_addc(out, '\n');
    } else if (c == ' ' || c == '\t') {
        qp_hold(t, c, out);
    } else {
        qp_release(t, out);
        buf_addc(out, c);
    }
}

static int qp_feed(struct transfer *t, struct slice in, struct buf *out)
{
    if (buf_reserve(out, in.n + sizeof(t->held) + 4))
        return -1;
    for (size_t i = 0; i < in.n;) {
        size_t run = i;
        if (t->state == QP_TEXT && !t->blanks)
            while (run < in.n && in.p[run] != '=' && in.p[run] != ' ' && in.p[run] != '\t' &&
                   in.p[run] != '\r' && in.p[run] != '\n')
                run++;
        buf_add(out, slice_sub(in, i, run));
        i = run;
        if (i < in.n)
            qp_byte(t, in.p[i++], out);
    }
    return out->failed ? -1 : 0;
}

static void qp_finish(struct transfer *t, struct buf *out)
{
    if (t->state == QP_HEX) {
        buf_addc(out, '=');
        buf_addc(out, t->hex);
    }
    if (t->state == QP_CR) {
        qp_release(t, out);
        buf_addc(out, '\r');
    }
    t->blanks = 0; /* blanks at the very end, or after a last "=" */
    t->state = QP_TEXT;
}

/* --- uuencode: the lines between "begin 644 name" and "end" --- */

enum { UU_BEFORE, UU_INSIDE, UU_AFTER };

static void uu_line(struct transfer *t, struct buf *out)
{
    struct slice s = slice_of(t->held, t->blanks);
    t->blanks = 0;
    while (s.n && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\n'))
        s.n--;
    if (t->state == UU_BEFORE) {
        if (slice_starts(s, S("begin ")))
            t->state = UU_INSIDE;
        return;
    }
    if (t->state == UU_AFTER || !s.n)
        return;
    if (slice_eq(s, S("end"))) {
        t->state = UU_AFTER;
        return;
    }
    size_t count = ((unsigned char)s.p[0] - 32u) & 63u;
    for (size_t i = 1; count > 0 && i < s.n; i += 4) {
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++)
            v = v << 6 | (i + k < s.n ? (((unsigned char)s.p[i + k] - 32u) & 63u) : 0);
        char three[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        size_t n = count < 3 ? count : 3;
        buf_add(out, slice_of(three, n));
        count -= n;
    }
    if (count)
        t->damaged = true;
}

static int uu_feed(struct transfer *t, struct slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        if (t->blanks < sizeof(t->held))
            t->held[t->blanks++] = in.p[i];
        if (in.p[i] == '\n')
            uu_line(t, out);
    }
    return out->failed ? -1 : 0;
}

int transfer_feed(struct transfer *t, struct slice in, struct buf *out)
{
    if (t->encoding == ENCODING_BASE64)
        return base64_feed(t, in, out);
    if (t->encoding == ENCODING_QUOTED)
        return qp_feed(t, in, out);
    if (t->encoding == ENCODING_UU)
        return uu_feed(t, in, out);
    return buf_add(out, in);
}

int transfer_finish(struct transfer *t, struct buf *out)
{
    if (t->encoding == ENCODING_BASE64) {
        char tail[2];
        size_t n = base64_tail(t, tail);
        buf_add(out, slice_of(tail, n));
    } else if (t->encoding == ENCODING_QUOTED) {
        qp_finish(t, out);
    } else if (t->encoding == ENCODING_UU) {
        uu_line(t, out);
    }
    return out->failed ? -1 : 0;
}

int transfer_decode(enum encoding encoding, struct slice in, struct buf *out)
{
    struct transfer t;
    transfer_init(&t, encoding);
    return transfer_feed(&t, in, out) || transfer_finish(&t, out) ? -1 : 0;
}

void transfer_encode_base64(struct slice in, struct buf *out)
{
    enum { LINE_BYTES = 57 };
    for (size_t i = 0; i < in.n; i += LINE_BYTES) {
        base64_encode(out, slice_sub(in, i, i + LINE_BYTES));
        buf_add(out, S("\r\n"));
    }
}

void transfer_encode_quoted(struct slice in, bool binary, struct buf *out)
{
    enum { LINE_MAX_ = 75 };
    static const char digits[] = "0123456789ABCDEF";
    size_t column = 0;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        bool lf = !binary && (c == '\n' || (c == '\r' && i + 1 < in.n && in.p[i + 1] == '\n'));
        if (lf) {
            i += c == '\r';
            buf_add(out, S("\r\n"));
            column = 0;
            continue;
        }
        bool line_ends = i + 1 == in.n || (!binary && (in.p[i + 1] == '\n' || in.p[i + 1] == '\r'));
        bool as_is = (c > ' ' && c < 127 && c != '=') || ((c == ' ' || c == '\t') && !line_ends);
        /* "From " and a lone dot at a line's start do not survive every program on the way. */
        if (column == 0 && (c == '.' || c == 'F'))
            as_is = false;
        size_t n = as_is ? 1 : 3;
        if (column + n > LINE_MAX_) {
            buf_add(out, S("=\r\n"));
            column = 0;
            if (c == '.' || c == 'F') {
                as_is = false;
                n = 3;
            }
        }
        if (as_is) {
            buf_addc(out, (char)c);
        } else {
            char escape[3] = {'=', digits[c >> 4], digits[c & 15]};
            buf_add(out, slice_of(escape, 3));
        }
        column += n;
    }
}

enum encoding transfer_choose(struct slice in)
{
    enum { LINE_MAX_7BIT = 998 };
    size_t costly = 0, line = 0;
    bool plain = true;
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        line = c == '\n' ? 0 : line + 1;
        bool bare_cr = c == '\r' && (i + 1 == in.n || in.p[i + 1] != '\n');
        bool control = (c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 127 || bare_cr;
        if (c >= 128 || control || c == '=')
            costly++;
        if (c >= 128 || control || line > LINE_MAX_7BIT)
            plain = false;
    }
    if (plain)
        return ENCODING_7BIT;
    return costly < in.n / 6 ? ENCODING_QUOTED : ENCODING_BASE64;
}
