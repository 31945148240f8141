/* base64.c - RFC 4648 4, strict. Where the processor has SSSE3 twelve bytes are sixteen characters
   at a time; the rest, and everything elsewhere, goes through tables. */
#include "base/base64.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const unsigned char base64_digits[256] = {
    ['+'] = 63, ['/'] = 64, ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,
    ['G'] = 7,  ['H'] = 8,  ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14,
    ['O'] = 15, ['P'] = 16, ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22,
    ['W'] = 23, ['X'] = 24, ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30,
    ['e'] = 31, ['f'] = 32, ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38,
    ['m'] = 39, ['n'] = 40, ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46,
    ['u'] = 47, ['v'] = 48, ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54,
    ['2'] = 55, ['3'] = 56, ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62,
};

#if defined(__x86_64__)
enum { STEP_BYTES = 12, STEP_CHARS = 16 }; /* of one register */

static bool wide(void)
{
    return __builtin_cpu_supports("ssse3");
}

/* Bytes of `in` that are coded. Four digits are made of three bytes by two multiplications, which
   move each of them to a byte of its own; the digit's range says what to add to make a character
   of it. */
__attribute__((target("ssse3"))) static size_t put_wide(char *out, const char *in, size_t n)
{
    const __m128i spread = _mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10);
    const __m128i shift =
        _mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                      '0' - 52, '0' - 52, '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0);
    size_t i = 0;
    for (; n - i >= STEP_CHARS; i += STEP_BYTES, out += STEP_CHARS) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(in + i));
        v = _mm_shuffle_epi8(v, spread);
        __m128i odd = _mm_mulhi_epu16(_mm_and_si128(v, _mm_set1_epi32(0x0fc0fc00)),
                                      _mm_set1_epi32(0x04000040));
        __m128i even = _mm_mullo_epi16(_mm_and_si128(v, _mm_set1_epi32(0x003f03f0)),
                                       _mm_set1_epi32(0x01000010));
        v = _mm_or_si128(odd, even);
        __m128i kind = _mm_subs_epu8(v, _mm_set1_epi8(51)); /* 1 to 12 above the letters */
        __m128i capital = _mm_cmpgt_epi8(_mm_set1_epi8(26), v);
        kind = _mm_or_si128(kind, _mm_and_si128(capital, _mm_set1_epi8(13)));
        v = _mm_add_epi8(v, _mm_shuffle_epi8(shift, kind));
        _mm_storeu_si128((__m128i *)(void *)out, v);
    }
    return i;
}

/* Characters of `in` that are decoded: up to the first register that has something else than digits
   in it. A character's upper half says which lower halves are digits, and what to add to it. */
__attribute__((target("ssse3"))) static size_t groups_wide(char *out, const char *in, size_t n)
{
    const __m128i low_bits = _mm_setr_epi8(0x15, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x11,
                                           0x11, 0x13, 0x1a, 0x1b, 0x1b, 0x1b, 0x1a);
    const __m128i high_bits = _mm_setr_epi8(0x10, 0x10, 0x01, 0x02, 0x04, 0x08, 0x04, 0x08, 0x10,
                                            0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10);
    const __m128i shift = _mm_setr_epi8(0, 63 - '/', 62 - '+', 52 - '0', -'A', -'A', 26 - 'a',
                                        26 - 'a', 0, 0, 0, 0, 0, 0, 0, 0);
    const __m128i gather = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    const __m128i slash = _mm_set1_epi8('/'), half = _mm_set1_epi8(0x0f);
    size_t i = 0;
    /* What a register writes too much lies in the room of the next two groups. */
    for (; n - i >= STEP_CHARS + 8; i += STEP_CHARS, out += STEP_BYTES) {
        __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(in + i));
        __m128i high = _mm_and_si128(_mm_srli_epi32(v, 4), half);
        __m128i bad = _mm_and_si128(_mm_shuffle_epi8(low_bits, _mm_and_si128(v, half)),
                                    _mm_shuffle_epi8(high_bits, high));
        if (_mm_movemask_epi8(_mm_cmpeq_epi8(bad, _mm_setzero_si128())) != 0xffff)
            break;
        high = _mm_add_epi8(high, _mm_cmpeq_epi8(v, slash));
        v = _mm_add_epi8(v, _mm_shuffle_epi8(shift, high));
        v = _mm_maddubs_epi16(v, _mm_set1_epi32(0x01400140)); /* pairs of digits, pairs of those */
        v = _mm_madd_epi16(v, _mm_set1_epi32(0x00011000));
        _mm_storeu_si128((__m128i *)(void *)out, _mm_shuffle_epi8(v, gather));
    }
    return i;
}
#else
enum { STEP_BYTES = 3, STEP_CHARS = 4 };

