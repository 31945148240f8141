/* conn_test.c - plain connections on loopback sockets: any split of the input, pause and resume,
   half-close, limits, time-outs, slow readers, unix sockets, stop with open connections. */
#include "io/testing_lines.h"

#include <malloc.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/clock.h"

static int setup(void **state)
{
    (void)state;
    return lines_setup(2);
}

static int teardown(void **state)
{
    (void)state;
    return lines_teardown();
}

static int hello(void)
{
    int fd = test_connect(lines_port);
    test_expect(fd, S("hello\r\n"));
    return fd;
}

static void any_split_gives_the_same_answer(void **state)
{
    (void)state;
    struct slice in = S("echo one\r\necho two\r\necho three\r\n");
    for (size_t cut = 0; cut <= in.n; cut++) {
        int fd = hello();
        test_send(fd, slice_sub(in, 0, cut));
        if (cut % 8 == 0)
            usleep(2000);
        test_send(fd, slice_from(in, cut));
        test_expect(fd, S("one\r\ntwo\r\nthree\r\n"));
        close(fd);
    }
    int fd = hello();
    for (size_t i = 0; i < in.n; i++) {
        test_send(fd, slice_sub(in, i, i + 1));
        usleep(500);
    }
    test_expect(fd, S("one\r\ntwo\r\nthree\r\n"));
    close(fd);
    lines_wait_closed(&lines_server, (int)in.n + 2);
    assert_int_equal(lines_server.last_why, CONN_END_PEER);
}

static void a_paused_connection_answers_nothing(void **state)
{
    (void)state;
    int fd = hello();
    test_send(fd, S("pause 2000\r\necho after\r\npause 100\r\necho end\r\n"));
    test_expect_silence(fd, 150);
    test_send(fd, S("echo last\r\n"));
    test_expect(fd, S("resumed\r\nafter\r\nresumed\r\nend\r\nlast\r\n"));
    test_send(fd, S("quit\r\n"));
    test_expect(fd, S("bye\r\n"));
    test_expect_end(fd);
    close(fd);
    lines_wait_closed(&lines_server, 1);
    assert_int_equal(lines_server.last_why, CONN_END_LOCAL);
}

static void half_close_gets_all_replies(void **state)
{
    (void)state;
    int fd = hello();
    test_send(fd, S("pause 200\r\necho a\r\nbig 300000\r\necho b\r\n"));
    shutdown(fd, SHUT_WR);
    test_expect(fd, S("resumed\r\na\r\n"));
    char *big = malloc(300000);
    memset(big, 'x', 300000);
    test_expect(fd, slice_of(big, 300000));
    free(big);
    test_expect(fd, S("\r\nb\r\n"));
    test_expect_end(fd);
    close(fd);
    lines_wait_closed(&lines_server, 1);
    assert_int_equal(lines_server.last_why, CONN_END_PEER);
}

static void a_reset_is_noticed_while_paused(void **state)
{
    (void)state;
    int fd = hello();
    test_send(fd, S("pause 60000\r\n"));
    usleep(50000);
    test_send(fd, S("more\r\n")); /* switches reading off */
    usleep(50000);
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
    lines_wait_closed(&lines_server, 1);
    assert_int_equal(lines_server.last_why, CONN_END_PEER);
}

static void what_follows_quit_does_not_cost_the_reply(void **state)
{
    (void)state;
    int fd = hello();
    test_send(fd, S("quit\r\necho no\r\n"));
    usleep(20000);
    test_send(fd, S("echo never\r\n"));
    usleep(20000);
    test_expect(fd, S("bye\r\n"));
    test_expect_end(fd);
    close(fd);
}

static void abort_ends_without_more(void **state)
{
    (void)state;
    int fd = hello();
    test_send(fd, S("abort\r\n"));
    test_expect_end(fd);
    close(fd);
    lines_wait_closed(&lines_server, 1);
    assert_int_equal(lines_server.last_why, CONN_END_LOCAL);
}

static void untaken_input_has_a_limit(void **state)
{
    (void)state;
    test_set("io.pending_max", "16K");
    int fd = hello();
    test_send(fd, S("hold\r\n"));
    char chunk[4096];
    memset(chunk, 'y', sizeof(chunk));
    for (int i = 0; i < 100; i++) {
        if (send(fd, chunk, sizeof(chunk), MSG_NOSIGNAL) < 0)
            break;
    }
    lines_wait_closed(&lines_server, 1);
    assert_string_equal(lines_server.last_text, "input over io.pending_max");
    assert_in_range(lines_server.largest_input, 16384, 16384 + 65536);
    close(fd);
    test_set("io.pending_max", "256K");
}

