/* proxy_header.c - PROXY v1 and v2. Version 1 takes exactly the five fields separated by single
   spaces; version 2 takes TCP over IPv4 and IPv6, checks the CRC32C when one is given, and walks
   the other TLVs only for their lengths. */
#include "io/proxy_header.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static const struct slice v1_start = S_INIT("PROXY ");
static const struct slice v2_start = S_INIT("\r\n\r\n\0\r\nQUIT\n");

enum { V1_MAX = 107, V2_FIXED = 16, TLV_CRC32C = 0x03 };

/* --- version 1 ---------------------------------------------------------------------------- */
static int port_parse(struct slice s, in_port_t *ret)
{
    uint32_t port;
    if (s.n > 5 || slice_u32(s, &port) || port > 65535 || (s.n > 1 && s.p[0] == '0'))
        return -1;
    *ret = htons((uint16_t)port);
    return 0;
}

static int address_parse(int family, struct slice s, void *ret)
{
    char text[INET6_ADDRSTRLEN];
    if (s.n == 0 || s.n >= sizeof(text) || memchr(s.p, '\0', s.n))
        return -1;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, ret) == 1 ? 0 : -1;
}

static int v1_fields(struct slice line, struct proxy_header *h)
{
    struct slice family = slice_cut(&line, ' ');
    if (slice_eq(family, S("UNKNOWN"))) {
        h->local = true;
        return 0;
    }
    struct slice from = slice_cut(&line, ' '), to = slice_cut(&line, ' ');
    struct slice from_port = slice_cut(&line, ' '), to_port = line;
    if (slice_eq(family, S("TCP4"))) {
        h->from.v4.sin_family = h->to.v4.sin_family = AF_INET;
        return address_parse(AF_INET, from, &h->from.v4.sin_addr) ||
                       address_parse(AF_INET, to, &h->to.v4.sin_addr) ||
                       port_parse(from_port, &h->from.v4.sin_port) ||
                       port_parse(to_port, &h->to.v4.sin_port)
                   ? -1
                   : 0;
    }
    if (!slice_eq(family, S("TCP6")))
        return -1;
    h->from.v6.sin6_family = h->to.v6.sin6_family = AF_INET6;
    return address_parse(AF_INET6, from, &h->from.v6.sin6_addr) ||
                   address_parse(AF_INET6, to, &h->to.v6.sin6_addr) ||
                   port_parse(from_port, &h->from.v6.sin6_port) ||
                   port_parse(to_port, &h->to.v6.sin6_port)
               ? -1
               : 0;
}

static ptrdiff_t v1_parse(struct slice in, struct proxy_header *ret, struct err *e)
{
    struct slice head = slice_sub(in, 0, V1_MAX);
    ptrdiff_t lf = slice_find(head, '\n');
    if (lf < 0) {
        if (in.n >= V1_MAX)
            return err_set(e, ERR_LIMIT, "PROXY line too long");
        return 0;
    }
    if (lf < 1 || head.p[lf - 1] != '\r')
        return err_set(e, ERR_SYNTAX, "PROXY line does not end in CRLF");
    struct proxy_header h = {0};
    if (v1_fields(slice_sub(head, v1_start.n, (size_t)lf - 1), &h))
        return err_set(e, ERR_SYNTAX, "bad PROXY line");
    *ret = h;
    return lf + 1;
}

/* --- version 2 ---------------------------------------------------------------------------- */
static unsigned u16(const char *p)
{
    return ((unsigned)(unsigned char)p[0] << 8) | (unsigned char)p[1];
}

static uint32_t crc32c(uint32_t crc, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        crc ^= (unsigned char)s.p[i];
        for (int k = 0; k < 8; k++)
            crc = (crc >> 1) ^ (crc & 1 ? 0x82f63b78u : 0);
    }
    return crc;
}

/* The sum is taken over the whole header with its own four bytes as zero. */
static bool crc_holds(struct slice header, size_t at)
{
    uint32_t given = ((uint32_t)u16(header.p + at) << 16) | u16(header.p + at + 2);
    uint32_t crc = crc32c(~0u, slice_sub(header, 0, at));
    crc = crc32c(crc, slice_of("\0\0\0\0", 4));
    crc = crc32c(crc, slice_from(header, at + 4));
    return ~crc == given;
}

static int v2_tlvs(struct slice header, size_t at, struct err *e)
{
    while (at < header.n) {
        if (header.n - at < 3 || header.n - at - 3 < u16(header.p + at + 1))
            return err_set(e, ERR_SYNTAX, "PROXY TLV runs over the end");
        size_t n = u16(header.p + at + 1);
        if (header.p[at] == TLV_CRC32C && (n != 4 || !crc_holds(header, at + 3)))
            return err_set(e, ERR_SYNTAX, "PROXY checksum does not hold");
        at += 3 + n;
    }
    return 0;
}

static ptrdiff_t v2_parse(struct slice in, struct proxy_header *ret, struct err *e)
{
    if (in.n > 12 && (in.p[12] & 0xf0) != 0x20)
        return err_set(e, ERR_SYNTAX, "unknown PROXY version");
    if (in.n < V2_FIXED)
        return 0;
    unsigned command = in.p[12] & 0x0f, family = (unsigned char)in.p[13], length = u16(in.p + 14);
    if (command > 1)
        return err_set(e, ERR_SYNTAX, "unknown PROXY command");
    if (V2_FIXED + length > PROXY_HEADER_MAX)
        return err_set(e, ERR_LIMIT, "PROXY header too long");
    if (in.n < V2_FIXED + length)
        return 0;
    struct slice header = slice_sub(in, 0, V2_FIXED + length);
    const char *p = header.p + V2_FIXED;
    struct proxy_header h = {0};
    size_t addresses = 0;
    if (command == 0 || family == 0) {
        h.local = true;
        addresses = length; /* to be ignored */
    } else if (family == 0x11 && length >= 12) {
        h.from.v4.sin_family = h.to.v4.sin_family = AF_INET;
        memcpy(&h.from.v4.sin_addr, p, 4);
        memcpy(&h.to.v4.sin_addr, p + 4, 4);
        memcpy(&h.from.v4.sin_port, p + 8, 2);
        memcpy(&h.to.v4.sin_port, p + 10, 2);
        addresses = 12;
    } else if (family == 0x21 && length >= 36) {
        h.from.v6.sin6_family = h.to.v6.sin6_family = AF_INET6;
        memcpy(&h.from.v6.sin6_addr, p, 16);
        memcpy(&h.to.v6.sin6_addr, p + 16, 16);
        memcpy(&h.from.v6.sin6_port, p + 32, 2);
        memcpy(&h.to.v6.sin6_port, p + 34, 2);
        addresses = 36;
    } else {
        return err_set(e, ERR_SYNTAX, "PROXY address family is not TCP over IP");
    }
    if (v2_tlvs(header, V2_FIXED + addresses, e))
        return -1;
    *ret = h;
    return (ptrdiff_t)header.n;
}

ptrdiff_t proxy_header_parse(struct slice in, struct proxy_header *ret, struct err *e)
{
    if (slice_starts(in, v2_start))
        return v2_parse(in, ret, e);
    if (slice_starts(in, v1_start))
        return v1_parse(in, ret, e);
    if (slice_starts(v2_start, in) || slice_starts(v1_start, in))
        return 0;
    return err_set(e, ERR_SYNTAX, "no PROXY header");
}
