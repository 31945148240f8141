/* entry_test.c - flags, copies, moves and expunges: what is in the tables afterwards, in the
   counters of the mailbox, and in the change log. A random walk keeps a model beside it. */
#include "store/entry.h"

#include "base/setting.h"
#include "base/test.h"
#include "store/change_log.h"
#include "store/collection.h"
#include "store/shard.h"
#include "store/test_store.h"

SETTING_DECLARE(imap, copy_max);

enum { ACCOUNT = 3, INBOX = 1, ARCHIVE = 2 };

struct doing {
    enum { STORE, COPY, MOVE, EXPUNGE } what;
    uint64_t from, to, person;
    struct uidset uids, changed, modified;
    bool all, only_deleted;
    enum flag_op op;
    struct flagset flags;
    uint64_t unchanged_since;
    uint32_t first;
    uint64_t modseq;
};

static int do_job(struct txn *t, void *arg, struct err *e)
{
    struct doing *d = arg;
    uidset_clear(&d->changed);
    uidset_clear(&d->modified);
    const struct uidset *uids = d->all ? NULL : &d->uids;
    int rc = -1;
    if (d->what == STORE)
        rc = entry_store_flags(t, d->from, d->person, uids, d->op, &d->flags, d->unchanged_since,
                               &d->changed, &d->modified, e);
    if (d->what == COPY)
        rc = entry_copy(t, d->from, uids, d->to, &d->changed, &d->first, e);
    if (d->what == MOVE)
        rc = entry_move(t, d->from, uids, d->to, &d->changed, &d->first, e);
    if (d->what == EXPUNGE)
        rc = entry_expunge(t, d->from, uids, d->only_deleted, &d->changed, e);
    if (rc == 0)
        d->modseq = txn_modseq(t);
    return rc;
}

static void doing_done(struct doing *d)
{
    uidset_done(&d->uids);
    uidset_done(&d->changed);
    uidset_done(&d->modified);
}

static void run(struct doing *d)
{
    struct err e = {0};
    if (store_write(ACCOUNT, do_job, d, &e))
        fail_msg("%s", e.text);
}

static void set(struct uidset *s, const char *text)
{
    assert_int_equal(uidset_parse(s, slice_str(text), 1000), 0);
}

#define assert_set(s, text)                                                                        \
    do {                                                                                           \
        BUF_SCOPE b_ = {0};                                                                        \
        uidset_print((s), &b_);                                                                    \
        assert_slice(buf_slice(&b_), text);                                                        \
    } while (0)

static void fill(int n)
{
    for (int i = 0; i < n; i++) {
        char text[200];
        snprintf(text, sizeof text, "Subject: %d\r\nMessage-ID: <%d@x>\r\n\r\nText %d\r\n", i, i,
                 i);
        test_add(ACCOUNT, INBOX, slice_str(text), SNONE, 0);
    }
}

static struct collection mailbox(uint64_t id)
{
    static struct arena a;
    struct err e = {0};
    struct txn *t;
    struct collection c;
    arena_reset(&a);
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    if (collection_by_id(t, id, &a, &c, &e))
        fail_msg("%s", e.text);
    txn_end(t);
    c.name = c.path = SNONE;
    arena_reset(&a);
    return c;
}

static struct entry get(uint64_t collection, uint64_t person, uint32_t uid, unsigned want)
{
    struct err e = {0};
    struct txn *t;
    struct entry_walk *w;
    struct entry en = {0};
    UIDSET_SCOPE one = {0};
    uidset_add(&one, uid, uid);
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(entry_walk_open(t, collection, person, &one, want, &w, &e), 0);
    int rc = entry_walk_next(w, &en, &e);
    if (rc < 0)
        fail_msg("%s", e.text);
    if (!rc)
        en.uid = 0;
    entry_walk_close(w);
    txn_end(t);
    return en;
}

