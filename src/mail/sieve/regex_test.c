/* regex_test.c - regular expressions and globs, with their captures. */
#include <stdio.h>

#include "base/test.h"
#include "mail/sieve/match.h"

/* "captures joined by |", "-" where nothing matches, "!" where the pattern is wrong. */
static void match_text(const char *pattern, const char *value, bool fold, bool glob, char *out,
                       size_t size)
{
    ARENA_SCOPE a = {0};
    struct sieve_regex *x;
    struct sieve_span spans[SIEVE_MATCHES_MAX];
    size_t n = SIEVE_MATCHES_MAX;
    uint64_t work = 0;
    struct err e = {0};
    struct slice v = slice_str(value);
    enum sieve_fold f = fold ? SIEVE_FOLD_ASCII : SIEVE_FOLD_NONE;
    int got;
    if (glob)
        got = sieve_glob(slice_str(pattern), v, false, f, spans, &n, 1000000, &work);
    else if (sieve_regex_compile(slice_str(pattern), f, &a, &x, &e)) {
        snprintf(out, size, "!");
        return;
    } else
        got = sieve_regex_match(x, v, spans, &n, 1000000, &work);
    if (got <= 0) {
        snprintf(out, size, got < 0 ? "limit" : "-");
        return;
    }
    BUF_SCOPE text = {0};
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_addc(&text, '|');
        if (spans[i].from <= spans[i].to)
            buf_add(&text, slice_sub(v, spans[i].from, spans[i].to));
    }
    snprintf(out, size, "%s", buf_cstr(&text));
}

static const struct {
    const char *pattern, *value, *want;
} regexes[] = {
    {"a", "xay", "a"},
    {"^a", "xay", "-"},
    {"", "abc", ""},
    {"a*", "aaa", "aaa"},
    {"(a|ab)(c|bcd)(d*)", "abcd", "abcd|a|bcd|"},
    {"[[:digit:]]+", "a123b", "123"},
    {"\\[[A-Z]+-([0-9]{2,3})\\]", "re [AB-1234] [CD-567]", "[CD-567]|567"},
    {"[^@]+@(.*)", "u@d.e", "u@d.e|d.e"},
    {"x{0}y", "xy", "y"},
    {"x{2}", "xxx", "xx"},
    {"x{2,}", "xxxx", "xxxx"},
    {"(ab){1,2}", "ababab", "abab|ab"},
    {"(ab)?c", "c", "c|"},
    {"(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac", "-"},
    {"(a|aa)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab", "-"},
    {"(((a)))", "a", "a|a|a|a"},
    {"a|b|c", "c", "c"},
    {"(^|x)y", "y", "y|"},
    {"a.c",
     "a\xc3\xa4"
     "c",
     "a\xc3\xa4"
     "c"},
    {"[\xc3\xa4-\xc3\xb6]", "\xc3\xa5", "\xc3\xa5"},
    {"\\d+\\s\\w+", "12 ab_c", "12 ab_c"},
    {"[]a]+", "]a", "]a"},
    {"[a-]+", "-a", "-a"},
    {"[[:alpha:][:digit:]_]+", "!a1_", "a1_"},
    {"a{,2}", "a{,2}", "a{,2}"},
    {"a\\.b", "a.b", "a.b"},
    {"a\\.b", "axb", "-"},
    {"(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)", "abcdefghijk", "abcdefghijk|a|b|c|d|e|f|g|h|i"},
    {"colou?r", "color", "color"},
    {"^$", "", ""},
    {"$", "ab", ""},
    {"(foo|foobar)(bar)?", "foobar", "foobar|foo|bar"},
    {"(", "", "!"},
    {"[a", "", "!"},
    {"*a", "", "!"},
    {"a{3,2}", "", "!"},
    {"a{1000}", "", "!"},
    {"[z-a]", "", "!"},
    {"[[:nope:]]", "", "!"},
    {"\\q", "", "!"},
    {"a\\", "", "!"},
    {"((((((((((a{255}){255}){255}){255}){255}){255}))))))", "", "!"},
};

static const struct {
    const char *pattern, *value, *want;
} globs[] = {
    {"*", "abc", "abc|abc"},
    {"", "", ""},
    {"", "a", "-"},
    {"a*", "abc", "abc|bc"},
    {"*c", "abc", "abc|ab"},
    {"*,*", "a,b,c", "a,b,c|a|b,c"},
    {"*b?d*", "abcbcd", "abcbcd|abc|c|"},
    {"*b?d*", "abcbxd", "abcbxd|abc|x|"},
    {"*??", "abc", "abc|a|b|c"},
    {"\\*", "*", "*"},
    {"\\*", "a", "-"},
    {"\\\\", "\\", "\\"},
    {"a\\?", "a?", "a?"},
    {"?", "\xc3\xa4", "\xc3\xa4|\xc3\xa4"},
    {"*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "-"},
    {"[*] *", "[list] x y", "[list] x y|list|x y"},
    {"abc\\", "abc\\", "abc\\"},
    {"a*b*c", "a-b-b-c", "a-b-b-c|-|-b-"},
};

static void regular_expressions(void **state)
{
    char got[200];
    (void)state;
    for (size_t i = 0; i < sizeof(regexes) / sizeof(regexes[0]); i++) {
        match_text(regexes[i].pattern, regexes[i].value, false, false, got, sizeof(got));
        if (strcmp(got, regexes[i].want) != 0)
            fail_msg("%s on %s: got %s, want %s", regexes[i].pattern, regexes[i].value, got,
                     regexes[i].want);
    }
    match_text("ABC[d-f]", "abcE", true, false, got, sizeof(got));
    assert_string_equal(got, "abcE");
}

static void wildcards(void **state)
{
    char got[200];
    (void)state;
    for (size_t i = 0; i < sizeof(globs) / sizeof(globs[0]); i++) {
        match_text(globs[i].pattern, globs[i].value, false, true, got, sizeof(got));
        if (strcmp(got, globs[i].want) != 0)
            fail_msg("%s on %s: got %s, want %s", globs[i].pattern, globs[i].value, got,
                     globs[i].want);
    }
    match_text("A*C", "abc", true, true, got, sizeof(got));
    assert_string_equal(got, "abc|b");
}

static void work_is_bounded(void **state)
{
    struct sieve_span spans[SIEVE_MATCHES_MAX];
    size_t n = SIEVE_MATCHES_MAX;
    uint64_t work = 0;
    struct sieve_regex *x;
    struct err e = {0};
    ARENA_SCOPE a = {0};
    BUF_SCOPE value = {0};
    (void)state;
    for (int i = 0; i < 100000; i++)
        buf_addc(&value, 'a');
    assert_int_equal(sieve_glob(S("*a*a*a*b"), buf_slice(&value), false, SIEVE_FOLD_NONE, spans, &n,
                                UINT64_MAX, &work),
                     0);
    assert_true(work < 1000000);
    assert_false(sieve_regex_compile(S("(a|aa|a*)*b"), SIEVE_FOLD_NONE, &a, &x, &e));
    work = 0;
    assert_int_equal(sieve_regex_match(x, buf_slice(&value), spans, &n, UINT64_MAX, &work), 0);
    assert_true(work < 20000000);
    work = 0;
    assert_int_equal(sieve_regex_match(x, buf_slice(&value), spans, &n, 1000, &work), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(regular_expressions),
        cmocka_unit_test(wildcards),
        cmocka_unit_test(work_is_bounded),
    };
    return RUN_TESTS(tests);
}
