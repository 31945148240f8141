/* utf8.h - RFC 3629 UTF-8: validation and walking. No overlong forms, no surrogates, at most
   U+10FFFF. */
#pragma once

#include "base/buf.h"

/* Length of the valid sequence at p (1 to 4, at most n), its code point in *ret; 0 when invalid. */
size_t utf8_next(const char *p, size_t n, uint32_t *ret);
bool utf8_valid(struct slice s);
bool ascii_only(struct slice s); /* no byte over 127 */
bool ascii_is_control(char c);   /* 0 to 31, 127 */
bool ascii_has_control(struct slice s);
size_t utf8_count(struct slice s); /* code points; a byte that belongs to none counts as one */
/* Of UTF-16, each 16 bits. */
static inline bool utf16_is_high(uint32_t unit)
{
    return (unit & 0xfc00) == 0xd800;
}
static inline bool utf16_is_low(uint32_t unit)
{
    return (unit & 0xfc00) == 0xdc00;
}
static inline uint32_t utf16_pair(uint32_t high, uint32_t low)
{
    return 0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff);
}
void utf8_add(struct buf *out, uint32_t cp);             /* invalid code points become U+FFFD */
void utf8_add_repaired(struct buf *out, struct slice s); /* each bad byte run becomes U+FFFD */
