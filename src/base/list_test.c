/* list_test.c - the ring of links. */
#include "base/list.h"

#include "base/test.h"

struct row {
    int n;
    struct link link;
};

static void rows_come_in_order_and_go(void **state)
{
    (void)state;
    struct link head;
    struct row rows[4] = {{.n = 0}, {.n = 1}, {.n = 2}, {.n = 3}};
    list_init(&head);
    assert_true(list_empty(&head));
    assert_null(list_pop(&head));
    list_remove(&rows[0].link); /* zeroed, in no list */
    for (int i = 0; i < 4; i++)
        list_push(&head, &rows[i].link);
    int want = 0;
    list_each(l, &head) assert_int_equal(list_entry(l, struct row, link)->n, want++);
    assert_int_equal(want, 4);
    list_each_safe(l, &head) if (list_entry(l, struct row, link)->n % 2) list_remove(l);
    list_remove(&rows[1].link); /* out already */
    assert_ptr_equal(list_pop(&head), &rows[0].link);
    assert_ptr_equal(list_pop(&head), &rows[2].link);
    assert_true(list_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(rows_come_in_order_and_go)};
    return RUN_TESTS(tests);
}