static void unread_output_stops_input_and_has_a_limit(void **state)
{
    (void)state;
    test_set("io.output_max", "1M");
    int fd = hello();
    test_send(fd, S("big 1048577\r\n"));
    lines_wait_closed(&lines_server, 1);
    assert_string_equal(lines_server.last_text, "output over io.output_max");
    close(fd);

    /* One command at a time: over io.output_high unsent, the next is not read. */
    fd = hello();
    for (int i = 0; i < 40; i++) {
        test_send(fd, S("big 300000\r\n"));
        usleep(3000);
    }
    for (int i = 0; i < 40; i++) {
        size_t left = 300002;
        char buf[65536];
        while (left) {
            ssize_t n = recv(fd, buf, left < sizeof(buf) ? left : sizeof(buf), 0);
            assert_true(n > 0);
            left -= (size_t)n;
        }
    }
    test_send(fd, S("quit\r\n"));
    test_expect(fd, S("bye\r\n"));
    close(fd);
    lines_wait_closed(&lines_server, 2);
    assert_true(lines_server.drained > 0);
    test_set("io.output_max", "64M");
}

/* The server takes whatever it is given: io.output_high still holds, but for one piece of input. */
static void many_commands_in_one_packet_stop_at_the_limit(void **state)
{
    (void)state;
    enum { COMMANDS = 4000, EACH = 2002 };
    char block[COMMANDS * 10], buf[65536];
    int fd = hello();
    for (int i = 0; i < COMMANDS; i++)
        memcpy(block + i * 10, "big 2000\r\n", 10);
    test_send(fd, S("greedy\r\n"));
    test_send(fd, slice_of(block, sizeof(block)));
    for (size_t left = (size_t)COMMANDS * EACH; left;) {
        ssize_t n = recv(fd, buf, left < sizeof(buf) ? left : sizeof(buf), 0);
        assert_true(n > 0);
        left -= (size_t)n;
    }
    assert_in_range(lines_server.most_unsent, 2002, 256 * 1024 + 500 * EACH);
    test_send(fd, S("quit\r\n"));
    test_expect(fd, S("bye\r\n"));
    close(fd);
    lines_wait_closed(&lines_server, 1);
}

static void who_takes_nothing_is_closed(void **state)
{
    (void)state;
    test_set("io.write_timeout", "1s");
    int fd = hello();
    int64_t began = clock_mono_ms();
    test_send(fd, S("big 20000000\r\n"));
    lines_wait_closed(&lines_server, 1);
    assert_int_equal(lines_server.last_why, CONN_END_TIMEOUT);
    assert_in_range(clock_mono_ms() - began, 900, 60000);
    close(fd);
    test_set("io.write_timeout", "5m");
}

static void idle_comes_after_silence_only(void **state)
{
    (void)state;
    int fd = hello();
    test_send(fd, S("timeout 2000\r\n"));
    for (int i = 0; i < 4; i++) {
        usleep(600000);
        test_send(fd, S("echo here\r\n"));
        test_expect(fd, S("here\r\n"));
    }
    assert_int_equal(lines_server.idled, 0);
    test_expect(fd, S("idle\r\n"));
    test_expect_end(fd);
    close(fd);
}

static void a_unix_socket_knows_its_peer(void **state)
{
    (void)state;
    char path[] = "/tmp/carbonado-conn-XXXXXX";
    assert_non_null(mkdtemp(path));
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/sock", path);
    struct listener l = {.name = "control",
                         .host = slice_str(a.sun_path),
                         .ops = &lines_ops,
                         .service = &lines_server};
    struct err e = {0};
    int fd, client;
    assert_int_equal(listener_bind(&l, &fd, 1, &e), 0);
    struct stat st;
    assert_int_equal(stat(a.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(listener_start(&l, &fd, 1, &e), 0);
    client = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&a, sizeof(a)), 0);
    test_send(client, S("info\r\nquit\r\n"));
    test_expect(client, S("hello\r\nlocal 0 loopback [] [] []\r\nbye\r\n"));
    close(client);
    unlink(a.sun_path);
    rmdir(path);
}

