/* testing.h - for unit tests of io/ and of servers: loops and a listener on a free loopback port,
   and a blocking client. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/test.h"

#include "base/setting.h"
#include "io/conn.h"
#include "io/job.h"
#include "io/listener.h"
#include "io/loop.h"

static inline void test_set(const char *name, const char *value)
{
    struct err e = {0};
    struct setting *s = setting_find(slice_str(name));
    if (!s || setting_parse(s, slice_str(value), &e))
        fail_msg("%s = %s: %s", name, value, e.text);
}

/* Set-up and tear-down of a group: two loops. */
static inline int test_loops_start(void **state)
{
    struct err e = {0};
    (void)state;
    return loops_start(2, &e);
}

static inline int test_loops_stop(void **state)
{
    (void)state;
    loops_stop();
    return 0;
}

static inline uint16_t test_port_of(int fd)
{
    struct sockaddr_in a = {0};
    socklen_t n = sizeof(a);
    assert_return_code(getsockname(fd, (struct sockaddr *)&a, &n), errno);
    return ntohs(a.sin_port);
}

/* Listens on a port of the kernel's choice and returns it. Loops must run. */
static inline uint16_t test_listen(struct listener l)
{
    struct err e = {0};
    int fd;
    l.host = S("127.0.0.1");
    l.port = 0;
    if (listener_bind(&l, &fd, 1, &e))
        fail_msg("bind: %s", e.text);
    uint16_t port = test_port_of(fd);
    if (listener_start(&l, &fd, 1, &e))
        fail_msg("listen: %s", e.text);
    return port;
}

static inline int test_connect(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    struct timeval t = {.tv_sec = 60};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    assert_return_code(connect(fd, (struct sockaddr *)&a, sizeof(a)), errno);
    return fd;
}

static inline void test_send(int fd, struct slice s)
{
    while (s.n) {
        ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
        assert_true(n > 0);
        s = slice_from(s, (size_t)n);
    }
}

/* Exactly these bytes are next. */
static inline void test_expect(int fd, struct slice want)
{
    char *got = malloc(want.n + 1);
    size_t n = 0;
    while (n < want.n) {
        ssize_t k = recv(fd, got + n, want.n - n, 0);
        if (k <= 0)
            break;
        n += (size_t)k;
    }
    if (!slice_eq(slice_of(got, n), want))
        fail_msg("got \"%.*s\", want \"%.*s\"", (int)n, got, SARG(want));
    free(got);
}

/* The server has closed, in order or by reset, and nothing came before. */
static inline void test_expect_end(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, 0);
    if (n > 0)
        fail_msg("got \"%c\", want the end", c);
    if (n < 0 && errno != ECONNRESET)
        fail_msg("want the end: %s", strerror(errno));
}

/* Nothing comes for so long. */
static inline void test_expect_silence(int fd, int ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, ms), 0);
}
