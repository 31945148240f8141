/* collection_test.c - names, trees, roles, subscriptions; deleting and renaming as RFC 9051 says.
 */
#include "store/collection.h"

#include "base/test.h"
#include "base/uidset.h"
#include "store/change.h"
#include "store/collection_walk.h"
#include "store/entry.h"
#include "store/test_store.h"

enum { ACCOUNT = 9 };

struct doing {
    enum { CREATE, DELETE, RENAME, ROLE, SUBSCRIBE, UNSUBSCRIBE } what;
    const char *path, *to;
    enum collection_role role;
    uint64_t id;
};

static int do_job(struct txn *t, void *arg, struct err *e)
{
    struct doing *d = arg;
    ARENA_SCOPE a = {0};
    struct collection c = {.id = 0};
    struct slice path = slice_str(d->path);
    if (d->what == CREATE)
        return collection_create(t, path, COLLECTION_MAILBOX, d->role, &d->id, e);
    if (d->what == SUBSCRIBE || d->what == UNSUBSCRIBE)
        return subscription_set(t, path, d->what == SUBSCRIBE, e);
    if (collection_by_path(t, path, &a, &c, e))
        return -1;
    if (d->what == DELETE)
        return collection_delete(t, c.id, e);
    if (d->what == RENAME)
        return collection_rename(t, c.id, slice_str(d->to), e);
    return collection_set_role(t, c.id, d->role, e);
}

static enum err_code run(struct doing d)
{
    struct err e = {0};
    return store_write(ACCOUNT, do_job, &d, &e) ? e.code : ERR_OK;
}

#define create(p) run((struct doing){.what = CREATE, .path = (p)})
#define erase(p) run((struct doing){.what = DELETE, .path = (p)})
#define rename_to(p, q) run((struct doing){.what = RENAME, .path = (p), .to = (q)})

/* The walk gives what the list gives, each in a snapshot of its own. */
static void assert_walk(const struct collection *want, size_t n)
{
    struct collection_walk w = {.begun = false};
    struct collection c;
    struct err e = {0};
    for (size_t i = 0; i <= n; i++) {
        struct txn *t;
        assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
        assert_int_equal(collection_walk_next(&w, t, &c, &e), i < n);
        txn_end(t);
        if (i == n)
            break;
        assert_true(slice_eq(c.path, want[i].path));
        assert_true(c.id == want[i].id && c.has_children == want[i].has_children &&
                    c.selectable == want[i].selectable && c.role == want[i].role);
    }
    collection_walk_done(&w);
}

/* The tree in one line: paths, '!' behind those that cannot be selected. */
static void assert_tree(const char *want)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE b = {0};
    struct err e = {0};
    struct txn *t;
    struct collection *c;
    size_t n;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(collection_list(t, &a, &c, &n, &e), 0);
    for (size_t i = 0; i < n; i++) {
        buf_addf(&b, "%s%.*s%s", i ? " " : "", SARG(c[i].path), c[i].selectable ? "" : "!");
        struct collection one;
        assert_int_equal(collection_by_path(t, c[i].path, &a, &one, &e), 0);
        assert_true(one.id == c[i].id && one.has_children == c[i].has_children &&
                    one.subscribed == c[i].subscribed && slice_eq(one.path, c[i].path));
    }
    txn_end(t);
    assert_slice(buf_slice(&b), want);
    assert_walk(c, n);
}

static struct collection get(const char *path)
{
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct txn *t;
    struct collection c = {.id = 0};
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    if (collection_by_path(t, slice_str(path), &a, &c, &e))
        assert_int_equal(e.code, ERR_NOTFOUND);
    txn_end(t);
    return c;
}

#define USUAL "INBOX Archive Drafts Junk Sent Trash"

static void names(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        enum err_code want;
    } cases[] = {
        {"Archive", ERR_EXISTS},
        {"inbox", ERR_EXISTS},
        {"iNbOx", ERR_EXISTS},
        {"", ERR_SYNTAX},
        {"/", ERR_SYNTAX},
        {"a/", ERR_SYNTAX},
        {"/a", ERR_SYNTAX},
        {"a//b", ERR_SYNTAX},
        {"a/../b", ERR_SYNTAX},
        {".", ERR_SYNTAX},
        {"a\nb", ERR_SYNTAX},
        {"a\x7f", ERR_SYNTAX},
        {"\xff", ERR_SYNTAX},
        {"\xc0\xaf", ERR_SYNTAX},
        {"\xe2\x80\xa8", ERR_SYNTAX},
        {"Gr\xc3\xbc\xc3\x9f"
         "e",
         ERR_OK},
        {"Gru\xcc\x88\xc3\x9f"
         "e",
         ERR_EXISTS}, /* the same in NFC */
        {"..a", ERR_OK},
        {"100%", ERR_OK},
        {"a*", ERR_OK},
        {"InBox/x", ERR_OK},
    };
    test_store_open(2);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (create(cases[i].name) != cases[i].want)
            fail_msg("%s", cases[i].name);
    char long_name[5000];
    memset(long_name, 'x', sizeof long_name);
    long_name[255] = 0;
    assert_int_equal(create(long_name), ERR_OK);
    long_name[255] = 'x';
    long_name[256] = 0;
    assert_int_equal(create(long_name), ERR_LIMIT);
    for (size_t i = 0; i < 200; i++)
        memcpy(long_name + 2 * i, i ? "/d" : "dd", 2);
    long_name[400] = 0;
    assert_int_equal(create(long_name), ERR_LIMIT);
    long_name[100] = 0;
    assert_int_equal(create(long_name), ERR_OK);
    assert_int_equal(get("INBOX/x").parent, 1);
    test_store_close();
}

