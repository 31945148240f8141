/* mutf7.c - UTF-16 in base 64 with ',' for '/', between '&' and '-'; "&-" is an ampersand. */
#include "proto/imap/mutf7.h"

#include "base/utf8.h"

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static int digit(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* One unit of UTF-16; *high is the first half of a pair, or 0. */
static int unit_in(uint32_t unit, uint32_t *high, struct buf *out)
{
    if (unit >= 0xdc00 && unit < 0xe000) {
        if (!*high)
            return -1;
        utf8_add(out, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
        *high = 0;
        return 0;
    }
    if (*high)
        return -1;
    if (unit >= 0xd800 && unit < 0xdc00)
        *high = unit;
    else if (unit >= ' ' && unit < 127)
        return -1;
    else
        utf8_add(out, unit);
    return 0;
}

/* What stands between '&' and '-'. */
static int shifted_in(struct slice in, struct buf *out)
{
    uint32_t bits = 0, high = 0;
    unsigned have = 0;
    for (size_t i = 0; i < in.n; i++) {
        int d = digit(in.p[i]);
        if (d < 0)
            return -1;
        bits = (bits << 6 | (uint32_t)d) & 0x3fffff;
        have += 6;
        if (have < 16)
            continue;
        have -= 16;
        if (unit_in(bits >> have & 0xffff, &high, out))
            return -1;
    }
    return high || have >= 6 || (bits & ((1U << have) - 1)) ? -1 : 0;
}

int mutf7_decode(struct slice in, struct buf *out)
{
    bool after_shift = false;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if ((unsigned char)c < ' ' || (unsigned char)c >= 127)
            return -1;
        if (c != '&') {
            buf_addc(out, c);
            after_shift = false;
            continue;
        }
        struct slice rest = slice_from(in, i + 1);
        ptrdiff_t end = slice_find(rest, '-');
        if (end < 0)
            return -1;
        if (end == 0) {
            buf_addc(out, '&');
            after_shift = false;
        } else if (after_shift || shifted_in(slice_sub(rest, 0, (size_t)end), out)) {
            return -1;
        } else {
            after_shift = true;
        }
        i += (size_t)end + 1;
    }
    return out->failed ? -1 : 0;
}

struct packer {
    struct buf *out;
    uint32_t bits;
    unsigned have;
    bool open;
};

static void unit_out(struct packer *k, uint32_t unit)
{
    if (!k->open) {
        buf_addc(k->out, '&');
        k->open = true;
        k->bits = k->have = 0;
    }
    k->bits = k->bits << 16 | unit;
    k->have += 16;
    while (k->have >= 6) {
        k->have -= 6;
        buf_addc(k->out, digits[k->bits >> k->have & 63]);
    }
    k->bits &= (1U << k->have) - 1;
}

static void close_out(struct packer *k)
{
    if (!k->open)
        return;
    if (k->have)
        buf_addc(k->out, digits[k->bits << (6 - k->have) & 63]);
    buf_addc(k->out, '-');
    k->open = false;
}

void mutf7_encode(struct slice utf8, struct buf *out)
{
    struct packer k = {.out = out};
    for (size_t i = 0; i < utf8.n;) {
        uint32_t cp;
        size_t n = utf8_next(utf8.p + i, utf8.n - i, &cp);
        if (n == 0) {
            cp = 0xfffd;
            n = 1;
        }
        i += n;
        if (cp >= ' ' && cp < 127) {
            close_out(&k);
            buf_addc(out, (char)cp);
            if (cp == '&')
                buf_addc(out, '-');
        } else if (cp < 0x10000) {
            unit_out(&k, cp);
        } else {
            unit_out(&k, 0xd800 + ((cp - 0x10000) >> 10));
            unit_out(&k, 0xdc00 + ((cp - 0x10000) & 0x3ff));
        }
    }
    close_out(&k);
}
