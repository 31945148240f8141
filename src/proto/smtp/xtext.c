/* xtext.c - xtext both ways. What decodes to a control character is refused: the text ends up in
   header fields, DSN bodies, commands to the next hop and log lines. */
#include "proto/smtp/xtext.h"

#include "base/utf8.h"

static int hex_upper(char c) /* RFC 3461 4: "+" and two upper-case hexadecimal digits */
{
    return ascii_digit(c) ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool printable(struct slice s)
{
    return !ascii_has_control(s) && utf8_valid(s);
}

/* RFC 3461 4. */
bool xtext_decode(struct slice in, struct buf *out)
{
    size_t start = out->n;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '+') {
            int high = i + 2 < in.n ? hex_upper(in.p[i + 1]) : -1;
            int low = high < 0 ? -1 : hex_upper(in.p[i + 2]);
            if (low < 0)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c < 33 || c == '=' || c == 127) {
            if ((unsigned char)c < 0x80)
                return false;
        }
        buf_addc(out, c);
    }
    return !out->failed && printable(slice_from(buf_slice(out), start));
}

/* RFC 6533 3: "\x{" 2 to 6 hexadecimal digits "}". */
static size_t embedded_char(struct slice s, uint32_t *ret)
{
    ptrdiff_t end = slice_find(s, '}');
    if (!slice_starts(s, S("\\x{")) || end < 5 || end > 9)
        return 0;
    uint32_t cp = 0;
    for (ptrdiff_t i = 3; i < end; i++) {
        int v = hex_upper(s.p[i]);
        if (v < 0)
            return 0;
        cp = cp << 4 | (uint32_t)v;
    }
    if (cp < 32 || cp == 127 || cp > 0x10FFFF || (cp >= 0xD800 && cp <= 0xDFFF))
        return 0;
    *ret = cp;
    return (size_t)end + 1;
}

bool xtext_decode_utf8_addr(struct slice in, struct buf *out)
{
    BUF_SCOPE plain = {.max = out->max};
    if (!xtext_decode(in, &plain))
        return false;
    struct slice s = buf_slice(&plain);
    while (s.n) {
        uint32_t cp;
        size_t n = s.p[0] == '\\' ? embedded_char(s, &cp) : 0;
        if (s.p[0] == '\\' && n == 0)
            return false;
        if (n)
            utf8_add(out, cp);
        else
            buf_addc(out, s.p[0]);
        s = slice_from(s, n ? n : 1);
    }
    return !out->failed;
}

void xtext_encode(struct slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        if (c < 33 || c > 126 || c == '+' || c == '=')
            buf_addf(out, "+%02X", c);
        else
            buf_addc(out, (char)c);
    }
}

/* RFC 6533 3. */
void xtext_encode_utf8_addr(struct slice in, bool utf8, struct buf *out)
{
    while (in.n) {
        unsigned char c = (unsigned char)in.p[0];
        uint32_t cp = c;
        size_t n = c < 0x80 ? 1 : utf8_next(in.p, in.n, &cp);
        if (c >= 0x80 ? utf8 : c > 32 && c < 127 && c != '+' && c != '=' && c != '\\')
            buf_add(out, slice_sub(in, 0, n ? n : 1));
        else
            buf_addf(out, "\\x{%02X}", (unsigned)cp);
        in = slice_from(in, n ? n : 1);
    }
}
