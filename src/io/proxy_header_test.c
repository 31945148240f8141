/* proxy_header_test.c - the examples of the specification, every split, and what must be refused.
 */
#include "io/proxy_header.h"

#include <arpa/inet.h>

#include "base/test.h"

static ptrdiff_t parse(struct slice in, struct proxy_header *h, struct err *e)
{
    for (size_t n = 0; n < in.n; n++) { /* a proper prefix is never an answer */
        ptrdiff_t got = proxy_header_parse(slice_sub(in, 0, n), h, e);
        if (got)
            return got;
    }
    return proxy_header_parse(in, h, e);
}

static void version_1(void **state)
{
    (void)state;
    struct proxy_header h = {0};
    struct err e = {0};
    char text[INET6_ADDRSTRLEN];
    struct slice in = S("PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n");
    assert_int_equal(parse(in, &h, &e), (int)in.n);
    assert_false(h.local);
    assert_string_equal(inet_ntop(AF_INET, &h.from.v4.sin_addr, text, sizeof(text)), "192.0.2.1");
    assert_int_equal(ntohs(h.from.v4.sin_port), 56324);
    assert_int_equal(ntohs(h.to.v4.sin_port), 443);
    in = S("PROXY TCP6 2001:db8::1 ::ffff:1.2.3.4 1 65535\r\n");
    assert_int_equal(parse(in, &h, &e), (int)in.n);
    assert_string_equal(inet_ntop(AF_INET6, &h.from.v6.sin6_addr, text, sizeof(text)),
                        "2001:db8::1");
    in = S("PROXY UNKNOWN anything at all\r\n");
    assert_int_equal(parse(in, &h, &e), (int)in.n);
    assert_true(h.local);
    in = S("PROXY UNKNOWN\r\n");
    assert_int_equal(parse(in, &h, &e), (int)in.n);
}

static void version_1_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "proxy TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n",
        "PROXY TCP4  1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 01 2\r\n",
        "PROXY TCP4 1.2.3.4 5.6.7.8 -1 2\r\n",
        "PROXY TCP4 ::1 ::1 1 2\r\n",
        "PROXY TCP6 1.2.3.4 5.6.7.8 1 2\r\n",
        "PROXY UDP4 1.2.3.4 5.6.7.8 1 2\r\n",
        "EHLO client\r\n",
        "\r\nEHLO",
        "PROXY UNKNOWN "
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct proxy_header h = {0};
        struct err e = {0};
        if (parse(slice_str(bad[i]), &h, &e) != -1)
            fail_msg("taken: %s", bad[i]);
    }
}

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static void version_2(void **state)
{
    (void)state;
    struct proxy_header h = {0};
    struct err e = {0};
    struct slice in = S(V2 "\x21\x11\0\x0c"
                           "\x0a\0\0\x01"
                           "\x0a\0\0\x02"
                           "\x1f\x90"
                           "\0\x19");
    assert_int_equal(parse(in, &h, &e), (int)in.n);
    assert_int_equal(ntohl(h.from.v4.sin_addr.s_addr), 0x0a000001);
    assert_int_equal(ntohs(h.from.v4.sin_port), 8080);
    assert_int_equal(ntohs(h.to.v4.sin_port), 25);
    in = S(V2 "\x20\0\0\x03"
              "abc"); /* LOCAL: what follows is ignored */
    assert_int_equal(parse(in, &h, &e), (int)in.n);
    assert_true(h.local);
    /* with a TLV (authority) behind the addresses */
    in = S(V2 "\x21\x11\0\x11"
              "\x0a\0\0\x01"
              "\x0a\0\0\x02"
              "\x1f\x90"
              "\0\x19"
              "\x02\0\x02"
              "ab");
    assert_int_equal(parse(in, &h, &e), (int)in.n);
    assert_false(h.local);
}

static void version_2_refused(void **state)
{
    (void)state;
    static const struct slice bad[] = {
        S_INIT(V2 "\x11\x11\0\x0c"
                  "aaaabbbbccdd"), /* version 1 */
        S_INIT(V2 "\x22\x11\0\x0c"
                  "aaaabbbbccdd"), /* no such command */
        S_INIT(V2 "\x21\x12\0\x0c"
                  "aaaabbbbccdd"), /* UDP */
        S_INIT(V2 "\x21\x31\0\x0c"
                  "aaaabbbbccdd"), /* unix */
        S_INIT(V2 "\x21\x11\0\x0b"
                  "aaaabbbbccd"), /* too short */
        S_INIT(V2 "\x21\x21\0\x0c"
                  "aaaabbbbccdd"), /* too short for IPv6 */
        S_INIT(V2 "\x21\x11\xff\xff"
                  "aaaa"), /* too long */
        S_INIT(V2 "\x21\x11\0\x0e"
                  "aaaabbbbccdd"
                  "\x02\0"), /* half a TLV */
        S_INIT(V2 "\x21\x11\0\x0f"
                  "aaaabbbbccdd"
                  "\x02\0\x01"),
        S_INIT(V2 "\x21\x11\0\x13"
                  "aaaabbbbccdd"
                  "\x03\0\x04"
                  "abcd"), /* checksum */
        S_INIT("\r\n\r\n\0\r\nQUIT\r"),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        struct proxy_header h = {0};
        struct err e = {0};
        if (parse(bad[i], &h, &e) != -1)
            fail_msg("row %zu was taken", i);
    }
}

static void version_2_checksum(void **state)
{
    (void)state;
    char in[] = V2 "\x21\x11\0\x13"
                   "\x0a\0\0\x01"
                   "\x0a\0\0\x02"
                   "\x1f\x90"
                   "\0\x19"
                   "\x03\0\x04"
                   "\x02\x0a\xc7\xa0";
    struct proxy_header h = {0};
    struct err e = {0};
    assert_int_equal(proxy_header_parse(slice_of(in, sizeof(in) - 1), &h, &e), (int)sizeof(in) - 1);
    in[20] ^= 1;
    assert_int_equal(proxy_header_parse(slice_of(in, sizeof(in) - 1), &h, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1),          cmocka_unit_test(version_1_refused),
        cmocka_unit_test(version_2),          cmocka_unit_test(version_2_refused),
        cmocka_unit_test(version_2_checksum),
    };
    return RUN_TESTS(tests);
}
