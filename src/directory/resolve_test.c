/* resolve_test.c - where mail goes: details, aliases, nested lists, loops, alias domains,
   catch-alls, disabled people, limits. One directory for all rows of the table. */
#include "base/test.h"

#include "base/setting.h"
#include "directory/directory.h"
#include "directory/temp_test.h"

SETTING_DECLARE(directory, list_max);
SETTING_DECLARE(directory, detail_delimiter);

static uint64_t add(const char *address, uint64_t flags)
{
    uint64_t id = 0;
    struct err e = {0};
    if (directory_account_add(slice_str(address), S(""), flags, 0, &id, &e))
        fail_msg("%s", e.text);
    return id;
}

static void alias(const char *from, const char *to)
{
    struct err e = {0};
    if (directory_alias_add(slice_str(from), slice_str(to), &e))
        fail_msg("%s", e.text);
}

static void list(const char *address, const char *const *members)
{
    struct err e = {0};
    if (directory_list_add(slice_str(address), &e))
        fail_msg("%s", e.text);
    for (; *members; members++)
        if (directory_member_add(slice_str(address), slice_str(*members), &e))
            fail_msg("%s", e.text);
}
#define LIST(address, ...) list(address, (const char *const[]){__VA_ARGS__, NULL})

static void build(void)
{
    static const char *const domains[][2] = {{"x.test", ""},
                                             {"y.test", "x.test"},
                                             {"catch.test", ""},
                                             {"loop.test", ""},
                                             {"b\xc3\xbc.test", ""}};
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(
            directory_domain_add(slice_str(domains[i][0]), slice_str(domains[i][1]), NULL), 0);
    add("ann@x.test", 0);
    add("bob@x.test", ACCOUNT_NO_LOGIN);
    add("bob+real@x.test", 0);
    add("gone@x.test", ACCOUNT_DISABLED);
    add("rest@catch.test", 0);
    add("j\xc3\xb6rg@b\xc3\xbc.test", 0);
    alias("info@x.test", "ann@x.test");
    alias("sales@x.test", "info+sales@x.test");
    alias("out@x.test", "some@else.where");
    alias("case@x.test", "Some.One@ELSE.Where");
    alias("owner-crew@x.test", "bob@x.test");
    alias("stale@x.test", "nobody@x.test");
    alias("left@x.test", "gone@x.test");
    alias("p@x.test", "q@x.test");
    alias("q@x.test", "p@x.test");
    LIST("all@x.test", "ann@x.test", "info@x.test", "Bob@Y.test", "team@x.test", "a@else.where");
    LIST("team@x.test", "all@x.test", "bob@x.test", "gone@x.test", "nobody@x.test");
    LIST("empty@x.test", "gone@x.test");
    LIST("crew@x.test", "Ann@X.test", "Joe@else.where", "joe@else.where");
    assert_int_equal(directory_domain_catch_all(S("catch.test"), S("rest@catch.test"), false, NULL),
                     0);
    alias("no@loop.test", "ann@x.test");
    assert_int_equal(directory_domain_catch_all(S("loop.test"), S("no@loop.test"), false, NULL), 0);
    assert_int_equal(directory_alias_remove(S("no@loop.test"), NULL), 0);
}

/* "address[+detail][/list][<owner] ..." or the name of the error. */
static const char *resolve(const char *recipient, struct buf *out)
{
    ARENA_SCOPE a = {0};
    struct delivery_target *t = NULL;
    size_t n = 0;
    struct err e = {0};
    buf_reset(out);
    if (directory_resolve(slice_str(recipient), &a, &t, &n, &e))
        return err_code_name(e.code);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(t[i].account == 0, slice_endsi(t[i].address, S("else.where")));
        buf_addf(out, "%s%.*s", i ? " " : "", SARG(t[i].address));
        if (t[i].detail.p)
            buf_addf(out, "+%.*s", SARG(t[i].detail));
        if (t[i].list.p)
            buf_addf(out, "/%.*s", SARG(t[i].list));
        if (t[i].owner.p)
            buf_addf(out, "<%.*s", SARG(t[i].owner));
    }
    return buf_cstr(out);
}

