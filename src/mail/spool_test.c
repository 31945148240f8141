/* spool_test.c - in memory and in a file, the bytes are the same. */
#include "base/test.h"
#include "mail/spool.h"

static void check(size_t size, size_t piece, bool file)
{
    struct spool s;
    BUF_SCOPE want = {0}, got = {0};
    spool_init(&s);
    for (size_t i = 0; i < size; i++)
        buf_addc(&want, (char)(i * 7 + i / 251));
    for (size_t at = 0; at < size; at += piece)
        assert_int_equal(spool_add(&s, slice_sub(buf_slice(&want), at, at + piece), NULL), 0);
    assert_int_equal(spool_flush(&s, NULL), 0);
    assert_int_equal(s.size, size);
    assert_int_equal(s.fd >= 0, file);
    assert_int_equal(spool_read(&s, 0, size, &got, NULL), 0);
    assert_true(slice_eq(buf_slice(&got), buf_slice(&want)));
    buf_reset(&got);
    assert_int_equal(spool_read(&s, size / 2, size, &got, NULL), 0); /* cut at the end */
    assert_true(slice_eq(buf_slice(&got), slice_from(buf_slice(&want), size / 2)));
    spool_done(&s);
    spool_done(&s);
}

static void sizes_around_the_limit(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        0, 1, SPOOL_MEMORY - 1, SPOOL_MEMORY, SPOOL_MEMORY + 1, 3 * SPOOL_MEMORY, 200000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++)
        for (size_t piece = 1000; piece <= 300000; piece *= 300)
            check(sizes[i], piece, sizes[i] > SPOOL_MEMORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_around_the_limit)};
    return RUN_TESTS(tests);
}