static void flags_are_stored(void **state)
{
    (void)state;
    test_store_open(2);
    fill(10);
    struct doing d = {.what = STORE,
                      .from = INBOX,
                      .op = FLAGS_ADD,
                      .flags = {.system = FLAG_SEEN | FLAG_DELETED},
                      .unchanged_since = UINT64_MAX};
    set(&d.uids, "2:4,7,99");
    run(&d);
    assert_set(&d.changed, "2:4,7");
    uint64_t first = d.modseq;
    run(&d); /* nothing left to do: no new modseq for anybody */
    assert_set(&d.changed, "");
    assert_int_equal(get(INBOX, 0, 3, 0).modseq, first);
    struct collection c = mailbox(INBOX);
    assert_true(c.unseen == 6 && c.deleted == 4 && c.messages == 10 && c.modseq == first);
    assert_true(c.deleted_bytes == 4 * get(INBOX, 0, 2, 0).size);

    d.unchanged_since = first - 1; /* RFC 7162 3.1.3 */
    d.op = FLAGS_REMOVE;
    set(&d.uids, "1:4");
    run(&d);
    assert_set(&d.modified, "2:4");
    assert_set(&d.changed, "");
    d.unchanged_since = UINT64_MAX;
    d.op = FLAGS_SET;
    d.flags.system = FLAG_FLAGGED;
    set(&d.uids, "1:10");
    run(&d);
    assert_set(&d.changed, "1:10");
    c = mailbox(INBOX);
    assert_true(c.unseen == 10 && c.deleted == 0 && c.deleted_bytes == 0);
    assert_int_equal(get(INBOX, 0, 7, 0).flags, FLAG_FLAGGED);
    doing_done(&d);
    test_store_close();
}

/* 60 keywords: 48 have a bit, 12 have rows. */
static void keywords_past_the_word(void **state)
{
    (void)state;
    char names[60][16];
    struct slice k[60];
    for (int i = 0; i < 60; i++) {
        snprintf(names[i], sizeof names[i], "Word%d", i);
        k[i] = slice_str(names[i]);
    }
    test_store_open(2);
    fill(4);
    struct doing d = {.what = STORE,
                      .from = INBOX,
                      .op = FLAGS_ADD,
                      .flags = {.keywords = k, .n = 60},
                      .unchanged_since = UINT64_MAX};
    set(&d.uids, "1:3");
    run(&d);
    assert_set(&d.changed, "1:3");
    struct err e = {0};
    struct txn *t;
    struct entry_walk *w;
    struct entry en;
    ARENA_SCOPE a = {0};
    struct keyword *all;
    size_t n;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(keyword_list(t, &a, &all, &n, &e), 0);
    assert_int_equal(n, 60);
    assert_slice(all[59].name, "Word59");
    assert_int_equal(entry_walk_open(t, INBOX, 0, NULL, ENTRY_KEYWORDS, &w, &e), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(entry_walk_next(w, &en, &e), 1);
        assert_int_equal(en.overflow_n, i < 3 ? 12 : 0);
        if (i < 3)
            assert_int_equal(en.overflow[0], 48);
    }
    entry_walk_close(w);
    txn_end(t);

    /* One of the rows, another case of the same word. */
    struct slice one[] = {S("WORD50")};
    d.op = FLAGS_REMOVE;
    d.flags = (struct flagset){.keywords = one, .n = 1};
    run(&d);
    assert_set(&d.changed, "1:3");
    run(&d);
    assert_set(&d.changed, "");
    d.op = FLAGS_SET;
    set(&d.uids, "2");
    run(&d);
    assert_set(&d.changed, "2");
    en = get(INBOX, 0, 2, ENTRY_KEYWORDS);
    assert_true(en.flags == FLAG_OVERFLOW && en.overflow_n == 1);
    en = get(INBOX, 0, 3, ENTRY_KEYWORDS);
    assert_int_equal(en.overflow_n, 11);

    /* They go along with copies. */
    struct doing c = {.what = COPY, .from = INBOX, .to = ARCHIVE};
    set(&c.uids, "2:4");
    run(&c);
    assert_int_equal(c.first, 1);
    assert_int_equal(get(ARCHIVE, 0, 1, ENTRY_KEYWORDS).overflow_n, 1);
    assert_int_equal(get(ARCHIVE, 0, 2, ENTRY_KEYWORDS).overflow_n, 11);
    assert_int_equal(get(ARCHIVE, 0, 3, ENTRY_KEYWORDS).overflow_n, 0);
    doing_done(&c);
    doing_done(&d);
    test_store_close();
}

