/* match_test.c - mailbox patterns. */
#include "base/test.h"
#include "proto/imap/list_args.h"

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
        cmocka_unit_test(patterns_match),
    };
    return RUN_TESTS(tests);
}
