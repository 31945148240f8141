/* uidset_test.c - every operation against a naive bitset, on random sets; text and packed forms. */
#include "base/uidset.h"

#include <stdlib.h>

#include "base/test.h"

enum { TOP = 96 };

struct naive {
    bool in[TOP + 1];
};

static uint32_t seed = 12345;

static uint32_t draw(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void same(const struct uidset *s, const struct naive *n)
{
    uint64_t count = 0;
    for (uint32_t i = 1; i <= TOP; i++) {
        assert_int_equal(uidset_has(s, i), n->in[i]);
        if (n->in[i])
            assert_int_equal(uidset_nth(s, count), i);
        count += n->in[i];
    }
    assert_int_equal(uidset_count(s), count);
    assert_int_equal(uidset_nth(s, count), 0);
    assert_int_equal(uidset_empty(s), count == 0);
    for (size_t i = 0; i < s->n; i++) {
        assert_true(s->r[i].first >= 1 && s->r[i].first <= s->r[i].last);
        if (i)
            assert_true(s->r[i].first > s->r[i - 1].last + 1);
    }
}

static void random_set(struct uidset *s, struct naive *n)
{
    *n = (struct naive){0};
    uidset_clear(s);
    for (uint32_t k = draw(12); k > 0; k--) {
        uint32_t a = 1 + draw(TOP), b = 1 + draw(TOP);
        if (draw(2))
            b = a;
        uidset_add(s, a, b);
        for (uint32_t i = a < b ? a : b; i <= (a < b ? b : a); i++)
            n->in[i] = true;
    }
    same(s, n);
}

static void agrees_with_a_naive_set(void **state)
{
    (void)state;
    UIDSET_SCOPE a = {0};
    UIDSET_SCOPE b = {0};
    UIDSET_SCOPE c = {0};
    for (int round = 0; round < 5000; round++) {
        struct naive x, y, z;
        random_set(&a, &x);
        random_set(&b, &y);
        int what = round % 4;
        uint32_t from = 1 + draw(TOP), to = 1 + draw(TOP);
        uidset_copy(&c, &a);
        assert_true(uidset_equal(&c, &a));
        if (what == 0)
            uidset_add_set(&c, &b);
        else if (what == 1)
            uidset_intersect(&c, &b);
        else if (what == 2)
            uidset_subtract(&c, &b);
        else
            uidset_remove(&c, from, to);
        for (uint32_t i = 1; i <= TOP; i++) {
            bool removed = i >= (from < to ? from : to) && i <= (from < to ? to : from);
            z.in[i] = what == 0   ? x.in[i] || y.in[i]
                      : what == 1 ? x.in[i] && y.in[i]
                      : what == 2 ? x.in[i] && !y.in[i]
                                  : x.in[i] && !removed;
        }
        same(&c, &z);
        same(&a, &x);

        BUF_SCOPE text = {0};
        BUF_SCOPE packed = {0};
        uidset_print(&c, &text);
        uidset_pack(&c, &packed);
        UIDSET_SCOPE again = {0};
        if (!uidset_empty(&c)) {
            assert_int_equal(uidset_parse(&again, buf_slice(&text), 100), 0);
            assert_true(uidset_equal(&again, &c));
        }
        assert_int_equal(uidset_unpack(&again, buf_slice(&packed)), 0);
        assert_true(uidset_equal(&again, &c));
    }
}

static void ends_of_the_range(void **state)
{
    (void)state;
    UIDSET_SCOPE s = {0};
    uidset_add(&s, UINT32_MAX, UINT32_MAX);
    uidset_add(&s, 1, 1);
    uidset_add(&s, UINT32_MAX - 1, UINT32_MAX - 1);
    uidset_add(&s, 0, 0);
    assert_int_equal(s.n, 2);
    assert_int_equal(uidset_count(&s), 3);
    uidset_add(&s, 1, UINT32_MAX);
    assert_int_equal(s.n, 1);
    assert_true(uidset_count(&s) == UINT32_MAX);
    uidset_remove(&s, 2, UINT32_MAX);
    assert_int_equal(uidset_count(&s), 1);
    uidset_remove(&s, 1, UINT32_MAX);
    assert_true(uidset_empty(&s));
}

static void text_that_is_no_set(void **state)
{
    (void)state;
    const char *bad[] = {"",     "0", "1:0",        "*",  "1:*", "1,", ",1",  "1::",   "1:2:3",
                         "1, 2", "a", "4294967296", "-1", "1:",  ":1", "1;2", "1:2,,3"};
    UIDSET_SCOPE s = {0};
    uidset_add(&s, 5, 6);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(uidset_parse(&s, slice_str(bad[i]), 100), -1);
    assert_int_equal(uidset_parse(&s, S("1,3,5"), 2), -1);
    assert_int_equal(uidset_count(&s), 2);
    assert_int_equal(uidset_parse(&s, S("9:7,1,2,8,4294967295"), 100), 0);
    BUF_SCOPE out = {0};
    uidset_print(&s, &out);
    assert_slice(buf_slice(&out), "1:2,7:9,4294967295");
}

static void damaged_bytes_are_refused(void **state)
{
    (void)state;
    UIDSET_SCOPE s = {0};
    const struct slice bad[] = {
        S("\x00\x00"),
        S("\x80"),
        S("\x01"),
        S("\x05\x00\x01\x00"),
        S("\xff\xff\xff\xff\x0f\x01"),
        S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(uidset_unpack(&s, bad[i]), -1);
        assert_true(uidset_empty(&s));
    }
}

/* A hundred thousand pieces in the worst order are done in a moment. */
static void many_pieces_are_fast(void **state)
{
    (void)state;
    BUF_SCOPE text = {0};
    for (uint32_t i = 100000; i > 0; i--)
        buf_addf(&text, "%s%u", text.n ? "," : "", i * 2);
    UIDSET_SCOPE s = {0};
    assert_int_equal(uidset_parse(&s, buf_slice(&text), 100000), 0);
    assert_int_equal(s.n, 100000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_naive_set), cmocka_unit_test(ends_of_the_range),
        cmocka_unit_test(text_that_is_no_set),     cmocka_unit_test(damaged_bytes_are_refused),
        cmocka_unit_test(many_pieces_are_fast),
    };
    return RUN_TESTS(tests);
}
