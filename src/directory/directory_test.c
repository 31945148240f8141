/* directory_test.c - accounts, domains, aliases, lists and credentials as they are kept; log-in
   names; who may send as whom; what a change does to what points to it. */
#include "base/test.h"

#include "base/setting.h"
#include "directory/directory.h"
#include "directory/temp_test.h"

SETTING_DECLARE(directory, list_max);

#define OK(call)                                                                                   \
    do {                                                                                           \
        struct err e_ = {0}, *e = &e_;                                                             \
        if (call)                                                                                  \
            fail_msg("%s: %s", #call, e_.text);                                                    \
    } while (0)
#define FAILS(want, call)                                                                          \
    do {                                                                                           \
        struct err e_ = {0}, *e = &e_;                                                             \
        assert_int_equal((call), -1);                                                              \
        assert_string_equal(err_code_name(e_.code), err_code_name(want));                          \
    } while (0)

static uint64_t account(const char *address)
{
    uint64_t id = 0;
    OK(directory_account_add(slice_str(address), S(""), 0, 0, &id, e));
    return id;
}

static uint64_t find(const char *address)
{
    ARENA_SCOPE a = {0};
    struct account_info info;
    return directory_account(slice_str(address), &a, &info, NULL) ? 0 : info.id;
}

static void accounts_live(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct account_info info;
    uint64_t id = 0, other;
    FAILS(ERR_NOTFOUND, directory_account_add(S("u@x.test"), S(""), 0, 0, &id, e));
    OK(directory_domain_add(S("X.test"), S(""), e));
    FAILS(ERR_EXISTS, directory_domain_add(S("x.TEST"), S(""), e));
    OK(directory_account_add(S("User@X.test"), S("J\xc3\xb6rg"), ACCOUNT_ADMIN, 1000, &id, e));
    assert_true(id >= 1);
    FAILS(ERR_EXISTS, directory_account_add(S("uSER@x.test"), S(""), 0, 0, &other, e));
    OK(directory_account(S("USER@x.test"), &a, &info, e));
    assert_slice(info.address, "user@x.test");
    assert_slice(info.name, "J\xc3\xb6rg");
    assert_int_equal(info.flags, ACCOUNT_ADMIN);
    assert_int_equal(info.quota, 1000);
    assert_true(info.created_at > 1700000000);
    OK(directory_account_set_flags(id, ACCOUNT_NO_LOGIN, e));
    OK(directory_account_set_quota(id, 5, e));
    OK(directory_account_set_name(id, S("N"), e));
    OK(directory_account_by_id(id, &a, &info, e));
    assert_int_equal(info.flags, ACCOUNT_NO_LOGIN);
    assert_int_equal(info.quota, 5);
    assert_slice(info.name, "N");
    FAILS(ERR_SYNTAX, directory_account_set_name(id, S("a\nb"), e));
    FAILS(ERR_SYNTAX, directory_account_set_name(id, S("a\xff"), e));
    FAILS(ERR_SYNTAX, directory_account_set_quota(id, -1, e));
    FAILS(ERR_SYNTAX, directory_account_set_flags(id, 1 << 20, e));
    FAILS(ERR_NOTFOUND, directory_account_set_quota(id + 7, 1, e));
    FAILS(ERR_NOTFOUND, directory_account_remove(id + 7, e));
    OK(directory_account_remove(id, e));
    FAILS(ERR_NOTFOUND, directory_account_by_id(id, &a, &info, e));
    /* An id is never used again. */
    assert_true(account("user@x.test") > id);
}

static void domains_go_only_when_empty(void **state)
{
    (void)state;
    OK(directory_domain_add(S("x.test"), S(""), e));
    OK(directory_domain_add(S("alias.test"), S("x.test"), e));
    FAILS(ERR_NOTFOUND, directory_domain_add(S("z.test"), S("no.test"), e));
    FAILS(ERR_NOTFOUND, directory_domain_add(S("z.test"), S("alias.test"), e));
    uint64_t id = account("u@x.test");
    FAILS(ERR_NOTFOUND, directory_account_add(S("v@alias.test"), S(""), 0, 0, &id, e));
    FAILS(ERR_CONFLICT, directory_domain_remove(S("x.test"), e));
    OK(directory_account_remove(id, e));
    FAILS(ERR_CONFLICT, directory_domain_remove(S("x.test"), e));
    OK(directory_domain_remove(S("alias.test"), e));
    OK(directory_domain_remove(S("x.test"), e));
    FAILS(ERR_NOTFOUND, directory_domain_remove(S("x.test"), e));
    assert_int_equal(directory_domain_is_local(S("x.test"), NULL), 0);
}

static void local_domains(void **state)
{
    (void)state;
    OK(directory_domain_add(S("b\xc3\xbc"
                              "cher.example"),
                            S(""), e));
    assert_int_equal(directory_domain_is_local(S("B\xc3\x9c"
                                                 "CHER.example"),
                                               NULL),
                     1);
    assert_int_equal(directory_domain_is_local(S("xn--bcher-kva.EXAMPLE"), NULL), 1);
    assert_int_equal(directory_domain_is_local(S("example"), NULL), 0);
    assert_int_equal(directory_domain_is_local(S("x\r\n.test"), NULL), 0);
    assert_int_equal(directory_domain_is_local(S("' OR ''='"), NULL), 0);
    assert_int_equal(directory_domain_is_local(S(""), NULL), 0);
}

static void login_names(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct account_info info;
    OK(directory_domain_add(S("x.test"), S(""), e));
    OK(directory_domain_add(S("y.test"), S("x.test"), e));
    uint64_t id = account("u@x.test");
    OK(directory_alias_add(S("post@x.test"), S("u@x.test"), e));
    OK(directory_alias_add(S("tagged@x.test"), S("u+tag@x.test"), e));
    OK(directory_list_add(S("all@x.test"), e));
    static const char *const good[] = {"u", "U", "u@x.test", "u@Y.test", "post", "tagged"};
    for (size_t i = 0; i < 6; i++) {
        OK(directory_login(slice_str(good[i]), &a, &info, e));
        assert_int_equal(info.id, id);
    }
    FAILS(ERR_NOTFOUND, directory_login(S("nobody"), &a, &info, e));
    FAILS(ERR_NOTFOUND, directory_login(S("all"), &a, &info, e));
    FAILS(ERR_NOTFOUND, directory_login(S("u+tag@x.test"), &a, &info, e));
    FAILS(ERR_SYNTAX, directory_login(S("u\0@x.test"), &a, &info, e));
    OK(directory_domain_add(S("second.test"), S(""), e));
    FAILS(ERR_NOTFOUND, directory_login(S("u"), &a, &info, e));
}

static void aliases_and_senders(void **state)
{
    (void)state;
    OK(directory_domain_add(S("x.test"), S(""), e));
    OK(directory_domain_add(S("y.test"), S("x.test"), e));
    uint64_t u = account("u@x.test"), v = account("v@x.test");
    OK(directory_alias_add(S("one@x.test"), S("two@x.test"), e));
    OK(directory_alias_add(S("two@x.test"), S("u@x.test"), e));
    FAILS(ERR_EXISTS, directory_alias_add(S("one@x.test"), S("v@x.test"), e));
    FAILS(ERR_EXISTS, directory_alias_add(S("u@x.test"), S("v@x.test"), e));
    FAILS(ERR_SYNTAX, directory_alias_add(S("self@x.test"), S("SELF@x.test"), e));
    FAILS(ERR_NOTFOUND, directory_alias_add(S("a@elsewhere.test"), S("v@x.test"), e));
    assert_int_equal(find("one@x.test"), u);
    assert_int_equal(directory_may_send_as(u, S("one@y.test"), NULL), 1);
    assert_int_equal(directory_may_send_as(u, S("U+shop@x.test"), NULL), 1);
    assert_int_equal(directory_may_send_as(v, S("one@x.test"), NULL), 0);
    assert_int_equal(directory_may_send_as(v, S("u@x.test"), NULL), 0);
    assert_int_equal(directory_may_send_as(v, S("x@other.test"), NULL), 0);
    assert_int_equal(directory_may_send_as(v, S(""), NULL), 0);
    assert_int_equal(directory_may_send_as(v, S("v@x.test\r\nRCPT TO:<a@b>"), NULL), 0);
    FAILS(ERR_NOTFOUND, directory_alias_remove(S("u@x.test"), e));
    OK(directory_alias_remove(S("one@x.test"), e));
    assert_int_equal(find("one@x.test"), 0);
}

static int count_member(struct slice member, void *arg)
{
    (void)member;
    ++*(int *)arg;
    return 0;
}

static int members(const char *list)
{
    int n = 0;
    return directory_each_member(slice_str(list), count_member, &n, NULL) ? -1 : n;
}

static void rename_and_remove_follow_pointers(void **state)
{
    (void)state;
    OK(directory_domain_add(S("x.test"), S(""), e));
    uint64_t u = account("u@x.test");
    account("w@x.test");
    OK(directory_alias_add(S("a@x.test"), S("u@x.test"), e));
    OK(directory_list_add(S("l@x.test"), e));
    OK(directory_list_add(S("m@x.test"), e));
    OK(directory_member_add(S("l@x.test"), S("u@x.test"), e));
    OK(directory_member_add(S("l@x.test"), S("new@x.test"), e));
    OK(directory_member_add(S("m@x.test"), S("u@x.test"), e));
    FAILS(ERR_EXISTS, directory_member_add(S("m@x.test"), S("U@x.test"), e));
    FAILS(ERR_SYNTAX, directory_member_add(S("m@x.test"), S("m@x.test"), e));
    FAILS(ERR_NOTFOUND, directory_member_add(S("u@x.test"), S("z@x.test"), e));
    FAILS(ERR_EXISTS, directory_account_rename(u, S("w@x.test"), e));
    FAILS(ERR_NOTFOUND, directory_account_rename(u, S("u@no.test"), e));
    assert_int_equal(find("u@x.test"), u);
    OK(directory_account_rename(u, S("new@x.test"), e));
    OK(directory_account_rename(u, S("new@x.test"), e));
    assert_int_equal(find("u@x.test"), 0);
    assert_int_equal(find("new@x.test"), u);
    assert_int_equal(find("a@x.test"), u);
    assert_int_equal(members("l@x.test"), 1);
    assert_int_equal(members("m@x.test"), 1);
    OK(directory_account_remove(u, e));
    assert_int_equal(members("l@x.test"), 0);
    assert_int_equal(members("m@x.test"), 0);
    /* A new owner of the address does not get the old one's alias. */
    FAILS(ERR_NOTFOUND, directory_alias_remove(S("a@x.test"), e));
    OK(directory_list_remove(S("m@x.test"), e));
    assert_int_equal(members("m@x.test"), -1);
}

static void lists_have_a_limit(void **state)
{
    (void)state;
    OK(directory_domain_add(S("x.test"), S(""), e));
    OK(directory_list_add(S("l@x.test"), e));
    OK(setting_parse(&set_directory_list_max, S("2"), e));
    OK(directory_member_add(S("l@x.test"), S("a@other.test"), e));
    OK(directory_member_add(S("l@x.test"), S("b@other.test"), e));
    FAILS(ERR_LIMIT, directory_member_add(S("l@x.test"), S("c@other.test"), e));
    setting_reset(&set_directory_list_max);
}

static void credentials(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct credential c = {.hash = S("h1"), .scram = S("s1"), .changed_at = 5}, got;
    OK(directory_domain_add(S("x.test"), S(""), e));
    c.account = account("u@x.test");
    FAILS(ERR_NOTFOUND, directory_credential(c.account, &a, &got, e));
    OK(directory_credential_set(&c, e));
    c.scram = SNONE;
    c.changed_at = 6;
    OK(directory_credential_set(&c, e));
    OK(directory_credential(c.account, &a, &got, e));
    assert_slice(got.hash, "h1");
    assert_int_equal(got.scram.n, 0);
    assert_int_equal(got.changed_at, 6);
    assert_int_equal(got.account, c.account);
    OK(directory_account_remove(c.account, e));
    FAILS(ERR_NOTFOUND, directory_credential(c.account, &a, &got, e));
    FAILS(ERR_NOTFOUND, directory_credential_set(&c, e));
}

static int remember(const struct account_info *info, void *arg)
{
    struct buf *b = arg;
    buf_addf(b, "%.*s ", SARG(info->address));
    /* Other calls are allowed inside a walk. */
    assert_int_equal(find("b@x.test") > 0, 1);
    return b->n > 30;
}

static int remember_alias(struct slice alias, struct slice target, void *arg)
{
    buf_addf(arg, "%.*s>%.*s ", SARG(alias), SARG(target));
    return 0;
}

static void walks_are_sorted_and_filtered(void **state)
{
    (void)state;
    BUF_SCOPE b = {0};
    OK(directory_domain_add(S("x.test"), S(""), e));
    OK(directory_domain_add(S("y.test"), S(""), e));
    account("b@x.test");
    account("a@x.test");
    account("c@y.test");
    account("d@y.test");
    OK(directory_alias_add(S("z@x.test"), S("a@x.test"), e));
    OK(directory_each_account(S("x.test"), remember, &b, e));
    assert_slice(buf_slice(&b), "a@x.test b@x.test ");
    buf_reset(&b);
    OK(directory_each_account(S(""), remember, &b, e));
    assert_slice(buf_slice(&b), "a@x.test b@x.test c@y.test d@y.test ");
    buf_reset(&b);
    OK(directory_each_account_after(S(""), S("b@x.test"), remember, &b, e));
    assert_slice(buf_slice(&b), "c@y.test d@y.test ");
    buf_reset(&b);
    OK(directory_each_alias(S(""), remember_alias, &b, e));
    assert_slice(buf_slice(&b), "z@x.test>a@x.test ");
    FAILS(ERR_NOTFOUND, directory_each_member(S("a@x.test"), count_member, &b, e));
    FAILS(ERR_SYNTAX, directory_each_account(S("no domain"), remember, &b, e));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temp_open, temp_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(accounts_live),
        TEST(domains_go_only_when_empty),
        TEST(local_domains),
        TEST(login_names),
        TEST(aliases_and_senders),
        TEST(rename_and_remove_follow_pointers),
        TEST(lists_have_a_limit),
        TEST(credentials),
        TEST(walks_are_sorted_and_filtered),
    };
    return RUN_TESTS(tests);
}