static void a_taken_port_is_busy(void **state)
{
    (void)state;
    struct listener l = {.name = "again", .host = S("127.0.0.1"), .port = lines_port};
    struct err e = {0};
    int fds[2];
    assert_int_equal(listener_bind(&l, fds, 2, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    l.port = 0;
    l.host = S("not an address");
    assert_int_equal(listener_bind(&l, fds, 2, &e), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
}

static void draining_says_goodbye(void **state)
{
    (void)state;
    int fd[20];
    for (int i = 0; i < 20; i++)
        fd[i] = hello();
    int64_t began = clock_mono_ms();
    listeners_stop();
    loops_drain(60000);
    assert_in_range(clock_mono_ms() - began, 0, 50000);
    assert_int_equal(lines_server.stopped, 20);
    for (int i = 0; i < 20; i++) {
        test_expect(fd[i], S("stopping\r\n"));
        test_expect_end(fd[i]);
        close(fd[i]);
    }
}

/* Bytes that the program has from malloc: a sanitizer has a malloc and a count of its own. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

#ifdef __SANITIZE_THREAD__
enum { SILENT_MOST = 1000 }; /* its malloc rounds up more */
#else
enum { SILENT_MOST = 800 };
#endif

static size_t allocated(void)
{
    return __sanitizer_get_current_allocated_bytes ? __sanitizer_get_current_allocated_bytes()
                                                   : mallinfo2().uordblks;
}

/* What was needed while a command ran is given back, and what stays has a limit: 656 bytes of
   io/, 64 of this server, and what libuv's table of descriptors takes. */
static void a_silent_connection_is_small(void **state)
{
    enum { N = 200 };
    int fd[N];
    (void)state;
    for (int i = 0; i < 20; i++) /* what is made once is there */
        close(hello());
    lines_wait_closed(&lines_server, 20);
    size_t before = allocated(), most = before + (size_t)N * SILENT_MOST;
    for (int i = 0; i < N; i++)
        fd[i] = hello();
    for (int i = 0; i < N; i++)
        test_send(fd[i], S("big 20000\r\necho"));
    for (int i = 0; i < N; i++)
        test_send(fd[i], S(" done\r\n"));
    for (int i = 0; i < N; i++) {
        char part[20002 + 6];
        for (size_t n = 0; n < sizeof(part);) {
            ssize_t k = recv(fd[i], part, sizeof(part) - n, 0);
            assert_true(k > 0);
            n += (size_t)k;
        }
    }
    for (int i = 0; i < 1000 && allocated() > most; i++)
        usleep(10000);
    assert_in_range(allocated(), before, most);
    for (int i = 0; i < N; i++)
        close(fd[i]);
    lines_wait_closed(&lines_server, 20 + N);
}

static void stopping_ends_open_and_busy_connections(void **state)
{
    (void)state;
    int a = hello(), b = hello(), c = test_connect(lines_port);
    test_send(a, S("big 20000000\r\n"));
    test_send(b, S("pause 60000\r\n"));
    usleep(50000);
    listeners_stop();
    loops_stop();
    assert_int_equal(lines_server.opened, lines_server.closed);
    assert_int_equal(lines_server.last_why, CONN_END_STOP);
    close(a);
    close(b);
    close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(any_split_gives_the_same_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_paused_connection_answers_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(half_close_gets_all_replies, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reset_is_noticed_while_paused, setup, teardown),
        cmocka_unit_test_setup_teardown(what_follows_quit_does_not_cost_the_reply, setup, teardown),
        cmocka_unit_test_setup_teardown(abort_ends_without_more, setup, teardown),
        cmocka_unit_test_setup_teardown(untaken_input_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(unread_output_stops_input_and_has_a_limit, setup, teardown),
        cmocka_unit_test_setup_teardown(many_commands_in_one_packet_stop_at_the_limit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(who_takes_nothing_is_closed, setup, teardown),
        cmocka_unit_test_setup_teardown(idle_comes_after_silence_only, setup, teardown),
        cmocka_unit_test_setup_teardown(a_unix_socket_knows_its_peer, setup, teardown),
        cmocka_unit_test_setup_teardown(a_taken_port_is_busy, setup, teardown),
        cmocka_unit_test_setup_teardown(a_silent_connection_is_small, setup, teardown),
        cmocka_unit_test_setup_teardown(draining_says_goodbye, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_ends_open_and_busy_connections, setup, teardown),
    };
    return RUN_TESTS(tests);
}
