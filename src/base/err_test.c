/* err_test.c - texts are cut, never overrun; codes have names. */
#include "base/err.h"

#include <errno.h>

#include "base/test.h"

static void texts_fit(void **state)
{
    (void)state;
    struct err e = {0};
    char long_text[400];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_int_equal(err_set(&e, ERR_LIMIT, "%s", long_text), -1);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    assert_int_equal(e.code, ERR_LIMIT);
    errno = ENOENT;
    assert_int_equal(err_errno(&e, ERR_IO, "open %s", "f"), -1);
    assert_string_equal(e.text, "open f: No such file or directory");
    errno = ENOENT;
    assert_int_equal(err_errno(&e, ERR_IO, "%s", long_text), -1);
    assert_int_equal(err_set(NULL, ERR_IO, "nobody asks"), -1);
    assert_int_equal(err_errno(NULL, ERR_IO, "nobody asks"), -1);
}

/* What is no fault of the request does not become a permanent refusal of it. */
static void no_memory_is_temporary(void **state)
{
    (void)state;
    struct err e = {0};
    err_no_memory();
    err_set(&e, ERR_SYNTAX, "no such thing");
    assert_int_equal(e.code, ERR_SYNTAX);
    err_set(&e, ERR_LIMIT, "5.3.4 too large");
    assert_int_equal(e.code, ERR_BUSY);
    assert_string_equal(e.text, "out of memory");
    err_set(&e, ERR_LIMIT, "5.3.4 too large");
    assert_int_equal(e.code, ERR_LIMIT);
}

static void every_code_has_its_name(void **state)
{
    (void)state;
    for (int i = ERR_OK; i <= ERR_BUG; i++) {
        assert_non_null(err_code_name((enum err_code)i));
        for (int k = 0; k < i; k++)
            assert_string_not_equal(err_code_name((enum err_code)i),
                                    err_code_name((enum err_code)k));
    }
    assert_string_equal(err_code_name((enum err_code)999), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_fit),
        cmocka_unit_test(no_memory_is_temporary),
        cmocka_unit_test(every_code_has_its_name),
    };
    return RUN_TESTS(tests);
}
