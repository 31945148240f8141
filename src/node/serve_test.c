/* serve_test.c - the supervisor with its worker as a child of the test: ready, metrics over HTTP,
   the control socket, a killed worker, reload, stop; and operations without a server. */
#include "base/test.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/random.h"
#include "base/setting.h"
#include "node/control.h"
#include "node/op.h"
#include "node/roles.h"
#include "node/service.h"
#include "node/state.h"
#include "node/supervisor.h"

static char dir[] = "/tmp/carbonado-serve-XXXXXX";
static char config_path[64];
static uint16_t port;
static pid_t supervisor;

static void set(const char *name, const char *value)
{
    struct err e = {0};
    struct setting *s = setting_find(slice_str(name));
    if (!s || setting_parse(s, slice_str(value), &e))
        fail_msg("%s: %s", name, e.text);
}

static void configure(const char *text)
{
    struct err e = {0};
    assert_int_equal(file_replace(config_path, slice_str(text), 0600, &e), 0);
}

/* A port for the metrics that is free now, below those that the kernel gives to others meanwhile;
   every other port of this program is off. */
static int setup(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (!mkdtemp(dir))
        return -1;
    do {
        port = (uint16_t)(10000 + random_u64() % 20000);
        a.sin_port = htons(port);
    } while (bind(fd, (struct sockaddr *)&a, sizeof(a)));
    close(fd);
    snprintf(config_path, sizeof(config_path), "%s/carbonado.conf", dir);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

static int teardown(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* --- running it --------------------------------------------------------------------------- */
static void on_ready(void *arg)
{
    char c = 'r';
    assert_int_equal(write(*(int *)arg, &c, 1), 1);
}

static void child(int fd)
{
    struct err e = {0};
    char number[16];
    int log = open("/dev/null", O_WRONLY);
    size_t n;
    const struct port *ports = ports_all(&n);
    log_set(LOG_ERROR, false, getenv("CARBONADO_TEST_LOG") ? 2 : log);
    for (size_t i = 0; i < n; i++)
        setting_parse(ports[i].setting, S("0"), &e);
    snprintf(number, sizeof(number), "%u", port);
    set("ports.metrics", number);
    set("io.loops", "3");
    struct serve s = {.state_dir = dir, .ready = on_ready, .arg = &fd};
    s.config.path = config_path;
    int rc = supervisor_run(&s, &e);
    if (rc)
        fprintf(stderr, "supervisor: %s\n", e.text);
    _exit(rc ? 1 : 0);
}

static void serve(void)
{
    int fds[2];
    char c;
    configure("[log]\n");
    assert_int_equal(pipe(fds), 0);
    supervisor = fork();
    if (supervisor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody */
        close(fds[0]);
        child(fds[1]);
    }
    close(fds[1]);
    if (read(fds[0], &c, 1) != 1)
        fail_msg("the server did not start");
    close(fds[0]);
}

static void stop(void)
{
    int status;
    int64_t began = clock_mono_ms();
    kill(supervisor, SIGTERM);
    assert_int_equal(waitpid(supervisor, &status, 0), supervisor);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_in_range(clock_mono_ms() - began, 0,
                    20000); /* tests/e2e/test_stop.py has what is promised */
}

/* --- HTTP --------------------------------------------------------------------------------- */
static int connect_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval t = {.tv_sec = 60};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        return fd;
    close(fd);
    return -1;
}

/* Everything that comes until the end. */
static char *http(const char *request)
{
    static char answer[262144];
    size_t n = 0;
    ssize_t got;
    int fd = connect_port();
    if (fd < 0)
        return NULL;
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while ((got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0)) > 0)
        n += (size_t)got;
    answer[n] = '\0';
    close(fd);
    return answer;
}

