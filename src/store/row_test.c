/* row_test.c - compressed columns: what was put in comes out, plain rows are read as well, and a
   damaged one is told, passed over and made again. */
#include "base/test.h"

#include "base/random.h"
#include "base/setting.h"
#include "db/db.h"
#include "store/check.h"
#include "store/row.h"
#include "store/test_store.h"

static void both_parts_come_back(void **state)
{
    (void)state;
    static char big[300000];
    random_bytes(big, sizeof big);
    const struct slice parts[] = {SNONE, S("("), S("(NIL \"Re: test\" ((NIL NIL \"a\" \"b.c\")))"),
                                  slice_of(big, sizeof big)};
    BUF_SCOPE room = {0};
    for (size_t i = 0; i < 16; i++) {
        struct slice a = parts[i / 4], b = parts[i % 4], c, d;
        BUF_SCOPE packed = {0};
        row_pack(i % 2 ? ROW_QUICK : ROW_SMALL, a, b, &packed);
        assert_false(packed.failed);
        assert_int_equal(row_unpack(buf_slice(&packed), &room, &c, &d, NULL), 1);
        assert_true(slice_eq(a, c) && slice_eq(b, d));
        for (size_t n = 0; n < packed.n && n < 100; n++)
            assert_int_equal(row_unpack(slice_of(packed.p, n), &room, &c, &d, NULL), 0);
    }
}

/* Nothing of a stranger's gets here, but a disk may have damaged it. */
static void damage_is_survived(void **state)
{
    (void)state;
    BUF_SCOPE packed = {0};
    BUF_SCOPE room = {0};
    struct slice a, b;
    unsigned told = 0;
    row_pack(ROW_SMALL, S("(\"Mon, 1 Jan 2018 10:00:00 +0000\" \"Hello\" NIL)"),
             S("(\"text\" \"plain\")"), &packed);
    for (size_t i = 0; i < packed.n * 8; i++) {
        packed.p[i / 8] = (char)(packed.p[i / 8] ^ 1 << i % 8);
        told += row_unpack(buf_slice(&packed), &room, &a, &b, NULL) == 0;
        packed.p[i / 8] = (char)(packed.p[i / 8] ^ 1 << i % 8);
    }
    assert_true(told > 0);
    assert_int_equal(
        row_unpack(S("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01x"), &room, &a, &b, NULL), 0);
    assert_int_equal(row_unpack(SNONE, &room, &a, &b, NULL), 0);
}

static void run_sql(const char *sql)
{
    char path[200];
    struct err e = {0};
    struct db *db;
    snprintf(path, sizeof path, "%s/shards/0.db", test_dir);
    if (db_open_sqlite(path, 0, &db, &e) || db_script(db, sql, &e))
        fail_msg("%s", e.text);
    db_close(db);
}

struct seen {
    unsigned n, damaged;
    char subjects[200], texts[500];
};

static void look(unsigned want, struct seen *s)
{
    struct err e = {0};
    struct entry_walk *w;
    struct entry en;
    struct txn *t;
    int rc;
    *s = (struct seen){0};
    assert_int_equal(txn_read(1, &t, &e), 0);
    assert_int_equal(entry_walk_open(t, 1, 0, NULL, want, &w, &e), 0);
    while ((rc = entry_walk_next(w, &en, &e)) > 0) {
        s->n++;
        s->damaged += en.damaged;
        size_t n = strlen(s->subjects);
        snprintf(s->subjects + n, sizeof s->subjects - n, "%.*s|%.*s|", SARG(en.envelope),
                 SARG(en.preview));
        struct message_bytes *m;
        if (!(want & ENTRY_BYTES))
            continue;
        BUF_SCOPE bytes = {0};
        if (message_open(&en, &m, &e)) {
            assert_int_equal(e.code, ERR_CORRUPT);
            assert_true(en.damaged);
            continue;
        }
        test_bytes(m, &bytes);
        message_close(m);
        n = strlen(s->texts);
        snprintf(s->texts + n, sizeof s->texts - n, "%.*s|", SARG(buf_slice(&bytes)));
    }
    assert_int_equal(rc, 0);
    entry_walk_close(w);
    txn_end(t);
}