static void a_tree_grows_and_falls(void **state)
{
    (void)state;
    test_store_open(2);
    assert_int_equal(create("a/b/c"), ERR_OK);
    assert_tree("INBOX Archive Drafts Junk Sent Trash a a/b a/b/c");
    assert_int_equal(create("a-b"), ERR_OK); /* '-' sorts before '/' in ASCII, not here */
    assert_tree("INBOX Archive Drafts Junk Sent Trash a a/b a/b/c a-b");
    uint32_t before = get("a/b").uidvalidity;
    uint64_t id = get("a/b").id;
    test_add(ACCOUNT, id, S("Subject: x\r\n\r\nx"), SNONE, 0);
    assert_int_equal(erase("a/b"), ERR_OK);
    assert_tree("INBOX Archive Drafts Junk Sent Trash a a/b! a/b/c a-b");
    assert_int_equal(get("a/b").messages, 0);
    assert_int_equal(erase("a/b"), ERR_CONFLICT);
    assert_int_equal(create("a/b"), ERR_OK);
    assert_true(get("a/b").id > id && get("a/b").uidvalidity > before); /* another mailbox */
    assert_true(get("a/b/c").parent == get("a/b").id);
    assert_tree("INBOX Archive Drafts Junk Sent Trash a a/b a/b/c a-b");
    assert_int_equal(get("a/b").uidnext, 1);
    assert_int_equal(erase("a/b"), ERR_OK);
    assert_int_equal(erase("a/b/c"), ERR_OK); /* takes the empty name with it */
    assert_tree("INBOX Archive Drafts Junk Sent Trash a a-b");
    assert_int_equal(erase("inbox"), ERR_NOPERM);
    assert_int_equal(erase("nothing"), ERR_NOTFOUND);
    /* Ids are never used again. */
    struct collection last = get("a-b");
    assert_int_equal(erase("a-b"), ERR_OK);
    assert_int_equal(create("z"), ERR_OK);
    assert_true(get("z").id > last.id);
    test_store_close();
}

static void renaming(void **state)
{
    (void)state;
    test_store_open(2);
    assert_int_equal(create("a/b/c"), ERR_OK);
    assert_int_equal(rename_to("a", "a/x"), ERR_SYNTAX);
    assert_int_equal(rename_to("a", "Sent"), ERR_EXISTS);
    assert_int_equal(rename_to("a", "a"), ERR_EXISTS);
    assert_int_equal(rename_to("q", "r"), ERR_NOTFOUND);
    uint64_t id = get("a/b").id;
    assert_int_equal(rename_to("a", "new/deep/a"), ERR_OK);
    assert_tree(USUAL " new new/deep new/deep/a new/deep/a/b new/deep/a/b/c");
    assert_int_equal(get("new/deep/a/b").id, id);
    char deep[200] = "d";
    for (int i = 0; i < 48; i++)
        memcpy(deep + 1 + 2 * i, "/d", 3);
    assert_int_equal(rename_to("new/deep/a", deep), ERR_LIMIT);
    deep[95] = 0;
    assert_int_equal(rename_to("new/deep/a", deep), ERR_OK);
    test_store_close();
}

/* RFC 9051 6.3.6 */
static void renaming_inbox_moves_its_messages(void **state)
{
    (void)state;
    test_store_open(2);
    for (int i = 0; i < 3; i++)
        test_add(ACCOUNT, 1, S("Subject: x\r\n\r\nx"), SNONE, i == 1 ? FLAG_SEEN : 0);
    assert_int_equal(create("INBOX/child"), ERR_OK);
    assert_int_equal(rename_to("INBOX", "old"), ERR_OK);
    assert_tree("INBOX INBOX/child Archive Drafts Junk Sent Trash old");
    assert_true(get("INBOX").messages == 0 && get("INBOX").uidnext == 4);
    assert_true(get("old").messages == 3 && get("old").unseen == 2);
    assert_int_equal(rename_to("INBOX", "old"), ERR_EXISTS);
    test_store_close();
}

