/* hash_test.c - the keyed hash spreads, and the map agrees with a plain list under churn. */
#include "base/hash.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/test.h"

static void hash_depends_on_every_byte(void **state)
{
    (void)state;
    char text[40] = {0};
    for (size_t n = 0; n < sizeof(text); n++) {
        uint64_t h = hash_bytes(slice_of(text, n));
        assert_true(h == hash_bytes(slice_of(text, n)));
        assert_true(h != hash_bytes(slice_of(text, n + 1)));
        for (size_t i = 0; i < n; i++) {
            text[i] ^= 1;
            assert_true(h != hash_bytes(slice_of(text, n)));
            text[i] ^= 1;
        }
    }
    assert_true(hash_u64(1) != hash_u64(2));
    assert_true(hash_bytes(SNONE) == hash_bytes(S("")));
}

static void keys_that_share_low_bits_spread(void **state)
{
    (void)state;
    unsigned buckets[64] = {0};
    for (uint64_t i = 0; i < 64000; i++)
        buckets[hash_u64(i << 32) & 63]++;
    for (size_t i = 0; i < 64; i++)
        assert_in_range(buckets[i], 700, 1300);
}

static void map_agrees_with_a_list(void **state)
{
    (void)state;
    enum { KEYS = 500 };
    static char names[KEYS][16];
    static int values[2] = {0, 1};
    void *list[KEYS] = {0};
    struct hmap m = {0};
    size_t n = 0;
    assert_null(hmap_get(&m, S("x")));
    assert_null(hmap_del(&m, S("x")));
    for (size_t i = 0; i < KEYS; i++)
        snprintf(names[i], sizeof(names[i]), "key%zu", i);
    uint32_t seed = 5;
    for (int round = 0; round < 50000; round++) {
        seed = seed * 1664525u + 1013904223u;
        size_t k = (seed >> 8) % KEYS;
        void *v = &values[seed >> 31];
        if ((seed >> 20) % 3) {
            assert_ptr_equal(hmap_set(&m, slice_str(names[k]), v), list[k]);
            n += !list[k];
            list[k] = v;
        } else {
            assert_ptr_equal(hmap_del(&m, slice_str(names[k])), list[k]);
            n -= list[k] != NULL;
            list[k] = NULL;
        }
        assert_int_equal(m.n, n);
        k = (seed >> 3) % KEYS;
        assert_ptr_equal(hmap_get(&m, slice_str(names[k])), list[k]);
    }
    /* Adding and removing for ever does not make the table grow for ever. */
    assert_true(m.cap <= 4096);
    size_t at = 0, walked = 0;
    struct hmap_slot *s;
    while ((s = hmap_next(&m, &at))) {
        assert_ptr_equal(s->value, hmap_get(&m, s->key));
        walked++;
    }
    assert_int_equal(walked, n);
    hmap_done(&m);
    assert_null(hmap_get(&m, S("key1")));
}

/* What hash_u64(1) is in a process of its own. main asks before this one draws its key. */
static uint64_t hash_elsewhere(void)
{
    int fds[2];
    uint64_t h = 0;
    if (pipe(fds))
        return 0;
    pid_t pid = fork();
    if (pid == 0) {
        h = hash_u64(1);
        _exit(write(fds[1], &h, sizeof(h)) == sizeof(h) ? 0 : 1);
    }
    if (pid < 0 || read(fds[0], &h, sizeof(h)) != sizeof(h))
        h = 0;
    waitpid(pid, NULL, 0);
    close(fds[0]);
    close(fds[1]);
    return h;
}

static uint64_t elsewhere[3];

static void the_key_differs_each_time(void **state)
{
    (void)state;
    assert_true(elsewhere[0] && elsewhere[1] && elsewhere[2]);
    assert_true(elsewhere[0] != elsewhere[1] && elsewhere[1] != elsewhere[2]);
    assert_true(hash_u64(1) != elsewhere[0]);
}

int main(void)
{
    for (size_t i = 0; i < 3; i++)
        elsewhere[i] = hash_elsewhere();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hash_depends_on_every_byte),
        cmocka_unit_test(keys_that_share_low_bits_spread),
        cmocka_unit_test(map_agrees_with_a_list),
        cmocka_unit_test(the_key_differs_each_time),
    };
    return RUN_TESTS(tests);
}