enum { EVERYTHING = ENTRY_ENVELOPE | ENTRY_STRUCTURE | ENTRY_PREVIEW | ENTRY_BYTES };
static const char texts[] = "T: 1\r\nSubject: one\r\n\r\nfirst|Subject: two\r\n\r\nsecond|";

static void fill(void)
{
    struct err e = {0};
    struct setting *compress = setting_find(S("store.compress"));
    test_store_open(1);
    test_add(1, 1, S("Subject: one\r\n\r\nfirst"), S("T: 1\r\n"), 0);
    assert_int_equal(setting_parse(compress, S("no"), &e), 0);
    test_add(1, 1, S("Subject: two\r\n\r\nsecond"), SNONE, 0);
    setting_reset(compress);
}

static void plain_rows_are_read_too(void **state)
{
    (void)state;
    struct seen s;
    fill();
    look(EVERYTHING, &s);
    assert_string_equal(s.subjects, "(NIL \"one\" NIL NIL NIL NIL NIL NIL NIL NIL)|first|"
                                    "(NIL \"two\" NIL NIL NIL NIL NIL NIL NIL NIL)|second|");
    assert_string_equal(s.texts, texts);
    look(ENTRY_ENVELOPE, &s);
    assert_string_equal(s.subjects, "(NIL \"one\" NIL NIL NIL NIL NIL NIL NIL NIL)||"
                                    "(NIL \"two\" NIL NIL NIL NIL NIL NIL NIL NIL)||");
    look(ENTRY_PREVIEW, &s);
    assert_string_equal(s.subjects, "|first||second|");
    look(ENTRY_BYTES, &s);
    assert_string_equal(s.texts, texts);
    store_close();
    run_sql("CREATE TABLE found AS SELECT prefix_n < 0 AS plain FROM message;"
            "INSERT INTO entry (account, collection, uid) SELECT 1, 1, 1 FROM found WHERE "
            "(SELECT SUM(plain) FROM found) <> 1"); /* fails unless one is plain, one is not */
    nftw(test_dir, test_rm, 16, FTW_DEPTH | FTW_PHYS);
}

static unsigned check(bool repair)
{
    struct err e = {0};
    struct store_check_report r;
    if (store_check(test_dir, repair, NULL, NULL, NULL, &r, &e))
        fail_msg("%s", e.text);
    if (repair)
        assert_int_equal(r.problems, r.repaired);
    return (unsigned)r.problems;
}

static void a_damaged_row_is_made_again(void **state)
{
    (void)state;
    static const char *const harms[] = {
        "UPDATE message SET envelope = x'050512345678' WHERE row = 1",
        "UPDATE message SET prefix = x'' WHERE row = 1",
        "UPDATE message SET prefix_n = prefix_n + 1 WHERE row = 1",
    };
    for (size_t i = 0; i < sizeof harms / sizeof *harms; i++) {
        struct seen s;
        fill();
        store_close();
        assert_int_equal(check(false), 0);
        run_sql(harms[i]);
        struct err e = {0};
        assert_int_equal(store_open(&(struct store_config){.dir = test_dir}, &e), 0);
        look(EVERYTHING, &s);
        assert_int_equal(s.n, 2);
        assert_int_equal(s.damaged, 1);
        assert_non_null(strstr(s.subjects, "\"two\"")); /* the other one is whole */
        assert_string_equal(s.texts, "Subject: two\r\n\r\nsecond|");
        store_close();
        assert_true(check(false) > 0);
        assert_true(check(true) > 0);
        assert_int_equal(check(true), 0);
        assert_int_equal(store_open(&(struct store_config){.dir = test_dir}, &e), 0);
        look(EVERYTHING, &s);
        assert_int_equal(s.damaged, 0);
        assert_non_null(strstr(s.subjects, "\"one\""));
        assert_string_equal(s.texts, "Subject: one\r\n\r\nfirst|Subject: two\r\n\r\nsecond|");
        test_store_close();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_parts_come_back),
        cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(plain_rows_are_read_too),
        cmocka_unit_test(a_damaged_row_is_made_again),
    };
    return RUN_TESTS(tests);
}
