/* path_test.c - what RFC 5321 4.1.2 allows and what it does not. */
#include "base/buf.h"
#include "base/test.h"
#include "proto/smtp/path.h"

static int parse(const char *text, unsigned flags, struct arena *a, struct smtp_path *ret)
{
    struct slice in = slice_str(text);
    struct err e = {0};
    int r = smtp_path_parse(&in, flags, a, ret, &e);
    if (r)
        assert_true(e.code == ERR_SYNTAX && e.text[0] == '5');
    return r ? r : (int)in.n;
}

static void good_paths(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        unsigned flags;
        const char *address, *local, *domain;
    } cases[] = {
        {"<a@b.example>", 0, "a@b.example", "a", "b.example"},
        {"<a.b+c=d@B.Example>", 0, "a.b+c=d@B.Example", "a.b+c=d", "B.Example"},
        {"<\"a b\"@x>", 0, "\"a b\"@x", "a b", "x"},
        {"<\"ab\"@x>", 0, "ab@x", "ab", "x"},
        {"<\"a\\\"\\\\@>\"@x>", 0, "\"a\\\"\\\\@>\"@x", "a\"\\@>", "x"},
        {"<\"\"@x>", 0, "\"\"@x", "", "x"},
        {"<\"a..b\"@x>", 0, "\"a..b\"@x", "a..b", "x"},
        {"<a@[192.0.2.1]>", 0, "a@[192.0.2.1]", "a", "[192.0.2.1]"},
        {"<a@[IPv6:2001:db8::1]>", 0, "a@[IPv6:2001:db8::1]", "a", "[IPv6:2001:db8::1]"},
        {"<@r1.example,@r2.example:a@x>", 0, "a@x", "a", "x"},
        {"<>", SMTP_PATH_NULL, "", "", ""},
        {"<PostMaster>", SMTP_PATH_POSTMASTER, "PostMaster", "PostMaster", ""},
        {"<j\xc3\xbcrgen@b\xc3\xbc"
         "cher.example>",
         SMTP_PATH_UTF8,
         "j\xc3\xbcrgen@b\xc3\xbc"
         "cher.example",
         "j\xc3\xbcrgen",
         "b\xc3\xbc"
         "cher.example"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ARENA_SCOPE a = {0};
        struct smtp_path path;
        assert_int_equal(parse(cases[i].in, cases[i].flags, &a, &path), 0);
        assert_slice(path.address, cases[i].address);
        assert_slice(path.local, cases[i].local);
        assert_slice(path.domain, cases[i].domain);
        assert_int_equal(path.utf8, (cases[i].flags & SMTP_PATH_UTF8) != 0);
    }
}

static void bad_paths(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "a@b",
        "<a@b",
        "<>",
        "<a>",
        "<@b>",
        "<a@>",
        "<.a@b>",
        "<a.@b>",
        "<a..b@c>",
        "<a b@c>",
        "<a@b..c>",
        "<a@-b>",
        "<a@b->",
        "<a@b_c>",
        "<a@[1.2.3]>",
        "<a@[1.2.3.4>",
        "<a@[IPv6:1]>",
        "<a@[]>",
        "<\"a@b>",
        "<\"a\\",
        "<\"a\tb\"@c>",
        "<\"a\x01\"@c>",
        "<j\xc3\xbcrgen@x>",
        "<a@b\xc3\xbc.example>",
        "<@r:>",
        "<@r;a@b>",
        "<r:a@b>",
        "<postmaster>",
        "<a@b@c>",
        "<a(b)@c>",
        "<a@b c>",
        "<\"\\\x7f\"@c>",
        "<a@[x:1.2.3.4]>",
        "<a@b.>",
        "<a@.b>",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ARENA_SCOPE a = {0};
        struct smtp_path path;
        if (parse(cases[i], 0, &a, &path) >= 0)
            fail_msg("%s was taken", cases[i]);
    }
}

static void bad_utf8_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {"<\xc3@x>", "<a\xff@x>", "<a\xc2\x85@x>",
                                        "<a@\xed\xa0\x80>", "<\"\\\xc3\xbc\"@x>"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ARENA_SCOPE a = {0};
        struct smtp_path path;
        if (parse(cases[i], SMTP_PATH_UTF8, &a, &path) >= 0)
            fail_msg("case %zu was taken", i);
    }
}

static void nul_is_refused(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct smtp_path path;
    struct slice in = S("<a\0b@c>"), in2 = S("<a@[1.2.3.4\0]>"), in3 = S("<a@b\0>");
    assert_int_equal(smtp_path_parse(&in, 0, &a, &path, NULL), -1);
    assert_int_equal(smtp_path_parse(&in2, 0, &a, &path, NULL), -1);
    assert_int_equal(smtp_path_parse(&in3, 0, &a, &path, NULL), -1);
}

static void lengths_are_limited(void **state)
{
    (void)state;
    static const struct {
        size_t local, label, labels;
        int good;
    } cases[] = {{255, 10, 1, 1}, {256, 10, 1, 0}, {1, 63, 1, 1}, {1, 64, 1, 0}, {1, 62, 5, 0}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ARENA_SCOPE a = {0};
        BUF_SCOPE b = {0};
        struct smtp_path path;
        buf_addc(&b, '<');
        for (size_t k = 0; k < cases[i].local; k++)
            buf_addc(&b, 'x');
        for (size_t k = 0; k < cases[i].labels; k++) {
            buf_addc(&b, k ? '.' : '@');
            for (size_t m = 0; m < cases[i].label; m++)
                buf_addc(&b, 'y');
        }
        buf_addc(&b, '>');
        struct slice in = buf_slice(&b);
        assert_int_equal(smtp_path_parse(&in, 0, &a, &path, NULL) == 0, cases[i].good);
    }
}

static void what_follows_is_left(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct smtp_path path;
    struct slice in = S("<a@b> SIZE=1");
    assert_int_equal(smtp_path_parse(&in, 0, &a, &path, NULL), 0);
    assert_slice(in, " SIZE=1");
    assert_int_equal(smtp_mailbox_parse(S("a@b"), 0, &a, &path, NULL), 0);
    assert_int_equal(smtp_mailbox_parse(S("a@b>"), 0, &a, &path, NULL), -1);
    assert_int_equal(smtp_mailbox_parse(S("a@b "), 0, &a, &path, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_paths),          cmocka_unit_test(bad_paths),
        cmocka_unit_test(bad_utf8_is_refused), cmocka_unit_test(nul_is_refused),
        cmocka_unit_test(lengths_are_limited), cmocka_unit_test(what_follows_is_left),
    };
    return RUN_TESTS(tests);
}
