/* roff_test.c - nothing in a text is taken for a request. */
#include "node/roff.h"

#include "base/test.h"

static void requests_are_escaped(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = {
        {"", ""},
        {"a-b\\c", "a\\-b\\ec"},
        {".TH x\n'y", "\\&.TH x\n\\&'y"},
        {"one\n\ntwo", "one\n.PP\ntwo"},
        {"one\n  two", "one\n.br\n  two"},
        {"a .b 'c'", "a .b 'c'"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        BUF_SCOPE out = {0};
        roff_add(&out, rows[i].in);
        assert_slice(buf_slice(&out), rows[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests_are_escaped)};
    return RUN_TESTS(tests);
}
