/* data_test.c - the end of DATA, dots, bare line ends; every case cut at every place. */
#include "base/test.h"
#include "proto/smtp/data.h"

struct outcome {
    char out[128];
    size_t n, taken;
    bool done, bare;
    uint64_t header_size, longest;
};

static void run(enum smtp_data_mode mode, bool dots, struct slice in, size_t cut,
                struct outcome *ret)
{
    BUF_SCOPE out = {0};
    struct smtp_data d;
    smtp_data_init(&d, mode, dots);
    size_t taken = smtp_data_feed(&d, slice_sub(in, 0, cut), &out);
    if (taken == cut)
        taken += smtp_data_feed(&d, slice_from(in, cut), &out);
    if (!dots)
        smtp_data_finish(&d, &out);
    assert_true(out.n < sizeof(ret->out) && d.size == out.n);
    *ret = (struct outcome){.n = out.n, .taken = taken, .done = d.done, .bare = d.bare};
    ret->header_size = d.header_size;
    ret->longest = d.longest;
    if (out.n)
        memcpy(ret->out, out.p, out.n);
}

static void check(enum smtp_data_mode mode, bool dots, struct slice in, struct slice want,
                  bool done, bool bare, size_t left)
{
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct outcome o;
        run(mode, dots, in, cut, &o);
        if (!slice_eq(slice_of(o.out, o.n), want))
            fail_msg("cut %zu: got \"%.*s\"", cut, (int)o.n, o.out);
        assert_int_equal(o.done, done);
        assert_int_equal(o.bare, bare);
        assert_int_equal(in.n - o.taken, left);
    }
}

static void the_end_is_crlf_dot_crlf(void **state)
{
    (void)state;
    check(SMTP_DATA_STRICT, true, S(".\r\n"), S(""), true, false, 0);
    check(SMTP_DATA_STRICT, true, S("a\r\n.\r\nQUIT\r\n"), S("a\r\n"), true, false, 6);
    check(SMTP_DATA_STRICT, true, S("..a\r\n...\r\n.b\r\n.\r\n"), S(".a\r\n..\r\nb\r\n"), true,
          false, 0);
    check(SMTP_DATA_STRICT, true, S("a\r\n."), S("a\r\n"), false, false, 0);
}

/* The forms that smuggle a second message past a server that ends the first one there. */
static void nothing_else_ends_data(void **state)
{
    (void)state;
    static const struct {
        struct slice in, strict, normal;
    } cases[] = {
        {S_INIT("a\n.\nb"), S_INIT("a\n.\nb\r\n"), S_INIT("a\r\n.\r\nb\r\n")},
        {S_INIT("a\n.\r\nb"), S_INIT("a\n.\r\nb\r\n"), S_INIT("a\r\n.\r\nb\r\n")},
        {S_INIT("a\r\n.\nb"), S_INIT("a\r\n\nb\r\n"), S_INIT("a\r\n\r\nb\r\n")},
        {S_INIT("a\r.\rb"), S_INIT("a\r.\rb\r\n"), S_INIT("a\r\n.\r\nb\r\n")},
        {S_INIT("a\r.\r\nb"), S_INIT("a\r.\r\nb\r\n"), S_INIT("a\r\n.\r\nb\r\n")},
        {S_INIT("a\r\n.\rb"), S_INIT("a\r\n\rb\r\n"), S_INIT("a\r\n\r\nb\r\n")},
        {S_INIT("a\r\r\n.\n"), S_INIT("a\r\r\n\n\r\n"), S_INIT("a\r\n\r\n\r\n\r\n")},
        {S_INIT("a\r\n.\r\r\nb"), S_INIT("a\r\n\r\r\nb\r\n"), S_INIT("a\r\n\r\n\r\nb\r\n")},
        {S_INIT("\n\r\nb"), S_INIT("\n\r\nb\r\n"), S_INIT("\r\n\r\nb\r\n")},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char whole[64];
        size_t n = cases[i].in.n;
        memcpy(whole, cases[i].in.p, n);
        memcpy(whole + n, "\r\n.\r\n", 5);
        check(SMTP_DATA_STRICT, true, slice_of(whole, n + 5), cases[i].strict, true, true, 0);
        check(SMTP_DATA_NORMALISE, true, slice_of(whole, n + 5), cases[i].normal, true, true, 0);
    }
}

static void chunks_have_no_dots(void **state)
{
    (void)state;
    check(SMTP_DATA_STRICT, false, S(".\r\n..a\r\n.\r\n"), S(".\r\n..a\r\n.\r\n"), false, false, 0);
    check(SMTP_DATA_STRICT, false, S("a"), S("a\r\n"), false, false, 0);
    check(SMTP_DATA_STRICT, false, S("a\r"), S("a\r\r\n"), false, true, 0);
    check(SMTP_DATA_NORMALISE, false, S("a\r"), S("a\r\n"), false, true, 0);
    check(SMTP_DATA_NORMALISE, false, S("a\n"), S("a\r\n"), false, true, 0);
    check(SMTP_DATA_NORMALISE, false, S("a\nb\rc\r\n"), S("a\r\nb\r\nc\r\n"), false, true, 0);
    check(SMTP_DATA_RAW, false, S("a\nb\r\0c"), S("a\nb\r\0c"), false, true, 0);
    check(SMTP_DATA_STRICT, false, S(""), S(""), false, false, 0);
}

static void header_and_lines_are_measured(void **state)
{
    (void)state;
    struct slice in = S("A: 1\r\nLonger: 2\r\n\r\nbody is not counted in it\r\n.\r\n");
    for (size_t cut = 0; cut <= in.n; cut++) {
        struct outcome o;
        run(SMTP_DATA_STRICT, true, in, cut, &o);
        assert_int_equal(o.header_size, 19);
        assert_int_equal(o.longest, 25);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_end_is_crlf_dot_crlf),
        cmocka_unit_test(nothing_else_ends_data),
        cmocka_unit_test(chunks_have_no_dots),
        cmocka_unit_test(header_and_lines_are_measured),
    };
    return RUN_TESTS(tests);
}