static void table_of_recipients(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"ann@x.test", "ann@x.test"},
        {"ANN@Y.TEST", "ann@x.test"},
        {"ann+Lists.Foo@y.test", "ann@x.test+Lists.Foo"},
        {"ann+@x.test", "ann@x.test+"},
        {"+ann@x.test", "not-found"},
        {"bob+real@x.test", "bob+real@x.test"},
        {"bob+real+more@x.test", "bob@x.test+real+more"},
        {"info@x.test", "ann@x.test"},
        {"info+box@x.test", "ann@x.test+box"},
        {"sales@x.test", "ann@x.test+sales"},
        {"out@x.test", "some@else.where"},
        {"case@x.test", "Some.One@else.where"},
        {"crew@x.test", "Joe@else.where/crew@x.test<owner-crew@x.test ann@x.test/crew@x.test"
                        "<owner-crew@x.test joe@else.where/crew@x.test<owner-crew@x.test"},
        {"stale@x.test", "not-found"},
        {"left@x.test", "no-permission"},
        {"gone@x.test", "no-permission"},
        {"gone+x@x.test", "no-permission"},
        {"p@x.test", "not-found"},
        {"nobody@x.test", "not-found"},
        {"nobody@catch.test", "rest@catch.test"},
        {"rest+d@catch.test", "rest@catch.test+d"},
        {"any@loop.test", "not-found"},
        {"u@else.where", "unsupported"},
        {"u@[127.0.0.1]", "unsupported"},
        {"u", "syntax"},
        {"u@", "syntax"},
        {"u\r\n@x.test", "syntax"},
        {"empty@x.test", "no-permission"},
        {"jo\xcc\x88rg@B\xc3\x9c.test", "j\xc3\xb6rg@xn--b-eha.test"},
        {"all@x.test", "a@else.where/all@x.test ann@x.test/all@x.test bob@x.test/all@x.test"},
        {"team+d@x.test", "a@else.where/team@x.test ann@x.test+d/team@x.test "
                          "bob@x.test+d/team@x.test"},
    };
    BUF_SCOPE b = {0};
    build();
    for (int again = 0; again < 2; again++) /* from the tables, then from the cache */
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            const char *got = resolve(rows[i][0], &b);
            if (!slice_eq(slice_str(got), slice_str(rows[i][1])))
                fail_msg("%s: got \"%s\", want \"%s\"", rows[i][0], got, rows[i][1]);
        }
}

static void delimiters_are_a_setting(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    build();
    assert_int_equal(setting_parse(&set_directory_detail_delimiter, S("-="), NULL), 0);
    assert_string_equal(resolve("ann-a=b@x.test", &b), "ann@x.test+a=b");
    assert_string_equal(resolve("ann+a@x.test", &b), "not-found");
    assert_int_equal(setting_parse(&set_directory_detail_delimiter, S(""), NULL), 0);
    assert_string_equal(resolve("ann-a@x.test", &b), "not-found");
    setting_reset(&set_directory_detail_delimiter);
}

static void long_chains_end(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    char from[40], to[40];
    build();
    for (int i = 0; i < 9; i++) {
        snprintf(from, sizeof(from), "c%d@x.test", i);
        snprintf(to, sizeof(to), i == 8 ? "ann@x.test" : "c%d@x.test", i + 1);
        alias(from, to);
    }
    assert_string_equal(resolve("c0@x.test", &b), "ann@x.test");
    for (int i = 0; i < 30; i++) {
        snprintf(from, sizeof(from), "n%d@x.test", i);
        snprintf(to, sizeof(to), i == 29 ? "ann@x.test" : "n%d@x.test", i + 1);
        LIST(from, to);
    }
    assert_string_equal(resolve("n0@x.test", &b), "not-found");
    assert_string_equal(resolve("n20@x.test", &b), "ann@x.test/n20@x.test");
}

