/* mutf7.c - RFC 3501 5.1.3: "&" begins base 64 (with "," for "/") of UTF-16, "-" ends it, "&-" is
 * "&". */
#include "format/mutf7.h"

#include "base/base64.h"
#include "base/utf8.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int digit(char c)
{
    return c == ',' ? 63 : c == '/' ? -1 : base64_digits[(unsigned char)c] - 1;
}

static int bad(struct err *e, const char *what)
{
    return err_set(e, ERR_SYNTAX, "mailbox name in modified UTF-7: %s", what);
}

/* The base 64 between "&" and "-". */
static int decode_run(struct slice run, struct buf *out, struct err *e)
{
    uint32_t bits = 0, high = 0;
    int have = 0;
    for (size_t i = 0; i < run.n; i++) {
        int d = digit(run.p[i]);
        if (d < 0)
            return bad(e, "bad character after &");
        bits = bits << 6 | (uint32_t)d;
        have += 6;
        if (have < 16)
            continue;
        have -= 16;
        uint32_t unit = bits >> have & 0xffff;
        bits &= (1u << have) - 1;
        if (utf16_is_low(unit) && high) {
            utf8_add(out, utf16_pair(high, unit));
            high = 0;
            continue;
        }
        if (high || utf16_is_low(unit))
            return bad(e, "half a surrogate pair");
        if (utf16_is_high(unit)) {
            high = unit;
            continue;
        }
        if (unit < 0x80)
            return bad(e, "ASCII in base 64");
        utf8_add(out, unit);
    }
    if (high)
        return bad(e, "half a surrogate pair");
    if (have >= 6 || bits)
        return bad(e, "unfinished base 64");
    return 0;
}

int mutf7_decode(struct slice in, struct buf *out, struct err *e)
{
    size_t from = out->n;
    bool after_run = false;
    for (size_t i = 0; i < in.n;) {
        char c = in.p[i];
        if (c < ' ' || c == 127) {
            out->n = from;
            return bad(e, "8-bit or control character");
        }
        if (c != '&') {
            buf_addc(out, c);
            after_run = false;
            i++;
            continue;
        }
        ptrdiff_t dash = slice_find(slice_from(in, i), '-');
        int r = 0;
        if (dash < 0)
            r = bad(e, "& without -");
        else if (dash > 1 && after_run)
            r = bad(e, "two runs of base 64 that should be one");
        else if (dash > 1)
            r = decode_run(slice_sub(in, i + 1, i + (size_t)dash), out, e);
        else
            buf_addc(out, '&');
        if (r) {
            out->n = from;
            return -1;
        }
        after_run = dash > 1;
        i += (size_t)dash + 1;
    }
    return out->failed ? err_set(e, ERR_LIMIT, "mailbox name is too long") : 0;
}

static void encode_unit(struct buf *out, uint32_t *bits, int *have, uint32_t unit)
{
    *bits = *bits << 16 | unit;
    *have += 16;
    while (*have >= 6) {
        *have -= 6;
        buf_addc(out, alphabet[*bits >> *have & 63]);
    }
    *bits &= (1u << *have) - 1;
}

int mutf7_encode(struct slice utf8, struct buf *out, struct err *e)
{
    size_t from = out->n;
    uint32_t bits = 0;
    int have = 0;
    bool run = false;
    for (size_t i = 0; i <= utf8.n;) {
        uint32_t cp = 0;
        size_t n = i < utf8.n ? utf8_next(utf8.p + i, utf8.n - i, &cp) : 1;
        if (n == 0 || (i < utf8.n && (cp < ' ' || cp == 127))) {
            out->n = from;
            return bad(e, "the name is no UTF-8 text");
        }
        if (cp >= 0x80 && !run) {
            buf_addc(out, '&');
            run = true;
        }
        if (cp >= 0x10000) {
            encode_unit(out, &bits, &have, 0xd800 + ((cp - 0x10000) >> 10));
            encode_unit(out, &bits, &have, 0xdc00 + ((cp - 0x10000) & 0x3ff));
        } else if (cp >= 0x80) {
            encode_unit(out, &bits, &have, cp);
        } else if (run) {
            if (have)
                buf_addc(out, alphabet[bits << (6 - have) & 63]);
            buf_addc(out, '-');
            run = false;
            bits = 0;
            have = 0;
        }
        if (cp && cp < 0x80) {
            buf_addc(out, (char)cp);
            if (cp == '&')
                buf_addc(out, '-');
        }
        i += n;
    }
    return out->failed ? err_set(e, ERR_LIMIT, "mailbox name is too long") : 0;
}