static void metrics_over_http(void **state)
{
    (void)state;
    static const struct {
        const char *request, *begins, *has;
    } rows[] = {
        {"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n",
         "\r\n\r\nok\n"},
        {"GET /metrics?x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n",
         "\ncarbonado_connections "},
        {"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n",
         "\nprocess_resident_memory_bytes "},
        {"HEAD /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\n",
         "Content-Length: 3\r\n"},
        {"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\nGET /no HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 OK\r\n", "ok\nHTTP/1.1 404 Not Found\r\n"},
        {"POST /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 ", "Allow: GET"},
        {"GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n", "Connection: close"},
        {"GET /metrics HTTP/2.0\r\nHost: a\r\n\r\n", "HTTP/1.1 505 ", ""},
        {"GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", ""},
        {"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "HTTP/1.1 400 ", ""},
        {"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 400 ", ""},
        {"GET /metrics HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.1 400 ",
         ""},
        {"GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n", "HTTP/1.1 400 ", ""},
        {"GET  /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400 ", ""},
        {"EHLO client\r\n\r\n", "HTTP/1.1 400 ", ""},
    };
    serve();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = http(rows[i].request);
        assert_non_null(got);
        if (!slice_starts(slice_str(got), slice_str(rows[i].begins)) || !strstr(got, rows[i].has))
            fail_msg("%s: %.300s", rows[i].request, got);
    }
    char *large = malloc(20000);
    memset(large, 'a', 19999);
    large[19999] = '\0';
    assert_true(slice_starts(slice_str(http(large)), S("HTTP/1.1 414 ")));
    memcpy(large, "GET / HTTP/1.1\r\nA: ", 19);
    assert_true(slice_starts(slice_str(http(large)), S("HTTP/1.1 431 ")));
    free(large);
    stop();
}

/* --- control ------------------------------------------------------------------------------ */
static int64_t worker_pid(struct op_session *s)
{
    struct err e = {0};
    json_t *ret = NULL;
    int64_t pid;
    if (op_call(s, "server.status", NULL, SNONE, &ret, NULL, &e))
        fail_msg("status: %s", e.text);
    assert_int_equal(json_integer_value(json_object_get(ret, "pid")), supervisor);
    assert_int_equal(json_integer_value(json_object_get(ret, "loops")), 3);
    pid = json_integer_value(json_object_get(ret, "worker"));
    json_decref(ret);
    return pid;
}

