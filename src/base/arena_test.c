/* arena_test.c - zeroed memory, alignment, the limit with its padding, use after a reset. */
#include "base/arena.h"

#include "base/test.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    unsigned char *seen[300];
    size_t sizes[300];
    for (size_t i = 0; i < 300; i++) {
        size_t align = (size_t)1 << (i % 5);
        sizes[i] = (i * 37) % 5000;
        seen[i] = arena_alloc(&a, 1, sizes[i], align);
        assert_non_null(seen[i]);
        assert_int_equal((uintptr_t)seen[i] % align, 0);
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(seen[i][k], 0);
        memset(seen[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < 300; i++)
        for (size_t k = 0; k < sizes[i]; k++)
            assert_int_equal(seen[i][k], (unsigned char)i);
}

static void limit_counts_padding(void **state)
{
    (void)state;
    ARENA_SCOPE a = {.limit = 16384};
    size_t got = 0;
    /* One byte on a 16-byte boundary takes 16. */
    while (got < 5000 && arena_alloc(&a, 1, 1, 16))
        got++;
    assert_true(got <= 1040); /* the first of each block needs no padding */
    assert_true(got >= 900);
    assert_true(a.failed);
}

static void failure_stays_until_reset(void **state)
{
    (void)state;
    ARENA_SCOPE a = {.limit = 100};
    assert_non_null(arena_alloc(&a, 1, 100, 1));
    assert_null(arena_alloc(&a, 1, 1, 1));
    assert_null(arena_alloc(&a, 1, 0, 1));
    arena_reset(&a);
    assert_int_equal(a.limit, 100);
    assert_non_null(arena_alloc(&a, 1, 0, 1));
    assert_null(arena_alloc(&a, SIZE_MAX / 2, 3, 1));
    assert_true(a.failed);
    arena_reset(&a);
    assert_null(arena_alloc(&a, 1, SIZE_MAX, 1));
}

static void strings_are_copied(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct slice s = arena_dup(&a, slice_of("a\0b", 3));
    assert_int_equal(s.n, 3);
    assert_memory_equal(s.p, "a\0b", 4);
    assert_non_null(arena_dup(&a, SNONE).p);
    assert_string_equal(arena_cstr(&a, S("xyz")), "xyz");
    assert_slice(arena_printf(&a, "%d/%s", 7, "q"), "7/q");
    ARENA_SCOPE small = {.limit = 3};
    assert_null(arena_dup(&small, S("abc")).p); /* the NUL counts */
    arena_reset(&small);
    assert_null(arena_printf(&small, "%s", "abc").p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
        cmocka_unit_test(limit_counts_padding),
        cmocka_unit_test(failure_stays_until_reset),
        cmocka_unit_test(strings_are_copied),
    };
    return RUN_TESTS(tests);
}