static void roles_and_subscriptions(void **state)
{
    (void)state;
    test_store_open(2);
    assert_int_equal(create("x"), ERR_OK);
    assert_true(get("Sent").role == ROLE_SENT && get("Sent").subscribed);
    assert_int_equal(run((struct doing){.what = ROLE, .path = "x", .role = ROLE_SENT}),
                     ERR_CONFLICT);
    assert_int_equal(run((struct doing){.what = ROLE, .path = "Sent", .role = ROLE_NONE}), ERR_OK);
    assert_int_equal(run((struct doing){.what = ROLE, .path = "x", .role = ROLE_SENT}), ERR_OK);
    assert_int_equal(get("x").role, ROLE_SENT);
    assert_int_equal(run((struct doing){.what = CREATE, .path = "y", .role = ROLE_TRASH}),
                     ERR_CONFLICT);
    assert_int_equal(run((struct doing){.what = SUBSCRIBE, .path = "not/there"}), ERR_OK);
    assert_int_equal(run((struct doing){.what = UNSUBSCRIBE, .path = "Sent"}), ERR_OK);
    assert_false(get("Sent").subscribed);
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct txn *t;
    struct slice *list;
    size_t n;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(subscription_list(t, &a, &list, &n, &e), 0);
    assert_int_equal(n, 6);
    assert_slice(list[n - 1], "not/there");
    struct collection c;
    assert_int_equal(collection_by_role(t, ROLE_SENT, &a, &c, &e), 0);
    assert_slice(c.path, "x");
    assert_int_equal(collection_by_role(t, ROLE_ALL, &a, &c, &e), -1);
    txn_end(t);
    for (int r = ROLE_ARCHIVE; r <= ROLE_IMPORTANT; r++)
        assert_int_equal(
            role_from_special_use(slice_str(role_special_use((enum collection_role)r))), r);
    assert_null(role_special_use(ROLE_INBOX));
    assert_int_equal(role_from_special_use(S("\\sent")), ROLE_SENT);
    assert_int_equal(role_from_special_use(S("\\Nothing")), ROLE_NONE);
    test_store_close();
}

static int count_kinds(const struct change *c, void *arg)
{
    ((unsigned *)arg)[c->kind]++;
    return 0;
}

static void the_log_tells(void **state)
{
    (void)state;
    unsigned kinds[8] = {0};
    struct err e = {0};
    struct txn *t;
    test_store_open(2);
    create("a/b");
    rename_to("a/b", "c");
    erase("c");
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(change_each(t, 0, count_kinds, kinds, &e), 0);
    txn_end(t);
    assert_int_equal(kinds[CHANGE_CREATED], 8);
    assert_int_equal(kinds[CHANGE_RENAMED], 1);
    assert_int_equal(kinds[CHANGE_DELETED], 1);
    assert_int_equal(kinds[CHANGE_SUBSCRIBED], 6);
    test_store_close();
}

/* More than a page of siblings, at two levels, and names that sort around INBOX. */
static void a_large_tree_is_walked(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct txn *t;
    struct collection *c;
    size_t n;
    test_store_open(2);
    assert_int_equal(create("INBO"), ERR_OK);
    assert_int_equal(create("INBOX/under"), ERR_OK);
    assert_int_equal(create("INBOY/under"), ERR_OK);
    for (int i = 0; i < 200; i++) {
        char path[64];
        snprintf(path, sizeof path, i % 3 ? "many %03d" : "many %03d/x", i);
        assert_int_equal(create(path), ERR_OK);
        snprintf(path, sizeof path, "INBOY/under/%03d%s", i, i % 64 ? "" : "/deep");
        assert_int_equal(create(path), ERR_OK);
    }
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(collection_list(t, &a, &c, &n, &e), 0);
    txn_end(t);
    assert_true(n > 450);
    assert_walk(c, n);
    test_store_close();
}

static void subscriptions_are_walked(void **state)
{
    (void)state;
    struct subscription_walk w = {.ended = false};
    struct err e = {0};
    struct slice path;
    test_store_open(2);
    for (int i = 0; i < 150; i++) {
        char name[32];
        snprintf(name, sizeof name, "sub/%03d", i);
        assert_int_equal(run((struct doing){.what = SUBSCRIBE, .path = name}), ERR_OK);
    }
    int seen = 0;
    for (int got = 1; got > 0;) {
        struct txn *t;
        assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
        got = subscription_walk_next(&w, t, &path, &e);
        assert_true(got >= 0);
        seen += got > 0 && slice_starts(path, S("sub/"));
        assert_int_equal(subscription_below(t, S("sub"), &e), 1);
        assert_int_equal(subscription_below(t, S("su"), &e), 0);
        assert_int_equal(subscription_below(t, S("sub/149"), &e), 0);
        assert_int_equal(subscription_is(t, S("sub/149"), &e), 1);
        txn_end(t);
    }
    assert_int_equal(seen, 150);
    subscription_walk_done(&w);
    test_store_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(a_tree_grows_and_falls),
        cmocka_unit_test(renaming),
        cmocka_unit_test(renaming_inbox_moves_its_messages),
        cmocka_unit_test(roles_and_subscriptions),
        cmocka_unit_test(the_log_tells),
        cmocka_unit_test(a_large_tree_is_walked),
        cmocka_unit_test(subscriptions_are_walked),
    };
    return RUN_TESTS(tests);
}
