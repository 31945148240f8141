/* channel_test.c - an outgoing connection under a thread that waits: what ends a wait, and that
   every wait ends. */
#include "mail/channel.h"

#include <pthread.h>

#include "io/testing.h"

#include "base/clock.h"

struct pair {
    int listener, fd; /* the server's ends */
    struct channel *c;
    struct err e;
};

static void open_pair(struct pair *p)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *p = (struct pair){.fd = -1};
    p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(p->listener, 1), 0);
    a.sin_port = htons(test_port_of(p->listener));
    assert_int_equal(channel_open((struct sockaddr *)&a, 3000, &p->c, &p->e), 0);
    p->fd = accept(p->listener, NULL, NULL);
    assert_true(p->fd >= 0);
}

static void close_pair(struct pair *p)
{
    channel_close(p->c);
    if (p->fd >= 0)
        close(p->fd);
    close(p->listener);
}

static void bytes_both_ways(void **state)
{
    (void)state;
    struct pair p;
    BUF_SCOPE out = {0}, in = {0};
    open_pair(&p);
    buf_add(&out, S("hello\r\n"));
    assert_int_equal(channel_write(p.c, &out, 3000, &p.e), 0);
    test_expect(p.fd, S("hello\r\n"));
    test_send(p.fd, S("220 "));
    assert_int_equal(channel_read(p.c, &in, 3000, &p.e), 0);
    test_send(p.fd, S("you"));
    while (in.n < 7)
        assert_int_equal(channel_read(p.c, &in, 3000, &p.e), 0);
    assert_slice(buf_slice(&in), "220 you");
    assert_int_equal(channel_tls(p.c).n, 0);
    close_pair(&p);
}

static void nobody_listens(void **state)
{
    (void)state;
    struct pair p;
    struct sockaddr_in a = {.sin_family = AF_INET};
    struct channel *c;
    open_pair(&p);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    a.sin_port = htons(test_port_of(p.listener));
    close_pair(&p);
    struct err e = {0};
    assert_int_equal(channel_open((struct sockaddr *)&a, 3000, &c, &e), -1);
    assert_int_equal(e.code, ERR_IO);
}

static void silence_ends_in_time(void **state)
{
    (void)state;
    struct pair p;
    BUF_SCOPE in = {0};
    open_pair(&p);
    int64_t began = clock_mono_ms();
    assert_int_equal(channel_read(p.c, &in, 300, &p.e), -1);
    assert_int_equal(p.e.code, ERR_BUSY);
    assert_in_range(clock_mono_ms() - began, 300, 60000);
    close_pair(&p);
}

static void what_came_before_the_end_is_read(void **state)
{
    (void)state;
    struct pair p;
    BUF_SCOPE in = {0};
    open_pair(&p);
    test_send(p.fd, S("221 bye\r\n"));
    close(p.fd);
    p.fd = -1;
    assert_int_equal(channel_read(p.c, &in, 3000, &p.e), 0);
    assert_slice(buf_slice(&in), "221 bye\r\n");
    assert_int_equal(channel_read(p.c, &in, 3000, &p.e), -1);
    assert_int_equal(p.e.code, ERR_IO);
    BUF_SCOPE out = {0};
    buf_add(&out, S("into the void"));
    assert_int_equal(channel_write(p.c, &out, 500, &p.e), 0); /* the loss shows at the next read */
    assert_int_equal(channel_read(p.c, &in, 500, &p.e), -1);
    close_pair(&p);
}

enum { LEAVERS = 200 };

static void *speak_and_leave(void *arg)
{
    for (int i = 0; i < LEAVERS; i++) {
        int fd = accept(*(int *)arg, NULL, NULL);
        test_send(fd, S("421 busy\r\n"));
        close(fd);
    }
    return NULL;
}

