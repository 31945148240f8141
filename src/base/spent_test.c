/* spent_test.c - what is added where, and what is said of it. */
#include "base/spent.h"

#include <string.h>
#include <unistd.h>

#include "base/test.h"

static void goes_to_the_account_in_use(void **state)
{
    (void)state;
    struct spending a = {0}, b = {0};
    spent_add(SPENT_DISK, 5); /* nobody's */
    assert_null(spent_use(&a));
    spent_add(SPENT_DISK, 7);
    assert_ptr_equal(spent_use(&b), &a);
    spent_add(SPENT_SYNC, 11);
    assert_ptr_equal(spent_use(NULL), &b);
    spent_add(SPENT_SYNC, 13);
    assert_int_equal(a.us[SPENT_DISK], 7);
    assert_int_equal(b.us[SPENT_SYNC], 11);
    spent_join(&a, &b);
    assert_int_equal(spent_total(&a), 18);
    assert_int_equal(spent_inside(&a), 7);
}

static void names_the_reason(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    struct spending s = {.us = {[SPENT_QUEUE] = 2000, [SPENT_SYNC] = 900500, [SPENT_RUN] = 999}};
    assert_string_equal(spent_most(&s), "sync");
    spent_print(&s, &out);
    assert_true(slice_eq(buf_slice(&out), S("queue 2ms, sync 900ms")));
}

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void *let_go_late(void *arg)
{
    pthread_mutex_lock(&held);
    *(_Atomic int *)arg = 1;
    usleep(30000);
    pthread_mutex_unlock(&held);
    return NULL;
}

static void a_lock_that_is_held_is_timed(void **state)
{
    (void)state;
    struct spending s = {0};
    spent_use(&s);
    spent_lock(&held);
    pthread_mutex_unlock(&held);
    assert_int_equal(s.us[SPENT_LOCK], 0);
    /* Again where the other one has let go before this thread came to ask. */
    for (int i = 0; i < 100 && s.us[SPENT_LOCK] <= 5000; i++) {
        _Atomic int has = 0;
        pthread_t other;
        assert_int_equal(pthread_create(&other, NULL, let_go_late, &has), 0);
        while (!has)
            usleep(100);
        spent_lock(&held);
        pthread_mutex_unlock(&held);
        pthread_join(other, NULL);
    }
    spent_use(NULL);
    assert_true(s.us[SPENT_LOCK] > 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goes_to_the_account_in_use),
        cmocka_unit_test(names_the_reason),
        cmocka_unit_test(a_lock_that_is_held_is_timed),
    };
    return RUN_TESTS(tests);
}