static void seen_is_everybodys_own(void **state)
{
    (void)state;
    test_store_open(2);
    fill(5);
    struct doing d = {.what = STORE,
                      .from = INBOX,
                      .person = 77,
                      .op = FLAGS_ADD,
                      .flags = {.system = FLAG_SEEN | FLAG_FLAGGED},
                      .unchanged_since = UINT64_MAX};
    set(&d.uids, "2:3");
    run(&d);
    assert_set(&d.changed, "2:3");
    assert_int_equal(get(INBOX, 0, 2, 0).flags, FLAG_FLAGGED);
    assert_int_equal(get(INBOX, ACCOUNT, 2, 0).flags, FLAG_FLAGGED);
    assert_int_equal(get(INBOX, 77, 2, 0).flags, FLAG_FLAGGED | FLAG_SEEN);
    assert_int_equal(get(INBOX, 78, 2, 0).flags, FLAG_FLAGGED);
    assert_int_equal(mailbox(INBOX).unseen, 5);
    d.flags.system = FLAG_SEEN;
    d.op = FLAGS_REMOVE;
    set(&d.uids, "1:2");
    run(&d);
    assert_set(&d.changed, "2");
    assert_int_equal(get(INBOX, 77, 2, 0).flags, FLAG_FLAGGED);
    assert_int_equal(get(INBOX, 77, 3, 0).flags, FLAG_FLAGGED | FLAG_SEEN);
    /* The owner's does not show to the other, and SET by the other leaves it. */
    d.person = 0;
    d.op = FLAGS_ADD;
    set(&d.uids, "5");
    run(&d);
    assert_int_equal(get(INBOX, 77, 5, 0).flags, 0);
    d.person = 77;
    d.op = FLAGS_SET;
    d.flags.system = FLAG_ANSWERED;
    set(&d.uids, "3:5");
    run(&d);
    assert_set(&d.changed, "3:5");
    assert_int_equal(get(INBOX, 77, 3, 0).flags, FLAG_ANSWERED);
    assert_int_equal(get(INBOX, 0, 5, 0).flags, FLAG_ANSWERED | FLAG_SEEN);
    doing_done(&d);
    test_store_close();
}

static int64_t account_bytes(void)
{
    struct err e = {0};
    struct txn *t;
    struct account_usage u;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(account_usage(t, &u, &e), 0);
    txn_end(t);
    return u.bytes;
}