/* Also when all of it happens before the thread that asked has seen that the way is open. */
static void who_speaks_and_leaves_at_once_is_heard(void **state)
{
    (void)state;
    pthread_t thread;
    struct sockaddr_in a = {.sin_family = AF_INET};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(listener, 1), 0);
    a.sin_port = htons(test_port_of(listener));
    pthread_create(&thread, NULL, speak_and_leave, &listener);
    for (int i = 0; i < LEAVERS; i++) {
        struct err e = {0};
        struct channel *c;
        BUF_SCOPE in = {0};
        assert_int_equal(channel_open((struct sockaddr *)&a, 60000, &c, &e), 0);
        assert_int_equal(channel_read(c, &in, 60000, &e), 0);
        assert_slice(buf_slice(&in), "421 busy\r\n");
        channel_close(c);
    }
    pthread_join(thread, NULL);
    close(listener);
}

static void *flood(void *arg)
{
    static char x[65536];
    int fd = *(int *)arg;
    memset(x, 'x', sizeof(x));
    while (send(fd, x, sizeof(x), MSG_NOSIGNAL) > 0)
        continue;
    return NULL;
}

static void a_peer_that_sends_without_end(void **state)
{
    (void)state;
    struct pair p;
    pthread_t thread;
    BUF_SCOPE in = {0};
    open_pair(&p);
    pthread_create(&thread, NULL, flood, &p.fd);
    pthread_join(thread, NULL); /* the connection was broken off */
    while (channel_read(p.c, &in, 1000, &p.e) == 0)
        continue;
    assert_int_equal(p.e.code, ERR_LIMIT);
    assert_true(in.n <= 512 * 1024);
    close_pair(&p);
}

static void a_peer_that_takes_nothing(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    int rc = 0;
    for (int i = 0; i < 100 && rc == 0; i++) {
        BUF_SCOPE out = {0};
        memset(buf_space(&out, 1 << 20), 'x', 1 << 20);
        out.n = 1 << 20;
        rc = channel_write(p.c, &out, 300, &p.e);
    }
    assert_int_equal(rc, -1);
    assert_int_equal(p.e.code, ERR_BUSY);
    close_pair(&p);
}

static void plain_text_in_front_of_tls(void **state)
{
    (void)state;
    struct pair p;
    open_pair(&p);
    test_send(p.fd, S("250 injected\r\n"));
    usleep(100000);
    assert_int_equal(channel_starttls(p.c, S("x.example"), false, 1000, &p.e), -1);
    assert_int_equal(p.e.code, ERR_IO);
    close_pair(&p);
    open_pair(&p); /* no handshake at all, and garbage in its place */
    assert_int_equal(channel_starttls(p.c, S("x.example"), false, 300, &p.e), -1);
    assert_int_equal(p.e.code, ERR_BUSY);
    close_pair(&p);
    open_pair(&p);
    pthread_t thread;
    pthread_create(&thread, NULL, flood, &p.fd);
    assert_int_equal(channel_starttls(p.c, S("x.example"), false, 3000, &p.e), -1);
    channel_close(p.c);
    p.c = NULL;
    pthread_join(thread, NULL);
    close_pair(&p);
}

static void *interrupt_soon(void *arg)
{
    (void)arg;
    usleep(200000);
    channels_interrupt(true);
    return NULL;
}

static void an_interrupt_ends_every_wait(void **state)
{
    (void)state;
    struct pair p;
    pthread_t thread;
    BUF_SCOPE in = {0};
    open_pair(&p);
    int64_t began = clock_mono_ms();
    pthread_create(&thread, NULL, interrupt_soon, NULL);
    assert_int_equal(channel_read(p.c, &in, 600000, &p.e), -1);
    assert_int_equal(p.e.code, ERR_BUSY);
    assert_int_equal(channel_read(p.c, &in, 600000, &p.e), -1); /* and later ones */
    assert_true(clock_mono_ms() - began < 60000);
    pthread_join(thread, NULL);
    channels_interrupt(false);
    close_pair(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_both_ways),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(silence_ends_in_time),
        cmocka_unit_test(what_came_before_the_end_is_read),
        cmocka_unit_test(who_speaks_and_leaves_at_once_is_heard),
        cmocka_unit_test(a_peer_that_sends_without_end),
        cmocka_unit_test(a_peer_that_takes_nothing),
        cmocka_unit_test(plain_text_in_front_of_tls),
        cmocka_unit_test(an_interrupt_ends_every_wait),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, test_loops_start, test_loops_stop);
}
