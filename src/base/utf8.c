/* utf8.c - one decoder, everything else on it. */
#include "base/utf8.h"

size_t utf8_next(const char *p, size_t n, uint32_t *ret)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    if (n == 0)
        return 0;
    unsigned char c = (unsigned char)p[0];
    if (c < 0x80) {
        *ret = c;
        return 1;
    }
    size_t len = c >= 0xf0 && c < 0xf8   ? 4
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xc0 && c < 0xe0 ? 2
                                         : 0;
    if (len == 0 || len > n)
        return 0;
    uint32_t cp = c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return 0;
        cp = cp << 6 | ((unsigned char)p[i] & 0x3f);
    }
    if (cp < least[len] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        return 0;
    *ret = cp;
    return len;
}

bool ascii_only(struct slice s)
{
    size_t i = 0;
    uint64_t any = 0, eight;
    for (; s.n - i >= sizeof eight; i += sizeof eight) {
        memcpy(&eight, s.p + i, sizeof eight);
        any |= eight;
    }
    for (; i < s.n; i++)
        any |= (unsigned char)s.p[i] & 0x80;
    return (any & 0x8080808080808080) == 0;
}

bool utf8_valid(struct slice s)
{
    uint32_t cp;
    for (size_t i = 0; i < s.n;) {
        size_t n = utf8_next(s.p + i, s.n - i, &cp);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

void utf8_add(struct buf *out, uint32_t cp)
{
    if (cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff))
        cp = 0xfffd;
    if (cp < 0x80) {
        buf_addc(out, (char)cp);
    } else if (cp < 0x800) {
        buf_addc(out, (char)(0xc0 | cp >> 6));
        buf_addc(out, (char)(0x80 | (cp & 0x3f)));
    } else if (cp < 0x10000) {
        buf_addc(out, (char)(0xe0 | cp >> 12));
        buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3f)));
        buf_addc(out, (char)(0x80 | (cp & 0x3f)));
    } else {
        buf_addc(out, (char)(0xf0 | cp >> 18));
        buf_addc(out, (char)(0x80 | (cp >> 12 & 0x3f)));
        buf_addc(out, (char)(0x80 | (cp >> 6 & 0x3f)));
        buf_addc(out, (char)(0x80 | (cp & 0x3f)));
    }
}

void utf8_add_repaired(struct buf *out, struct slice s)
{
    bool bad = false;
    for (size_t i = 0; i < s.n;) {
        uint32_t cp;
        size_t n = utf8_next(s.p + i, s.n - i, &cp);
        if (n == 0) {
            if (!bad)
                utf8_add(out, 0xfffd);
            bad = true;
            i++;
            continue;
        }
        buf_add(out, slice_of(s.p + i, n));
        bad = false;
        i += n;
    }
}

bool ascii_is_control(char c)
{
    return (unsigned char)c < 32 || c == 127;
}

bool ascii_has_control(struct slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (ascii_is_control(s.p[i]))
            return true;
    return false;
}

size_t utf8_count(struct slice s)
{
    size_t count = 0;
    for (size_t i = 0; i < s.n; count++) {
        uint32_t cp;
        size_t n = utf8_next(s.p + i, s.n - i, &cp);
        i += n ? n : 1;
    }
    return count;
}
