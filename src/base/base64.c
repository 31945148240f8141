/* base64.c - RFC 4648 4, strict. */
#include "base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void base64_encode(struct buf *out, struct slice in)
{
    const unsigned char *p = (const unsigned char *)in.p;
    size_t groups = in.n / 3 + (in.n % 3 != 0);
    char *o = buf_space(out, groups * 4);
    if (!o)
        return;
    out->n += groups * 4;
    for (size_t i = 0; i < in.n; i += 3) {
        size_t left = in.n - i;
        uint32_t v = (uint32_t)p[i] << 16;
        if (left > 1)
            v |= (uint32_t)p[i + 1] << 8;
        if (left > 2)
            v |= p[i + 2];
        *o++ = alphabet[v >> 18];
        *o++ = alphabet[v >> 12 & 63];
        *o++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
        *o++ = left > 2 ? alphabet[v & 63] : '=';
    }
}

static int digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(struct buf *out, struct slice in, struct err *e)
{
    if (in.n % 4)
        return err_set(e, ERR_SYNTAX, "base64: length is no multiple of 4");
    size_t padding = in.n && in.p[in.n - 1] == '=' ? 1 + (in.p[in.n - 2] == '=') : 0;
    char *o = buf_space(out, in.n / 4 * 3 - padding);
    if (!o)
        return err_set(e, ERR_LIMIT, "base64: too long");
    for (size_t i = 0; i < in.n; i += 4) {
        size_t pad = i + 4 == in.n ? padding : 0;
        uint32_t v = 0;
        for (size_t k = 0; k < 4; k++) {
            int d = k >= 4 - pad ? 0 : digit(in.p[i + k]);
            if (d < 0)
                return err_set(e, ERR_SYNTAX, "base64: bad character at %zu", i + k);
            v = v << 6 | (uint32_t)d;
        }
        if ((pad == 1 && v & 0xff) || (pad == 2 && v & 0xffff))
            return err_set(e, ERR_SYNTAX, "base64: spare bits are not zero");
        char three[3] = {(char)(v >> 16), (char)(v >> 8), (char)v};
        memcpy(o, three, 3 - pad);
        o += 3 - pad;
    }
    out->n = (size_t)(o - out->p);
    return 0;
}
