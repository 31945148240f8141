/* resolver_test.c - answers from a file, and over the wire from a DNS server of the test's own. */
#include "io/resolver.h"

#include <pthread.h>

#include "io/testing.h"

#include "base/clock.h"
#include "base/fd.h"
#include "io/resolver_internal.h"

static char path[] = "/tmp/carbonado-dns-XXXXXX";

static int setup(void **state)
{
    (void)state;
    int fd = mkstemp(path);
    static const char text[] = "# for tests\n"
                               "mx example.org 20 Second.example.org\n"
                               "mx example.org 10 first.example.org.\n"
                               "mx example.org 20 third.example.org\n"
                               "mx null.example.org 0 .\n"
                               "a first.example.org 192.0.2.1\n"
                               "a first.example.org 2001:db8::1\n"
                               "a four.example.org 127.0.0.4\n"
                               "ptr 192.0.2.1 first.example.org\n"
                               "ptr 2001:db8::1 first.example.org\n"
                               "txt example.org v=spf1 -all\n"
                               "fail busy.example.org\n";
    if (fd < 0 || fd_write_all(fd, text, sizeof(text) - 1))
        return -1;
    close(fd);
    test_set("io.dns_hosts", path);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    resolver_done();
    return unlink(path);
}

static void mail_exchangers(void **state)
{
    (void)state;
    struct err e = {0};
    struct dns_mx *mx;
    size_t n;
    bool null_mx;
    int second_first = 0;
    for (int i = 0; i < 60; i++) {
        ARENA_SCOPE a = {0};
        assert_int_equal(dns_mx(S("Example.ORG."), &a, &mx, &n, &null_mx, &e), 0);
        assert_int_equal(n, 3);
        assert_false(null_mx);
        assert_slice(mx[0].host, "first.example.org");
        assert_int_equal(mx[0].preference, 10);
        second_first += slice_eq(mx[1].host, S("second.example.org"));
    }
    assert_in_range(second_first, 5, 55); /* equals in random order */
    ARENA_SCOPE a = {0};
    assert_int_equal(dns_mx(S("null.example.org"), &a, &mx, &n, &null_mx, &e), 0);
    assert_int_equal(n, 0);
    assert_true(null_mx);
    assert_int_equal(dns_mx(S("none.example.org"), &a, &mx, &n, &null_mx, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    assert_int_equal(dns_mx(S("busy.example.org"), &a, &mx, &n, &null_mx, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    static const char *const bad[] = {
        "",
        ".",
        "a..b",
        ".a",
        "a b",
        "caf\xc3\xa9.example",
        ("a.0123456789012345678901234567890123456789012345678901234567"
         "8901234567890.b")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(dns_mx(slice_str(bad[i]), &a, &mx, &n, &null_mx, &e), -1);
        assert_int_equal(e.code, ERR_SYNTAX);
    }
}

static void addresses_and_names(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct dns_address *list;
    struct slice name, *txt;
    size_t n;
    assert_int_equal(dns_addresses(S("first.example.org"), &a, &list, &n, &e), 0);
    assert_int_equal(n, 2);
    assert_string_equal(list[0].text, "2001:db8::1");
    assert_true(list[0].v6);
    assert_string_equal(list[1].text, "192.0.2.1");
    assert_int_equal(dns_addresses(S("four.example.org"), &a, &list, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_int_equal(dns_addresses(S("nobody.example.org"), &a, &list, &n, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    assert_int_equal(dns_addresses(S("busy.example.org"), &a, &list, &n, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    assert_int_equal(dns_ptr(S("192.0.2.1"), &a, &name, &e), 0);
    assert_slice(name, "first.example.org");
    assert_int_equal(dns_ptr(S("2001:db8:0:0::1"), &a, &name, &e), 0);
    assert_int_equal(dns_ptr(S("192.0.2.2"), &a, &name, &e), -1);
    assert_int_equal(dns_txt(S("example.org"), &a, &txt, &n, &e), 0);
    assert_int_equal(n, 1);
    assert_slice(txt[0], "v=spf1 -all");
}

static void names_on_the_wire(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct slice wire, text;
    assert_int_equal(dns_name_to_wire(S("A.example"), &a, &wire), 0);
    assert_true(slice_eq(wire, S("\x01"
                                 "a\x07"
                                 "example\0")));
    assert_int_equal(dns_name_to_text(wire, &a, &text), 0);
    assert_slice(text, "a.example");
    static const struct slice bad[] = {S_INIT(""),
                                       S_INIT("\x05"
                                              "abc"),
                                       S_INIT("\x01"
                                              "a"),
                                       S_INIT("\xc0\x0c"),
                                       S_INIT("\x03"
                                              "a.b\0"),
                                       S_INIT("\x03"
                                              "a\nb\0")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(dns_name_to_text(bad[i], &a, &text), -1);
    /* RFC 1035 2.3.4: 255 octets with all lengths and the end are a name, 256 are none. */
    for (unsigned last = 62; last >= 61; last--) {
        BUF_SCOPE b = {0};
        for (unsigned k = 0; k < 4; k++) {
            unsigned n = k < 3 ? 63 : last;
            buf_addc(&b, (char)n);
            for (unsigned i = 0; i < n; i++)
                buf_addc(&b, 'x');
        }
        buf_addc(&b, '\0');
        assert_int_equal(b.n, 194 + last);
        assert_int_equal(dns_name_to_text(buf_slice(&b), &a, &text), last == 61 ? 0 : -1);
    }
    assert_int_equal(text.n, 253);
    assert_int_equal(dns_name_to_wire(text, &a, &wire), 0);
    assert_int_equal(wire.n, 255);
}

/* --- a server ----------------------------------------------------------------------------- */
static int dns_fd;

/* Answers every A question with 192.0.2.99, "fail..." with SERVFAIL, the rest with no data. */
static void *dns_server(void *arg)
{
    (void)arg;
    for (;;) {
        unsigned char q[512];
        struct sockaddr_in from;
        socklen_t from_n = sizeof(from);
        ssize_t n = recvfrom(dns_fd, q, sizeof(q) - 32, 0, (struct sockaddr *)&from, &from_n);
        if (n < 17)
            return NULL;
        size_t at = 12;
        while (q[at])
            at += 1u + q[at];
        unsigned type = q[at + 2];
        bool fail = q[12] == 4 && q[13] == 'f';
        at += 5;
        q[2] = 0x84; /* an authoritative answer */
        q[3] = fail ? 0x82 : 0x80;
        q[7] = type == DNS_A && !fail;
        q[9] = q[11] = 0;
        if (q[7]) {
            static const unsigned char answer[] = {0xc0, 12, 0, 1, 0,   1, 0, 0,
                                                   0,    60, 0, 4, 192, 0, 2, 99};
            memcpy(q + at, answer, sizeof(answer));
            at += sizeof(answer);
        }
        sendto(dns_fd, q, at, 0, (struct sockaddr *)&from, from_n);
    }
}

static void *ask_often(void *arg)
{
    _Atomic int *wrong = arg;
    for (int i = 0; i < 50; i++) {
        ARENA_SCOPE a = {0};
        struct err e = {0};
        struct dns_address *list;
        size_t n;
        char name[40];
        snprintf(name, sizeof(name), "host%d.example.net", i);
        if (dns_addresses(slice_str(name), &a, &list, &n, &e) || n != 1 ||
            strcmp(list[0].text, "192.0.2.99") != 0)
            ++*wrong;
    }
    return NULL;
}

static void servers_are_asked_from_many_threads(void **state)
{
    (void)state;
    struct sockaddr_in me = {.sin_family = AF_INET};
    char servers[40];
    pthread_t server, thread[4];
    _Atomic int wrong = 0;
    me.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    dns_fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(dns_fd, (struct sockaddr *)&me, sizeof(me)), 0);
    snprintf(servers, sizeof(servers), "127.0.0.1@%u", test_port_of(dns_fd));
    test_set("io.dns_servers", servers);
    test_set("io.dns_hosts", "");
    pthread_create(&server, NULL, dns_server, NULL);
    for (int i = 0; i < 4; i++)
        pthread_create(&thread[i], NULL, ask_often, &wrong);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    assert_int_equal(wrong, 0);
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct dns_mx *mx;
    size_t n;
    bool null_mx;
    assert_int_equal(dns_mx(S("example.net"), &a, &mx, &n, &null_mx, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    assert_int_equal(dns_mx(S("fail.example.net"), &a, &mx, &n, &null_mx, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    sendto(dns_fd, "", 0, 0, (struct sockaddr *)&me, 0);
    shutdown(dns_fd, SHUT_RDWR);
    pthread_join(server, NULL);
    close(dns_fd);
    test_set("io.dns_servers", "");
    test_set("io.dns_hosts", path);
}

/* A server that takes questions and says nothing: io.dns_timeout ends the wait, and so does
   dns_interrupt, at once and for those that come later. */
static void *ask_silence(void *arg)
{
    ARENA_SCOPE a = {0};
    struct dns_address *list;
    size_t n;
    dns_addresses(S("silent.example"), &a, &list, &n, arg);
    return NULL;
}

static void servers_that_say_nothing_hold_nobody(void **state)
{
    (void)state;
    struct sockaddr_in me = {.sin_family = AF_INET};
    char servers[64];
    pthread_t thread[3];
    struct err e[3] = {{0}}, late = {0};
    me.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&me, sizeof(me)), 0);
    snprintf(servers, sizeof(servers), "127.0.0.1@%u", test_port_of(fd));
    resolver_done();
    test_set("io.dns_servers", servers);
    test_set("io.dns_hosts", "");
    test_set("io.dns_timeout", "300ms");
    int64_t began = clock_mono_ms();
    ask_silence(&late);
    assert_int_equal(late.code, ERR_BUSY);
    assert_non_null(strstr(late.text, "no answer in time"));
    assert_true(clock_mono_ms() - began < 60000);
    test_set("io.dns_timeout", "10m");
    for (int i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, ask_silence, &e[i]);
    usleep(200000);
    began = clock_mono_ms();
    dns_interrupt(true);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(e[i].code, ERR_BUSY);
        assert_non_null(strstr(e[i].text, "the server stops"));
    }
    ask_silence(&late);
    assert_non_null(strstr(late.text, "the server stops"));
    resolver_done();
    assert_true(clock_mono_ms() - began < 60000); /* of ten minutes */
    dns_interrupt(false);
    close(fd);
    test_set("io.dns_timeout", "30s");
    test_set("io.dns_servers", "");
    test_set("io.dns_hosts", path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_exchangers),
        cmocka_unit_test(addresses_and_names),
        cmocka_unit_test(names_on_the_wire),
        cmocka_unit_test(servers_are_asked_from_many_threads),
        cmocka_unit_test(servers_that_say_nothing_hold_nobody),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
