/* script_test.c - scripts of a person and what an account remembers: names, limits, one active, and
   that what is kept of them is known to be old. */
#include "store/script.h"

#include "base/clock.h"
#include "base/setting.h"
#include "base/test.h"
#include "store/memory.h"
#include "store/test_store.h"

enum { ACCOUNT = 5 };

struct doing {
    enum { PUT, ACTIVATE, RENAME, REMOVE, TAKE, RENEW, FORGET } what;
    const char *name, *other;
    int64_t until;
    int got;
};

static void make_key(const char *name, unsigned char key[MEMORY_KEY])
{
    memset(key, 0, MEMORY_KEY);
    memcpy(key, name, strlen(name));
}

static int do_job(struct txn *t, void *arg, struct err *e)
{
    struct doing *d = arg;
    unsigned char key[MEMORY_KEY];
    make_key(d->name ? d->name : "", key);
    switch (d->what) {
    case PUT:
        return script_put(t, slice_str(d->name), slice_str(d->other), e);
    case ACTIVATE:
        return script_activate(t, slice_str(d->name), e);
    case RENAME:
        return script_rename(t, slice_str(d->name), slice_str(d->other), e);
    case REMOVE:
        return script_remove(t, slice_str(d->name), e);
    case TAKE:
        d->got = memory_take(t, key, d->until, e);
        return d->got < 0 ? -1 : 0;
    case RENEW:
        return memory_renew(t, key, d->until, e);
    default:
        return account_delete(t, e);
    }
}

static enum err_code run(struct doing d)
{
    struct err e = {0};
    return store_write(ACCOUNT, do_job, &d, &e) ? e.code : ERR_OK;
}

#define put(n, s) run((struct doing){.what = PUT, .name = (n), .other = (s)})
#define activate(n) run((struct doing){.what = ACTIVATE, .name = (n)})
#define rename_to(n, s) run((struct doing){.what = RENAME, .name = (n), .other = (s)})
#define erase(n) run((struct doing){.what = REMOVE, .name = (n)})

/* "a*5 b2": names, a star where active, sizes. */
static void assert_scripts(const char *want)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct script *list;
    size_t n;
    struct txn *t;
    struct err e = {0};
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(script_list(t, &a, &list, &n, &e), 0);
    txn_end(t);
    for (size_t i = 0; i < n; i++)
        buf_addf(&out, "%s%.*s%s%lld", i ? " " : "", SARG(list[i].name), list[i].active ? "*" : "",
                 (long long)list[i].size);
    assert_string_equal(out.n ? buf_cstr(&out) : "", want);
}

static void one_is_active_and_goes_last(void **state)
{
    ARENA_SCOPE a = {0};
    struct slice name, text;
    struct txn *t;
    struct err e = {0};
    (void)state;
    test_store_open(2);
    uint64_t before = script_version(ACCOUNT);
    assert_int_equal(put("b", "keep;"), ERR_OK);
    assert_true(script_version(ACCOUNT) != before);
    assert_int_equal(put("a", "stop;"), ERR_OK);
    assert_int_equal(activate("none"), ERR_NOTFOUND);
    assert_int_equal(activate("b"), ERR_OK);
    assert_int_equal(activate("a"), ERR_OK);
    assert_scripts("a*5 b5");
    assert_int_equal(put("a", "discard;"), ERR_OK);
    assert_scripts("a*8 b5");
    assert_int_equal(erase("a"), ERR_CONFLICT);
    assert_int_equal(rename_to("a", "b"), ERR_EXISTS);
    assert_int_equal(rename_to("c", "d"), ERR_NOTFOUND);
    assert_int_equal(rename_to("a", "z"), ERR_OK);
    assert_scripts("b5 z*8");
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(script_read(t, SNONE, &a, &name, &text, &e), 1);
    assert_true(slice_eq(name, S("z")) && slice_eq(text, S("discard;")));
    assert_int_equal(script_read(t, S("y"), &a, NULL, &text, &e), 0);
    txn_end(t);
    assert_int_equal(activate(""), ERR_OK);
    assert_int_equal(erase("z"), ERR_OK);
    assert_scripts("b5");
    assert_int_equal(run((struct doing){.what = FORGET}), ERR_OK);
    assert_scripts("");
    test_store_close();
}

static void there_is_room_for_so_many(void **state)
{
    struct setting *most = setting_find(S("sieve.scripts_max"));
    struct err e = {0};
    (void)state;
    test_store_open(1);
    assert_non_null(most);
    assert_int_equal(setting_parse(most, S("2"), &e), 0);
    assert_int_equal(put("a", "1"), ERR_OK);
    assert_int_equal(put("b", "2"), ERR_OK);
    assert_int_equal(put("c", "3"), ERR_QUOTA);
    assert_int_equal(put("b", "22"), ERR_OK);
    assert_scripts("a1 b2");
    assert_int_equal(setting_parse(most, S("64"), &e), 0);
    test_store_close();
}

static void what_is_remembered_expires(void **state)
{
    int64_t now = clock_now_ms();
    struct doing d = {.what = TAKE, .name = "\200anna", .until = now + 60000};
    struct err e = {0};
    (void)state;
    test_store_open(1);
    assert_int_equal(store_write(ACCOUNT, do_job, &d, &e), 0);
    assert_int_equal(d.got, 1);
    assert_int_equal(store_write(ACCOUNT, do_job, &d, &e), 0);
    assert_int_equal(d.got, 0);
    struct doing past = {.what = RENEW, .name = "\200anna", .until = now - 1};
    assert_int_equal(store_write(ACCOUNT, do_job, &past, &e), 0);
    assert_int_equal(store_write(ACCOUNT, do_job, &d, &e), 0);
    assert_int_equal(d.got, 1);
    test_store_close();
}

static void too_much_is_forgotten(void **state)
{
    struct setting *most = setting_find(S("sieve.memories_max"));
    struct err e = {0};
    int64_t now = clock_now_ms();
    char name[32];
    unsigned found = 0;
    (void)state;
    test_store_open(1);
    assert_int_equal(setting_parse(most, S("100"), &e), 0);
    for (unsigned i = 0; i < 150; i++) {
        snprintf(name, sizeof name, "\200%u", i);
        struct doing d = {.what = TAKE, .name = name, .until = now + 60000 + i};
        assert_int_equal(store_write(ACCOUNT, do_job, &d, &e), 0);
    }
    struct doing tidy = {.what = TAKE, .name = "\001", .until = now + 90000};
    assert_int_equal(store_write(ACCOUNT, do_job, &tidy, &e), 0);
    struct txn *t;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    for (unsigned i = 0; i < 150; i++) {
        unsigned char key[MEMORY_KEY];
        snprintf(name, sizeof name, "\200%u", i);
        make_key(name, key);
        int has = memory_has(t, key, &e);
        assert_int_equal(has, i >= 50);
        found += (unsigned)has;
    }
    txn_end(t);
    assert_int_equal(found, 100);
    assert_int_equal(setting_parse(most, S("20000"), &e), 0);
    test_store_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_active_and_goes_last),
        cmocka_unit_test(there_is_room_for_so_many),
        cmocka_unit_test(what_is_remembered_expires),
        cmocka_unit_test(too_much_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
