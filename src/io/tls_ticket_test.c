/* tls_ticket_test.c - the chain that keys of tickets come from: the same in every process that
   inherited it, and no way back. */
#include "base/test.h"

#include "base/slice.h"
#include "io/tls_parts.h"

static bool same(const struct ticket_key *a, const struct ticket_key *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

static void the_newer_key_of_a_period_is_the_older_of_the_next(void **state)
{
    (void)state;
    struct ticket_chain c = {0};
    struct ticket_key before[TICKET_KEYS], now[TICKET_KEYS];
    ticket_chain_begin(&c, 1000);
    ticket_chain_keys(&c, 1000, before);
    assert_false(same(&before[0], &before[1]));
    for (int64_t period = 1001; period < 1010; period++) {
        ticket_chain_keys(&c, period, now);
        assert_true(same(&now[1], &before[0]));
        assert_false(same(&now[0], &before[0]));
        assert_false(same(&now[0], &before[1]));
        memcpy(before, now, sizeof(now));
    }
}

static void who_inherits_it_has_the_same_keys(void **state)
{
    (void)state;
    struct ticket_chain c = {0}, early, late;
    struct ticket_key a[TICKET_KEYS], b[TICKET_KEYS];
    ticket_chain_begin(&c, 5);
    early = c;
    ticket_chain_go(&c, 77);
    late = c;
    ticket_chain_keys(&early, 78, a);
    ticket_chain_keys(&late, 78, b);
    assert_true(same(&a[0], &b[0]));
    assert_true(same(&a[1], &b[1]));
}

static void what_is_over_is_forgotten(void **state)
{
    (void)state;
    struct ticket_chain c = {0}, first;
    struct ticket_key a[TICKET_KEYS], b[TICKET_KEYS];
    ticket_chain_begin(&c, 5);
    first = c;
    ticket_chain_keys(&first, 5, a);
    ticket_chain_go(&c, 7);
    assert_memory_not_equal(c.secret, first.secret, TICKET_SECRET);
    ticket_chain_keys(&c, 5, b); /* too late */
    for (int i = 0; i < TICKET_KEYS; i++)
        for (int k = 0; k < TICKET_KEYS; k++)
            assert_false(same(&a[i], &b[k]));
}

static void two_chains_have_nothing_in_common(void **state)
{
    (void)state;
    struct ticket_chain c = {0}, d = {0};
    struct ticket_key a[TICKET_KEYS], b[TICKET_KEYS];
    ticket_chain_begin(&c, 5);
    ticket_chain_begin(&d, 5);
    ticket_chain_keys(&c, 6, a);
    ticket_chain_keys(&d, 6, b);
    for (int i = 0; i < TICKET_KEYS; i++) {
        assert_memory_not_equal(a[i].name, b[i].name, sizeof(a[i].name));
        assert_memory_not_equal(a[i].cipher, b[i].cipher, sizeof(a[i].cipher));
        assert_memory_not_equal(a[i].mac, b[i].mac, sizeof(a[i].mac));
        assert_memory_not_equal(a[i].cipher, a[i].mac, sizeof(a[i].mac));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newer_key_of_a_period_is_the_older_of_the_next),
        cmocka_unit_test(who_inherits_it_has_the_same_keys),
        cmocka_unit_test(what_is_over_is_forgotten),
        cmocka_unit_test(two_chains_have_nothing_in_common),
    };
    return RUN_TESTS(tests);
}
