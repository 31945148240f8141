/* peers_test.c - networks, counting per address, and the PROXY header on real connections: believed
   from trusted addresses on proxy listeners only, counted for the client's address. */
#include "io/testing_lines.h"

#include <sys/resource.h>

#include "io/peers.h"

static struct sockaddr_in6 v6;
static struct sockaddr_in v4;

static const struct sockaddr *address(const char *text)
{
    v4 = (struct sockaddr_in){.sin_family = AF_INET};
    v6 = (struct sockaddr_in6){.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return (struct sockaddr *)&v4;
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return (struct sockaddr *)&v6;
}

static void networks(void **state)
{
    (void)state;
    static const struct {
        const char *list, *address;
        bool in;
    } rows[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0/25", "192.0.2.128", false},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"10.0.0.0/8, 2001:db8::/32", "2001:db8:ffff::1", true},
        {"10.0.0.0/8 2001:db8::/33", "2001:db8:8000::1", false},
        {"10.0.0.0/8", "::ffff:10.1.2.3", true},
        {"", "10.1.2.3", false},
        {"nonsense 10.1.2.3", "10.1.2.3", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (cidr_match(slice_str(rows[i].list), address(rows[i].address)) != rows[i].in)
            fail_msg("%s in %s", rows[i].address, rows[i].list);
    }
    static const char *const bad[] = {"10.0.0.0/33", "10.0.0/8", "::/129", "a", "/8", "1.2.3.4/"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(cidr_check(slice_str(bad[i]), NULL), -1);
    assert_int_equal(cidr_check(S("10.0.0.0/8,::1 fe80::/10"), NULL), 0);
}

static void counting(void **state)
{
    (void)state;
    struct peer_count *p[3], *other, *local;
    test_set("io.per_address_max", "2");
    assert_int_equal(peers_enter(address("2001:db8::1"), &p[0], NULL), 0);
    assert_int_equal(peers_enter(address("2001:db8::ffff:1:2"), &p[1], NULL), 0); /* same /64 */
    struct err e = {0};
    assert_int_equal(peers_enter(address("2001:db8::2"), &p[2], &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(peers_enter(address("2001:db8:0:1::2"), &other, NULL), 0);
    assert_int_equal(peers_count(address("2001:db8::3")), 2);
    peers_leave(p[0]);
    assert_int_equal(peers_enter(address("2001:db8::2"), &p[2], NULL), 0);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(peers_enter(address("127.0.0.1"), &local, NULL), 0);
        assert_null(local);
    }
    peers_leave(p[1]);
    peers_leave(p[2]);
    peers_leave(other);
    assert_int_equal(peers_count(address("2001:db8::3")), 0);
    test_set("io.per_address_max", "1000");
}

/* --- on sockets --------------------------------------------------------------------------- */
static struct line_server server;
static uint16_t proxy_port, plain_port;

static int setup(void **state)
{
    (void)state;
    struct err e = {0};
    memset(&server, 0, sizeof(server));
    assert_int_equal(loops_start(2, &e), 0);
    struct listener l = {.name = "inner", .ops = &lines_ops, .service = &server, .proxy = true};
    proxy_port = test_listen(l);
    l.proxy = false;
    plain_port = test_listen(l);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    listeners_stop();
    loops_stop();
    test_set("io.proxy_from", "127.0.0.0/8 ::1");
    return 0;
}

static void the_header_gives_the_address(void **state)
{
    (void)state;
    struct slice in = S("PROXY TCP4 192.0.2.9 198.51.100.2 4711 143\r\ninfo\r\n");
    for (size_t cut = 0; cut <= in.n; cut += 3) {
        int fd = test_connect(proxy_port);
        test_send(fd, slice_sub(in, 0, cut));
        usleep(1000);
        test_send(fd, slice_from(in, cut));
        test_expect(fd, S("hello\r\n192.0.2.9 4711 far [] [] []\r\n"));
        close(fd);
    }
}

static void without_a_good_header_nothing_is_said(void **state)
{
    (void)state;
    static const char *const bad[] = {"info\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\ninfo\r\n",
                                      "\r\n\r\n\r\nQUIT\n"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        int fd = test_connect(proxy_port);
        test_send(fd, slice_str(bad[i]));
        test_expect_end(fd);
        close(fd);
    }
    assert_int_equal(server.opened, 0);
}

/* Bug class 13: elsewhere the header is just bad input. */
static void nobody_else_is_believed(void **state)
{
    (void)state;
    int fd = test_connect(plain_port);
    test_send(fd, S("PROXY TCP4 192.0.2.9 198.51.100.2 4711 143\r\ninfo\r\n"));
    test_expect(fd, S("hello\r\nwhat?\r\n127.0.0.1 "));
    close(fd);
    test_set("io.proxy_from", "192.0.2.0/24");
    fd = test_connect(proxy_port);
    test_send(fd, S("PROXY TCP4 192.0.2.9 198.51.100.2 4711 143\r\ninfo\r\n"));
    test_expect(fd, S("hello\r\nwhat?\r\n127.0.0.1 "));
    close(fd);
}

static void the_limit_counts_the_client(void **state)
{
    (void)state;
    test_set("io.per_address_max", "2");
    struct slice in = S("PROXY TCP4 192.0.2.9 198.51.100.2 4711 143\r\n");
    int a = test_connect(proxy_port), b = test_connect(proxy_port), c = test_connect(proxy_port);
    test_send(a, in);
    test_send(b, in);
    test_expect(a, S("hello\r\n"));
    test_expect(b, S("hello\r\n"));
    test_send(c, in);
    test_expect_end(c);
    close(c);
    c = test_connect(proxy_port);
    test_send(c, S("PROXY TCP4 192.0.2.10 198.51.100.2 4711 143\r\n"));
    test_expect(c, S("hello\r\n"));
    close(a);
    close(b);
    close(c);
    test_set("io.per_address_max", "1000");
}

static void the_total_has_a_limit(void **state)
{
    (void)state;
    test_set("io.connections_max", "2");
    int a = test_connect(plain_port), b = test_connect(plain_port);
    test_expect(a, S("hello\r\n"));
    test_expect(b, S("hello\r\n"));
    int c = test_connect(plain_port);
    test_expect_end(c);
    close(a);
    close(b);
    close(c);
    test_set("io.connections_max", "120000");
}

/* Bug class 15: without descriptors one connection is dropped, accepting pauses and goes on. */
static void out_of_descriptors(void **state)
{
    (void)state;
    struct rlimit before, none;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(plain_port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd[2];
    for (int i = 0; i < 2; i++)
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
    int lowest = dup(0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    assert_int_equal(connect(fd[0], (struct sockaddr *)&a, sizeof(a)), 0);
    test_expect_end(fd[0]);
    assert_int_equal(connect(fd[1], (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    test_expect(fd[1], S("hello\r\n"));
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks),      cmocka_unit_test(counting),
        T(the_header_gives_the_address), T(without_a_good_header_nothing_is_said),
        T(nobody_else_is_believed),      T(the_limit_counts_the_client),
        T(the_total_has_a_limit),        T(out_of_descriptors),
    };
    return RUN_TESTS(tests);
}