static void more_than_the_limit_is_refused(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    build();
    LIST("wide@x.test", "1@else.where", "2@else.where", "3@else.where");
    LIST("wider@x.test", "wide@x.test", "4@else.where");
    assert_int_equal(setting_parse(&set_directory_list_max, S("3"), NULL), 0);
    assert_string_equal(
        resolve("wide@x.test", &b),
        "1@else.where/wide@x.test 2@else.where/wide@x.test 3@else.where/wide@x.test");
    assert_string_equal(resolve("wider@x.test", &b), "limit");
    assert_int_equal(setting_parse(&set_directory_list_max, S("2"), NULL), 0);
    assert_string_equal(resolve("wide@x.test", &b), "limit");
    setting_reset(&set_directory_list_max);
}

static void changes_are_seen_at_once(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    build();
    assert_string_equal(resolve("info@x.test", &b), "ann@x.test");
    assert_int_equal(directory_alias_remove(S("info@x.test"), NULL), 0);
    assert_string_equal(resolve("info@x.test", &b), "not-found");
    alias("info@x.test", "bob@x.test");
    assert_string_equal(resolve("info@x.test", &b), "bob@x.test");
}

static bool is_known(const char *recipient)
{
    ARENA_SCOPE a = {0};
    struct delivery_target *t = NULL;
    size_t n = 0;
    if (directory_resolve_known(slice_str(recipient), &a, &t, &n))
        return false;
    assert_int_equal(n, 1);
    assert_slice(t[0].address, "ann@x.test");
    return true;
}

/* What has been looked for and found is in memory until something changes; lists and what is not
   there never are. */
static void what_is_in_memory(void **state)
{
    (void)state;
    static const char *const recipients[] = {"ann@x.test", "info@x.test", "ANN@y.test"};
    static const char *const never[] = {"crew@x.test", "nobody@x.test", "gone@x.test", "x@no.test"};
    BUF_SCOPE b = {0};
    build();
    for (size_t i = 0; i < sizeof recipients / sizeof *recipients; i++) {
        assert_false(is_known(recipients[i]));
        assert_string_equal(resolve(recipients[i], &b), "ann@x.test");
        assert_true(is_known(recipients[i]));
        alias("another@x.test", "bob@x.test");
        assert_int_equal(directory_alias_remove(S("another@x.test"), NULL), 0);
        assert_false(is_known(recipients[i]));
    }
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        resolve(never[i], &b);
        assert_false(is_known(never[i]));
    }
}

/* Without memory nobody is refused for good, and no target is left out. */
static void a_small_arena_refuses_nobody(void **state)
{
    (void)state;
    static const struct {
        const char *recipient;
        size_t targets;
    } rows[] = {
        {"all@x.test", 3}, {"ann+detail@x.test", 1}, {"crew@x.test", 3}, {"any@catch.test", 1}};
    build();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (size_t limit = 0; limit < 4000; limit += 10) {
            ARENA_SCOPE a = {.limit = limit + 1};
            struct delivery_target *t = NULL;
            size_t n = 0;
            struct err e = {0};
            if (directory_resolve(slice_str(rows[i].recipient), &a, &t, &n, &e))
                assert_int_equal(e.code, ERR_BUSY);
            else
                assert_int_equal(n, rows[i].targets);
        }
    for (size_t limit = 0; limit < 2000; limit += 10) {
        ARENA_SCOPE a = {.limit = limit + 1};
        struct account_info info;
        struct err e = {0};
        if (directory_account(S("sales@x.test"), &a, &info, &e))
            assert_int_equal(e.code, ERR_BUSY);
        else
            assert_slice(info.address, "ann@x.test");
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_open, temp_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(table_of_recipients),      TEST(delimiters_are_a_setting),
        TEST(long_chains_end),          TEST(more_than_the_limit_is_refused),
        TEST(changes_are_seen_at_once), TEST(a_small_arena_refuses_nobody),
        TEST(what_is_in_memory),
    };
    return RUN_TESTS(tests);
}