static bool wide(void)
{
    return false;
}

static size_t put_wide(char *out, const char *in, size_t n)
{
    (void)out, (void)in, (void)n;
    return 0;
}

static size_t groups_wide(char *out, const char *in, size_t n)
{
    (void)out, (void)in, (void)n;
    return 0;
}
#endif

void base64_put(char *out, const char *in, size_t n)
{
    if (n == 0)
        return;
    size_t i = n >= STEP_CHARS && wide() ? put_wide(out, in, n) : 0;
    out += i / 3 * 4;
    const unsigned char *p = (const unsigned char *)in + i, *end = (const unsigned char *)in + n;
    for (; end - p >= 3; p += 3, out += 4) {
        uint32_t v = (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
        out[0] = alphabet[v >> 18];
        out[1] = alphabet[v >> 12 & 63];
        out[2] = alphabet[v >> 6 & 63];
        out[3] = alphabet[v & 63];
    }
    if (p == end)
        return;
    bool two = end - p == 2;
    uint32_t v = (uint32_t)p[0] << 16 | (two ? (uint32_t)p[1] << 8 : 0);
    out[0] = alphabet[v >> 18];
    out[1] = alphabet[v >> 12 & 63];
    out[2] = two ? alphabet[v >> 6 & 63] : '=';
    out[3] = '=';
}

size_t base64_groups(char *out, const char *in, size_t n)
{
    size_t i = n >= STEP_CHARS + 8 && wide() ? groups_wide(out, in, n) : 0;
    out += i / 4 * 3;
    for (; n - i >= 4; i += 4, out += 3) {
        const unsigned char *p = (const unsigned char *)in + i;
        /* What is no digit goes below 0, where all bits are set. */
        unsigned a = base64_digits[p[0]] - 1u, b = base64_digits[p[1]] - 1u,
                 c = base64_digits[p[2]] - 1u, d = base64_digits[p[3]] - 1u;
        if ((a | b | c | d) > 63)
            break;
        uint32_t v = a << 18 | b << 12 | c << 6 | d;
        out[0] = (char)(v >> 16);
        out[1] = (char)(v >> 8);
        out[2] = (char)v;
    }
    return i;
}

size_t base64_padded(char *out, const char in[4])
{
    const unsigned char *p = (const unsigned char *)in;
    unsigned a = base64_digits[p[0]] - 1u, b = base64_digits[p[1]] - 1u,
             c = base64_digits[p[2]] - 1u;
    if (p[3] != '=' || (a | b) > 63)
        return 0;
    if (p[2] == '=') {
        if (b & 15)
            return 0;
        out[0] = (char)(a << 2 | b >> 4);
        return 1;
    }
    if (c > 63 || c & 3)
        return 0;
    out[0] = (char)(a << 2 | b >> 4);
    out[1] = (char)(b << 4 | c >> 2);
    return 2;
}

void base64_encode(struct buf *out, struct slice in)
{
    size_t n = (in.n / 3 + (in.n % 3 != 0)) * 4;
    char *o = buf_space(out, n);
    if (!o)
        return;
    base64_put(o, in.p, in.n);
    out->n += n;
}

int base64_decode(struct buf *out, struct slice in, struct err *e)
{
    if (in.n % 4)
        return err_set(e, ERR_SYNTAX, "base64: length is no multiple of 4");
    size_t padding = in.n && in.p[in.n - 1] == '=' ? 1 + (in.p[in.n - 2] == '=') : 0;
    size_t whole = padding ? in.n - 4 : in.n, n = in.n / 4 * 3 - padding;
    char *o = buf_space(out, n);
    if (!o)
        return err_set(e, ERR_LIMIT, "base64: too long");
    size_t good = base64_groups(o, in.p, whole);
    if (good != whole)
        return err_set(e, ERR_SYNTAX, "base64: bad group at %zu", good);
    if (padding && base64_padded(o + good / 4 * 3, in.p + good) != 3 - padding)
        return err_set(e, ERR_SYNTAX, "base64: the last group is bad, or has spare bits");
    out->n += n;
    return 0;
}