static void copies_share_their_item(void **state)
{
    (void)state;
    test_store_open(2);
    fill(6);
    int64_t bytes = account_bytes(), size = get(INBOX, 0, 2, 0).size;
    assert_int_equal(bytes, 6 * size);
    struct doing d = {.what = COPY, .from = INBOX, .to = INBOX};
    set(&d.uids, "2,4:5,50");
    run(&d);
    assert_set(&d.changed, "2,4:5");
    assert_int_equal(d.first, 7);
    assert_int_equal(get(INBOX, 0, 8, 0).item, get(INBOX, 0, 4, 0).item);
    assert_int_equal(mailbox(INBOX).messages, 9);
    assert_int_equal(account_bytes(), bytes);
    d.what = MOVE;
    d.to = ARCHIVE;
    set(&d.uids, "1:2");
    run(&d);
    assert_int_equal(d.first, 1);
    assert_int_equal(get(INBOX, 0, 2, 0).uid, 0);
    assert_int_equal(mailbox(ARCHIVE).messages, 2);
    assert_int_equal(account_bytes(), bytes);
    /* The first of two entries goes: the item stays. Then the second. */
    d.what = EXPUNGE;
    set(&d.uids, "4,6");
    run(&d);
    assert_set(&d.changed, "4,6");
    assert_int_equal(account_bytes(), bytes - size);
    set(&d.uids, "8");
    run(&d);
    assert_int_equal(account_bytes(), bytes - 2 * size);
    /* An expunged entry can still be read. */
    ARENA_SCOPE a = {0};
    struct err e = {0};
    struct txn *t;
    struct entry en;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(entry_expunged(t, INBOX, 8, ~0u, &a, &en, &e), 0);
    assert_true(en.uid == 8 && en.size == size);
    assert_slice(en.preview, "Text 3");
    struct message_bytes *m;
    BUF_SCOPE got = {0};
    assert_int_equal(message_open(&en, &m, &e), 0);
    assert_int_equal(message_read(m, 0, 10, &got, &e), 0);
    assert_slice(buf_slice(&got), "Subject: 3");
    message_close(m);
    assert_int_equal(entry_expunged(t, INBOX, 3, 0, &a, &en, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    UIDSET_SCOPE changed = {0};
    UIDSET_SCOPE gone = {0};
    assert_int_equal(change_since(t, INBOX, 0, &changed, &gone, &e), 0);
    assert_set(&changed, "3,5,7,9");
    assert_set(&gone, "1:2,4,6,8");
    txn_end(t);
    doing_done(&d);
    test_store_close();
}

struct some {
    size_t max;
    int more;
    struct uidset gone;
};

static int expunge_some(struct txn *t, void *arg, struct err *e)
{
    struct some *s = arg;
    s->more = entry_expunge_some(t, INBOX, NULL, true, s->max, &s->gone, e);
    return s->more < 0 ? -1 : 0;
}

/* Slices of 4: the lowest that have the flag, and the count tells when all are gone. */
static void expunge_goes_in_slices(void **state)
{
    (void)state;
    struct err e = {0};
    test_store_open(2);
    fill(20);
    struct doing d = {.what = STORE,
                      .from = INBOX,
                      .op = FLAGS_ADD,
                      .flags = {.system = FLAG_DELETED},
                      .unchanged_since = UINT64_MAX};
    set(&d.uids, "2,4:6,9,11:13");
    run(&d);
    struct some s = {.max = 4};
    assert_int_equal(store_write(ACCOUNT, expunge_some, &s, &e), 0);
    assert_int_equal(s.more, 1);
    assert_set(&s.gone, "2,4:6");
    assert_int_equal(mailbox(INBOX).messages, 16);
    uidset_clear(&s.gone);
    assert_int_equal(store_write(ACCOUNT, expunge_some, &s, &e), 0);
    assert_int_equal(s.more, 0);
    assert_set(&s.gone, "9,11:13");
    assert_int_equal(mailbox(INBOX).deleted, 0);
    uidset_done(&s.gone);
    doing_done(&d);
    test_store_close();
}

/* --- items beside entries ------------------------------------------------------------------- */

DB_STMT(test_item_lost, "DELETE FROM item WHERE account = $1 AND id = $2");

static int lose_item(struct txn *t, void *arg, struct err *e)
{
    return db_run(t->db, &stmt_test_item_lost, e, "ii", (int64_t)t->account, *(int64_t *)arg);
}

/* What a walk gives, a line each; `show`: of what was asked for. */
static unsigned walked(uint64_t collection, const char *uids, unsigned want, unsigned show,
                       struct buf *out)
{
    struct err e = {0};
    struct txn *t;
    struct entry_walk *w;
    struct entry en;
    unsigned n = 0;
    int rc;
    UIDSET_SCOPE some = {0};
    set(&some, uids);
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(entry_walk_open(t, collection, 0, &some, want, &w, &e), 0);
    for (; (rc = entry_walk_next(w, &en, &e)) > 0; n++) {
        buf_addf(out, "%u %llu %llu %lld", en.uid, (unsigned long long)en.item,
                 (unsigned long long)en.flags, (long long)en.size);
        if (show & ENTRY_RECEIVED)
            buf_addf(out, " %lld", (long long)en.received_at);
        if (show & ENTRY_ITEM)
            buf_addf(out, " %lld %llu", (long long)en.sent_at, (unsigned long long)en.thread);
        if (show & ENTRY_ENVELOPE)
            buf_addf(out, " %.*s %.*s", SARG(en.envelope), SARG(en.bodystructure));
        buf_addc(out, '\n');
    }
    entry_walk_close(w);
    txn_end(t);
    if (rc)
        fail_msg("%s", e.text);
    return n;
}

/* Every breadth gives what the widest, which is one statement, gives. */
static unsigned assert_walks_agree(uint64_t collection, const char *uids)
{
    static const unsigned wants[] = {ENTRY_RECEIVED, ENTRY_RECEIVED | ENTRY_ITEM,
                                     ENTRY_RECEIVED | ENTRY_ENVELOPE | ENTRY_STRUCTURE,
                                     ENTRY_RECEIVED | ENTRY_ITEM | ENTRY_ENVELOPE |
                                         ENTRY_STRUCTURE};
    unsigned n = 0;
    for (size_t i = 0; i < sizeof wants / sizeof wants[0]; i++) {
        BUF_SCOPE have = {0};
        BUF_SCOPE should = {0};
        n = walked(collection, uids, ~0u, wants[i], &should);
        assert_int_equal(walked(collection, uids, wants[i], wants[i], &have), n);
        assert_slice(buf_slice(&have), buf_cstr(&should));
    }
    return n;
}

static void copy_to_archive(const char *uids)
{
    struct doing d = {.what = COPY, .from = INBOX, .to = ARCHIVE};
    set(&d.uids, uids);
    run(&d);
    doing_done(&d);
}

static void items_in_any_order(void **state)
{
    (void)state;
    test_store_open(2);
    fill(60);
    assert_int_equal(assert_walks_agree(INBOX, "1:60"), 60);
    assert_int_equal(assert_walks_agree(INBOX, "2,9:11,50:99"), 15);
    copy_to_archive("1:60"); /* in order, twice: goes back once */
    copy_to_archive("1:60");
    copy_to_archive("7,17,27,37,47,57");  /* with gaps */
    for (unsigned uid = 60; uid; uid--) { /* and backwards: given up on the way */
        char one[16];
        snprintf(one, sizeof one, "%u", uid);
        copy_to_archive(one);
    }
    assert_int_equal(assert_walks_agree(ARCHIVE, "1:999"), 186);
    assert_int_equal(assert_walks_agree(ARCHIVE, "120:186"), 67);
    assert_int_equal(assert_walks_agree(ARCHIVE,
                                        "3,130,132,134,136,138,140,142,144,146,148,150,152,"
                                        "154,156,158,160,162,164,166,168,170,172"),
                     23);
    /* An item that is lost takes its entries out, wherever they stand. */
    int64_t lost[] = {(int64_t)get(INBOX, 0, 1, 0).item, (int64_t)get(INBOX, 0, 30, 0).item,
                      (int64_t)get(INBOX, 0, 60, 0).item};
    for (size_t i = 0; i < sizeof lost / sizeof lost[0]; i++) {
        struct err e = {0};
        if (store_write(ACCOUNT, lose_item, &lost[i], &e))
            fail_msg("%s", e.text);
    }
    assert_int_equal(assert_walks_agree(INBOX, "1:60"), 57);
    assert_int_equal(assert_walks_agree(ARCHIVE, "1:999"), 177);
    test_store_close();
}

static void limits_and_missing_mailboxes(void **state)
{
    (void)state;
    struct err e = {0};
    test_store_open(2);
    fill(101);
    assert_int_equal(setting_parse(&set_imap_copy_max, S("100"), &e), 0);
    struct doing d = {.what = COPY, .from = INBOX, .to = ARCHIVE, .all = true};
    assert_int_equal(store_write(ACCOUNT, do_job, &d, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
    assert_int_equal(mailbox(ARCHIVE).messages, 0);
    setting_reset(&set_imap_copy_max);
    d.to = 99;
    assert_int_equal(store_write(ACCOUNT, do_job, &d, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
    doing_done(&d);
    test_store_close();
}

/* --- a random walk ---------------------------------------------------------------------------- */

enum { TOP = 400 };

struct model {
    bool in[TOP];
    uint64_t flags[TOP];
    uint32_t next;
};

static uint32_t draw(uint32_t below)
{
    static uint32_t seed = 4711;
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static void compare(uint64_t id, const struct model *m)
{
    struct err e = {0};
    struct txn *t;
    struct entry_walk *w;
    struct entry en;
    struct collection c = mailbox(id);
    uint64_t messages = 0, unseen = 0, deleted = 0;
    int64_t bytes = 0;
    assert_int_equal(txn_read(ACCOUNT, &t, &e), 0);
    assert_int_equal(entry_walk_open(t, id, 0, NULL, 0, &w, &e), 0);
    for (uint32_t u = 1; u < m->next; u++) {
        if (!m->in[u])
            continue;
        assert_int_equal(entry_walk_next(w, &en, &e), 1);
        assert_int_equal(en.uid, u);
        assert_int_equal(en.flags, m->flags[u]);
        messages++;
        unseen += !(en.flags & FLAG_SEEN);
        deleted += (en.flags & FLAG_DELETED) != 0;
        bytes += en.size;
    }
    assert_int_equal(entry_walk_next(w, &en, &e), 0);
    entry_walk_close(w);
    txn_end(t);
    assert_int_equal(c.messages, messages);
    assert_int_equal(c.unseen, unseen);
    assert_int_equal(c.deleted, deleted);
    assert_int_equal(c.bytes, bytes);
    assert_int_equal(c.uidnext, m->next);
}

static void model_step(struct model *box, struct doing *d)
{
    struct model *from = &box[d->from], *to = &box[d->to];
    for (uint32_t u = 1; u < from->next; u++) {
        if (!from->in[u] || !uidset_has(&d->uids, u))
            continue;
        uint64_t f = d->flags.system;
        if (d->what == STORE)
            from->flags[u] = d->op == FLAGS_SET   ? f
                             : d->op == FLAGS_ADD ? from->flags[u] | f
                                                  : from->flags[u] & ~f;
        if (d->what == COPY || d->what == MOVE) {
            to->in[to->next] = true;
            to->flags[to->next++] = from->flags[u];
        }
        if (d->what == MOVE ||
            (d->what == EXPUNGE && (!d->only_deleted || (from->flags[u] & FLAG_DELETED))))
            from->in[u] = false;
    }
}

static void random_walk(void **state)
{
    (void)state;
    static struct model box[3];
    test_store_open(2);
    fill(40);
    box[INBOX].next = 41;
    box[ARCHIVE].next = 1;
    for (uint32_t u = 1; u <= 40; u++)
        box[INBOX].in[u] = true;
    struct doing d = {.unchanged_since = UINT64_MAX};
    for (int round = 0; round < 300; round++) {
        d.from = 1 + draw(2);
        d.to = 3 - d.from;
        d.what = box[d.to].next > TOP - 60
                     ? (draw(2) ? STORE : EXPUNGE)
                     : (uint32_t[]){STORE, STORE, COPY, MOVE, EXPUNGE}[draw(5)];
        d.op = (enum flag_op)draw(3);
        d.flags.system = draw(32);
        d.only_deleted = draw(4) > 0;
        uidset_clear(&d.uids);
        for (uint32_t k = 1 + draw(4); k > 0; k--) {
            uint32_t a = 1 + draw(box[d.from].next);
            uidset_add(&d.uids, a, a + draw(d.what == STORE ? 30 : 4));
        }
        run(&d);
        model_step(box, &d);
        if (round % 10 == 0) {
            compare(INBOX, &box[INBOX]);
            compare(ARCHIVE, &box[ARCHIVE]);
        }
    }
    doing_done(&d);
    test_store_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_are_stored),
        cmocka_unit_test(keywords_past_the_word),
        cmocka_unit_test(seen_is_everybodys_own),
        cmocka_unit_test(copies_share_their_item),
        cmocka_unit_test(expunge_goes_in_slices),
        cmocka_unit_test(items_in_any_order),
        cmocka_unit_test(limits_and_missing_mailboxes),
        cmocka_unit_test(random_walk),
    };
    return RUN_TESTS(tests);
}
