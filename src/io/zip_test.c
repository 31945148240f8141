/* zip_test.c - DEFLATE both ways against zlib in the test: small and large output, pauses inside
   compressed input, bytes pipelined behind the command, damaged input, and bombs. */
#include "io/testing_lines.h"

#include <zlib.h>

static int setup(void **state)
{
    (void)state;
    return lines_setup(1);
}

static int teardown(void **state)
{
    (void)state;
    return lines_teardown();
}

struct zipped {
    int fd;
    z_stream in, out;
    char raw[65536];
};

static void zip_init(struct zipped *z, int fd)
{
    memset(z, 0, sizeof(*z));
    z->fd = fd;
    assert_int_equal(inflateInit2(&z->in, -15), Z_OK);
    assert_int_equal(deflateInit2(&z->out, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
}

static struct zipped *zip_client(void)
{
    struct zipped *z = malloc(sizeof(*z));
    int fd = test_connect(lines_port);
    test_send(fd, S("compress\r\n"));
    test_expect(fd, S("hello\r\nsqueeze\r\n"));
    zip_init(z, fd);
    return z;
}

static void zip_free(struct zipped *z)
{
    inflateEnd(&z->in);
    deflateEnd(&z->out);
    close(z->fd);
    free(z);
}

static size_t zip_encode(struct zipped *z, struct slice s, char *out, size_t cap)
{
    z->out.next_in = (Bytef *)(uintptr_t)s.p;
    z->out.avail_in = (uInt)s.n;
    z->out.next_out = (Bytef *)out;
    z->out.avail_out = (uInt)cap;
    deflate(&z->out, Z_SYNC_FLUSH);
    assert_int_equal(z->out.avail_in, 0);
    return cap - z->out.avail_out;
}

static void zip_send(struct zipped *z, struct slice s)
{
    char out[65536];
    size_t n = zip_encode(z, s, out, sizeof(out));
    test_send(z->fd, slice_of(out, n));
}

static void zip_expect(struct zipped *z, struct slice want)
{
    char *got = malloc(want.n + 1);
    z->in.next_out = (Bytef *)got;
    z->in.avail_out = (uInt)want.n;
    while (z->in.avail_out) {
        if (z->in.avail_in == 0) {
            ssize_t n = recv(z->fd, z->raw, sizeof(z->raw), 0);
            if (n <= 0)
                break;
            z->in.next_in = (Bytef *)z->raw;
            z->in.avail_in = (uInt)n;
        }
        int rc = inflate(&z->in, Z_SYNC_FLUSH);
        assert_true(rc == Z_OK || rc == Z_BUF_ERROR);
    }
    size_t n = want.n - z->in.avail_out;
    if (!slice_eq(slice_of(got, n), want))
        fail_msg("got \"%.*s\", want \"%.*s\"", (int)(n > 200 ? 200 : n), got, SARG(want));
    free(got);
}

static void lines_go_both_ways(void **state)
{
    (void)state;
    struct zipped *z = zip_client();
    for (int i = 0; i < 20; i++) {
        zip_send(z, S("echo one\r\nec"));
        zip_send(z, S("ho two\r\n"));
        zip_expect(z, S("one\r\ntwo\r\n"));
    }
    zip_send(z, S("big 3000000\r\necho end\r\n"));
    usleep(100000);
    char *want = malloc(3000000);
    memset(want, 'x', 3000000);
    zip_expect(z, slice_of(want, 3000000));
    free(want);
    zip_expect(z, S("\r\nend\r\n"));
    zip_send(z, S("quit\r\n"));
    zip_expect(z, S("bye\r\n"));
    zip_free(z);
}

static void a_pause_keeps_compressed_input(void **state)
{
    (void)state;
    struct zipped *z = zip_client();
    char all[20000];
    size_t n = 0, count = 0;
    n += (size_t)snprintf(all, sizeof(all), "pause 200\r\n");
    while (n < sizeof(all) - 20) {
        n += (size_t)snprintf(all + n, sizeof(all) - n, "echo %zu\r\n", count);
        count++;
    }
    zip_send(z, slice_of(all, n)); /* more than one step of inflating */
    test_expect_silence(z->fd, 100);
    zip_send(z, S("echo last\r\n"));
    zip_expect(z, S("resumed\r\n"));
    for (size_t i = 0; i < count; i++) {
        char line[32];
        snprintf(line, sizeof(line), "%zu\r\n", i);
        zip_expect(z, slice_str(line));
    }
    zip_expect(z, S("last\r\n"));
    zip_free(z);
}

static void what_follows_the_command_is_compressed(void **state)
{
    (void)state;
    struct zipped *z = malloc(sizeof(*z));
    char all[300] = "echo plain\r\ncompress\r\n";
    int fd = test_connect(lines_port);
    zip_init(z, fd);
    size_t n = strlen(all);
    n += zip_encode(z, S("echo packed\r\n"), all + n, sizeof(all) - n);
    test_send(fd, slice_of(all, n));
    test_expect(fd, S("hello\r\nplain\r\nsqueeze\r\n"));
    zip_send(z, S("echo more\r\n"));
    zip_expect(z, S("packed\r\nmore\r\n"));
    zip_free(z);
}

static void damaged_input_ends(void **state)
{
    (void)state;
    struct zipped *z = zip_client();
    test_send(z->fd, S("\xff\xff\xff\xff not deflate at all \xff\xff"));
    test_expect_end(z->fd);
    zip_free(z);
}

/* Bug class 14: 60 MB of one line in 60 KB. The line ends the connection at io.pending_max, and
   never does input() see more than that; a bomb of empty commands only costs turns. */
static void a_bomb_meets_the_limit(void **state)
{
    (void)state;
    struct zipped *z = zip_client();
    static char zeros[1 << 20];
    for (int i = 0; i < 60 && lines_server.closed == 0; i++) {
        char out[65536];
        size_t n = zip_encode(z, slice_of(zeros, sizeof(zeros)), out, sizeof(out));
        if (send(z->fd, out, n, MSG_NOSIGNAL) < 0)
            break;
    }
    lines_wait_closed(&lines_server, 1);
    assert_string_equal(lines_server.last_text, "input over io.pending_max");
    assert_in_range(lines_server.largest_input, 1, 256 * 1024 + 65536);
    zip_free(z);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(lines_go_both_ways),
        T(a_pause_keeps_compressed_input),
        T(what_follows_the_command_is_compressed),
        T(damaged_input_ends),
        T(a_bomb_meets_the_limit),
    };
    return RUN_TESTS(tests);
}