static void operations_go_to_the_server(void **state)
{
    (void)state;
    struct err e = {0};
    struct op_session *s = NULL;
    BUF_SCOPE payload = {0};
    serve();
    assert_int_equal(op_open(dir, &s, &e), 0);
    assert_true(op_has_server(s));
    assert_true(worker_pid(s) > 0);
    assert_int_equal(op_call(s, "server.metrics", NULL, SNONE, NULL, &payload, &e), 0);
    assert_true(slice_search(buf_slice(&payload), S("carbonado_connections")) >= 0);
    assert_int_equal(op_call(s, "no.such", NULL, SNONE, NULL, NULL, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    op_close(s);

    /* Frames that are none: the connection ends, the server goes on. */
    static const struct slice bad[] = {S_INIT("\xff\xff\xff\xff\0\0\0\0"),
                                       S_INIT("\0\0\0\x02\0\0\0\0[]"),
                                       S_INIT("\0\0\0\x02\0\0\0\0{x"), S_INIT("\0\0\0\0\0\0\0\0")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct sockaddr_un a = {.sun_family = AF_UNIX};
        char c;
        snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/control.sock", dir);
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
        assert_int_equal(send(fd, bad[i].p, bad[i].n, 0), bad[i].n);
        assert_true(recv(fd, &c, 1, 0) <= 0);
        close(fd);
    }
    /* One server a state directory. */
    int lock;
    assert_int_equal(state_lock(dir, &lock, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    stop();
    /* Without a server the lock is ours, and what asks about a server says so. */
    assert_int_equal(op_open(dir, &s, &e), 0);
    assert_false(op_has_server(s));
    assert_int_equal(op_call(s, "server.status", NULL, SNONE, NULL, NULL, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    struct op_session *second = NULL;
    assert_int_equal(op_open(dir, &second, &e), -1);
    assert_int_equal(e.code, ERR_BUSY);
    op_close(s);
}

static void a_killed_worker_comes_back(void **state)
{
    (void)state;
    struct err e = {0};
    struct op_session *s = NULL;
    serve();
    assert_int_equal(op_open(dir, &s, &e), 0);
    int64_t before = worker_pid(s);
    op_close(s);
    kill((pid_t)before, SIGKILL);
    int64_t began = clock_mono_ms();
    while (kill((pid_t)before, 0) == 0 && clock_mono_ms() - began < 60000) /* it may answer yet */
        usleep(1000);
    const char *got = http("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert_non_null(got);
    assert_true(strstr(got, "ok\n") != NULL);
    while (op_open(dir, &s, &e)) {
        assert_in_range(clock_mono_ms() - began, 0, 60000);
        usleep(1000);
    }
    assert_int_not_equal(worker_pid(s), before);
    op_close(s);
    stop();
}

static void reload_reads_the_configuration(void **state)
{
    (void)state;
    struct err e = {0};
    struct op_session *s = NULL;
    serve();
    assert_int_equal(op_open(dir, &s, &e), 0);
    int64_t before = worker_pid(s);
    configure("[io]\nconnections_max = 1\n");
    assert_int_equal(op_call(s, "server.reload", NULL, SNONE, NULL, NULL, &e), 0);
    const char *got = "";
    for (int i = 0; i < 6000 && got && got[0]; i++) { /* our own connection is the one */
        usleep(10000);
        got = http("GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    }
    assert_true(!got || got[0] == '\0');
    assert_int_equal(worker_pid(s), before);
    configure("[io]\nconnections_max = nonsense\n"); /* nothing changes */
    assert_int_equal(op_call(s, "server.reload", NULL, SNONE, NULL, NULL, &e), 0);
    usleep(100000);
    assert_int_equal(worker_pid(s), before);
    op_close(s);
    stop();
}

static void what_cannot_start_says_so(void **state)
{
    (void)state;
    struct err e = {0};
    int status, fds[2], lock;
    char c;
    assert_int_equal(state_lock(dir, &lock, &e), 0);
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        close(2);
        close(fds[0]);
        child(fds[1]);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &c, 1), 0);
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
    close(lock);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    struct err e = {0};
    struct slice text;
    int64_t number;
    bool yes;
    json_t *args = json_pack("{s:s, s:i, s:b, s:n}", "t", "x", "n", 7, "b", 1, "z");
    assert_int_equal(op_arg_text(args, "t", true, &text, &e), 0);
    assert_slice(text, "x");
    assert_int_equal(op_arg_text(args, "z", false, &text, &e), 0);
    assert_null(text.p);
    assert_int_equal(op_arg_text(args, "z", true, &text, &e), -1);
    assert_int_equal(op_arg_text(args, "n", false, &text, &e), -1);
    assert_int_equal(op_arg_number(args, "n", true, 0, &number, &e), 0);
    assert_int_equal(number, 7);
    assert_int_equal(op_arg_number(args, "absent", false, 9, &number, &e), 0);
    assert_int_equal(number, 9);
    assert_int_equal(op_arg_number(args, "t", false, 9, &number, &e), -1);
    assert_int_equal(op_arg_bool(args, "b", false, &yes, &e), 0);
    assert_true(yes);
    assert_int_equal(op_arg_bool(args, "n", false, &yes, &e), -1);
    assert_int_equal(e.code, ERR_SYNTAX);
    json_decref(args);
    json_t *v = op_json_text(S("a\xff"));
    assert_string_equal(json_string_value(v), "a\xef\xbf\xbd");
    json_decref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(metrics_over_http),
        cmocka_unit_test(operations_go_to_the_server),
        cmocka_unit_test(a_killed_worker_comes_back),
        cmocka_unit_test(reload_reads_the_configuration),
        cmocka_unit_test(what_cannot_start_says_so),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
