/* mutf7_test.c - mailbox names in modified UTF-7, both ways, and what is refused. */
#include "base/test.h"
#include "proto/imap/list_args.h"
#include "proto/imap/mutf7.h"

static void names_go_both_ways(void **state)
{
    (void)state;
    static const char *pairs[][2] = {
        {"INBOX", "INBOX"},
        {"a & b", "a &- b"},
        {"&", "&-"},
        {"Entw\xc3\xbcrfe", "Entw&APw-rfe"},
        {"~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e",
         "~peter/mail/&U,BTFw-/&ZeVnLIqe-"},
        {"\xf0\x9f\x98\x80", "&2D3eAA-"},
        {"\xe2\x98\xba&", "&Jjo-&-"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        BUF_SCOPE out = {0};
        mutf7_encode(slice_str(pairs[i][0]), &out);
        assert_slice(buf_slice(&out), pairs[i][1]);
        BUF_SCOPE back = {0};
        assert_int_equal(mutf7_decode(buf_slice(&out), &back), 0);
        assert_slice(buf_slice(&back), pairs[i][0]);
    }
}

static void other_spellings_are_refused(void **state)
{
    (void)state;
    static const char *bad[] = {
        "&",          "&Jjo",
        "&Jjo!-",     "&AGE-" /* an 'a' */,
        "&Jjo-&Jjo-", "\xc3\xbc",
        "a\x01",      "&2D0-" /* half a pair */,
        "&3gA-",      "&Jj-" /* bits left */,
        "&Jjp-",      "&J-",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        BUF_SCOPE out = {0};
        if (mutf7_decode(slice_str(bad[i]), &out) == 0)
            fail_msg("accepted %s", bad[i]);
    }
}

static void patterns_match(void **state)
{
    (void)state;
    static const struct {
        const char *pattern, *path;
        bool want;
    } cases[] = {
        {"*", "a/b/c", true},
        {"%", "a", true},
        {"%", "a/b", false},
        {"a/%", "a/b", true},
        {"a/%", "a/b/c", false},
        {"a/%/c", "a/b/c", true},
        {"a*c", "a/b/c", true},
        {"a%c", "a/b/c", false},
        {"*b*", "a/b/c", true},
        {"inbox", "INBOX", true},
        {"InBoX/x", "INBOX/x", true},
        {"InBoX/x", "INBOX/X", false},
        {"inboxes", "INBOXes", false},
        {"%%%", "abc", true},
        {"%*%", "a/b", true},
        {"", "", true},
        {"", "a", false},
        {"a", "", false},
        {"*a%b", "x/a/b", false},
        {"*a%b", "x/acb", true},
        {"I*", "INBOX", true},
        {"in*", "INBOX", false},
        {"inbox*", "INBOX/a", true},
        {"%/%", "a/b", true},
        {"*/b", "a/b/b", true},
        {"%b", "ab", true},
        {"%b", "abc", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (imap_list_match(slice_str(cases[i].pattern), slice_str(cases[i].path)) != cases[i].want)
            fail_msg("%s on %s", cases[i].pattern, cases[i].path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_go_both_ways),
        cmocka_unit_test(other_spellings_are_refused),
        cmocka_unit_test(patterns_match),
    };
    return RUN_TESTS(tests);
}
