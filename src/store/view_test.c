/* view_test.c - views against a plain list: numbers both ways, successors, sharing, the cache. */
#include "store/view.h"

#include "base/test.h"
#include "store/entry.h"
#include "store/test_store.h"
#include "store/view_make.h"

enum { TOP = 6000 };

static uint32_t draw(uint32_t below)
{
    static uint32_t seed = 99;
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void same(const struct view *v, const struct uidset *s)
{
    uint32_t n = (uint32_t)uidset_count(s), seq = 0;
    UIDSET_SCOPE all = {0};
    assert_int_equal(view_count(v), n);
    view_all(v, &all);
    assert_true(uidset_equal(&all, s));
    for (size_t i = 0; i < s->n; i++)
        for (uint32_t u = s->r[i].first; u <= s->r[i].last; u++) {
            assert_int_equal(view_uid(v, ++seq), u);
            assert_int_equal(view_seq(v, u), seq);
        }
    assert_int_equal(view_uid(v, 0), 0);
    assert_int_equal(view_uid(v, n + 1), 0);
    for (int i = 0; i < 200; i++) {
        uint32_t u = draw(TOP + 10);
        UIDSET_SCOPE upto = {0};
        uidset_copy(&upto, s);
        if (u)
            uidset_remove(&upto, u + 1, UINT32_MAX);
        assert_int_equal(view_seq_floor(v, u), u ? uidset_count(&upto) : 0);
        if (!uidset_has(s, u))
            assert_int_equal(view_seq(v, u), 0);
    }
}

static void sets_go_both_ways(const struct view *v, const struct uidset *s)
{
    UIDSET_SCOPE uids = {0};
    UIDSET_SCOPE seqs = {0};
    UIDSET_SCOPE back = {0};
    for (int i = 0; i < 5; i++) {
        uint32_t a = 1 + draw(TOP);
        uidset_add(&uids, a, a + draw(100));
    }
    view_uids_to_seqs(v, &uids, &seqs);
    view_seqs_to_uids(v, &seqs, &back);
    uidset_intersect(&uids, s);
    assert_true(uidset_equal(&back, &uids));
}

static void successors_agree_with_a_list(void **state)
{
    (void)state;
    UIDSET_SCOPE now = {0};
    struct view *v = view_new(1, 1, 1);
    uint32_t next = 1;
    for (uint64_t round = 2; next < TOP; round++) {
        UIDSET_SCOPE gone = {0};
        UIDSET_SCOPE come = {0};
        UIDSET_SCOPE diff = {0};
        UIDSET_SCOPE before = {0};
        uidset_copy(&before, &now);
        uint32_t n = draw(400);
        if (n)
            uidset_add(&come, next, next + n - 1);
        for (int i = 0; i < 5; i++) {
            uint32_t a = 1 + draw(next + n), b = a + draw(round % 3 ? 3 : 300);
            uidset_add(&gone, a, b);
        }
        next += n;
        struct view *w = view_successor(v, &gone, &come, round, next);
        uidset_add_set(&now, &come);
        uidset_subtract(&now, &gone);
        same(w, &now);
        sets_go_both_ways(w, &now);
        view_minus(v, w, &diff);
        uidset_subtract(&before, &now);
        assert_true(uidset_equal(&diff, &before));
        view_unref(v);
        v = w;
    }
    UIDSET_SCOPE some = {0};
    uidset_add(&some, next + 5, next + 3000);
    struct view *w = view_with(v, &some, next + 3001);
    same(v, &now);
    uidset_add_set(&now, &some);
    same(w, &now);
    assert_int_equal(view_modseq(w), view_modseq(v));
    assert_int_equal(view_uidnext(w), next + 3001);
    view_unref(w);
    view_unref(v);
}

static struct view *get(void)
{
    struct err e = {0};
    struct txn *t;
    struct view *v;
    assert_int_equal(txn_read(2, &t, &e), 0);
    assert_int_equal(view_get(t, 1, &v, &e), 0);
    txn_end(t);
    return v;
}

static int expunge_3(struct txn *t, void *arg, struct err *e)
{
    (void)arg;
    UIDSET_SCOPE s = {0};
    uidset_add(&s, 3, 3);
    return entry_expunge(t, 1, &s, false, NULL, e);
}

static void the_cache_gives_the_newest(void **state)
{
    (void)state;
    struct err e = {0};
    struct slice text = S("Subject: x\r\n\r\nx");
    test_store_open(2);
    for (int i = 0; i < 5; i++)
        test_add(2, 1, text, SNONE, 0);
    struct view *a = get(), *b = get();
    assert_ptr_equal(a, b); /* made once */
    assert_int_equal(view_count(a), 5);
    struct txn *old;
    assert_int_equal(txn_read(2, &old, &e), 0);
    struct view *c;
    assert_int_equal(view_get(old, 1, &c, &e), 0);
    assert_int_equal(store_write(2, expunge_3, NULL, &e), 0);
    test_add(2, 1, text, SNONE, 0);
    struct view *d = get();
    assert_int_equal(view_count(d), 5);
    assert_int_equal(view_uid(d, 3), 4);
    assert_int_equal(view_uid(d, 5), 6);
    assert_int_equal(view_uidnext(d), 7);
    /* An older snapshot gets its own, and does not push the newer one out. */
    struct view *f;
    assert_int_equal(view_get(old, 1, &f, &e), 0);
    assert_int_equal(view_modseq(f), view_modseq(a));
    assert_int_equal(view_count(f), 5);
    assert_int_equal(view_uid(f, 3), 3);
    txn_end(old);
    struct view *g = get();
    assert_ptr_equal(g, d);
    assert_int_equal(txn_read(2, &old, &e), 0);
    struct view *none;
    assert_int_equal(view_get(old, 77, &none, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    txn_end(old);
    view_unref(a);
    view_unref(b);
    view_unref(c);
    view_unref(d);
    view_unref(f);
    view_unref(g);
    test_store_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(successors_agree_with_a_list),
        cmocka_unit_test(the_cache_gives_the_newest),
    };
    return RUN_TESTS(tests);
}
