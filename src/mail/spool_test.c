/* spool_test.c - in memory and in a file, the bytes are the same. */
#include "base/setting.h"
#include "base/test.h"
#include "mail/spool.h"

SETTING_DECLARE(mail, spool_memory);

static void set_memory(struct slice bytes)
{
    assert_int_equal(setting_parse(&set_mail_spool_memory, bytes, NULL), 0);
}

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
        for (size_t piece = 1000; piece <= 300000; piece *= 300) {
            set_memory(S("0"));
            check(sizes[i], piece, sizes[i] > SPOOL_MEMORY);
            set_memory(S("128K"));
            check(sizes[i], piece, sizes[i] > 2 * SPOOL_MEMORY);
        }
    set_memory(S("64M"));
    check(SPOOL_MOST - 1, SPOOL_MEMORY, false);
    check(SPOOL_MOST + 1, SPOOL_MEMORY, true);
}

static void fill(struct spool *s, size_t n)
{
    static const char zeros[SPOOL_MEMORY];
    spool_init(s);
    for (size_t at = 0; at < n; at += sizeof zeros)
        assert_int_equal(spool_add(s, slice_of(zeros, sizeof zeros), NULL), 0);
}

/* What the first of several have is not there for the others until they give it back. */
static void memory_is_shared(void **state)
{
    (void)state;
    enum { SOME = 5, SIZE = 400000 };
    struct spool s[SOME];
    set_memory(S("1100K"));
    for (int turn = 0; turn < 3; turn++) {
        for (int i = 0; i < SOME; i++) {
            fill(&s[i], SIZE);
            assert_int_equal(s[i].fd >= 0, i >= 2);
        }
        for (int i = 0; i < SOME; i++)
            spool_done(&s[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_around_the_limit),
                                       cmocka_unit_test(memory_is_shared)};
    return RUN_TESTS(tests);
}
