/* args_test.c - the arguments of commands: what is taken, what is refused, and where. */
#include "base/test.h"
#include "proto/imap/append_args.h"
#include "proto/imap/fetch_args.h"
#include "proto/imap/list_args.h"
#include "proto/imap/search_args.h"
#include "proto/imap/select_args.h"
#include "proto/imap/sort_args.h"

struct fix {
    struct arena a;
    struct err e;
    struct imap_literal lits[4];
    struct imap_parser p;
};

static void fix_done(struct fix *f)
{
    arena_reset(&f->a);
}
#define FIX __attribute__((cleanup(fix_done))) struct fix

static struct imap_parser *with(struct fix *f, const char *text)
{
    arena_reset(&f->a);
    f->e = (struct err){0};
    f->p = (struct imap_parser){
        .text = slice_str(text), .arena = &f->a, .e = &f->e, .literals = f->lits, .n_literals = 4};
    return &f->p;
}

static void lit(struct fix *f, size_t i, struct slice s)
{
    f->lits[i] = (struct imap_literal){.bytes = s, .size = s.n};
}

#define REFUSED(f, call, want)                                                                     \
    do {                                                                                           \
        assert_int_equal(call, -1);                                                                \
        assert_string_equal((f)->e.text, want);                                                    \
    } while (0)

static void strings(void **state)
{
    (void)state;
    FIX f = {0};
    struct slice s;
    assert_int_equal(imap_astring(with(&f, "ab]c d"), &s), 0);
    assert_slice(s, "ab]c");
    assert_int_equal(imap_astring(with(&f, "\"a \\\"\\\\b\""), &s), 0);
    assert_slice(s, "a \"\\b");
    lit(&f, 0, S("x\r\ny"));
    assert_int_equal(imap_astring(with(&f, "{4}\r\n)"), &s), 0);
    assert_slice(s, "x\r\ny");
    assert_int_equal(imap_peek(&f.p), ')');
    assert_int_equal(imap_take_nstring(with(&f, "nil"), &s), 0);
    assert_null(s.p);
    REFUSED(&f, imap_astring(with(&f, "\"abc"), &s), "the quoted string does not end at column 5");
    REFUSED(&f, imap_astring(with(&f, "\"a\\b\""), &s),
            "a backslash escapes only '\"' and itself at column 4");
    REFUSED(&f, imap_astring(with(&f, "\"\xc3\xbc\""), &s),
            "8-bit in a quoted string, and UTF-8 is not enabled at column 2");
    with(&f, "\"\xc3\xbc\"")->utf8 = true;
    assert_int_equal(imap_astring(&f.p, &s), 0);
    with(&f, "\"\xc3\"")->utf8 = true;
    assert_int_equal(imap_astring(&f.p, &s), -1);
    REFUSED(&f, imap_astring(with(&f, "(x"), &s), "expected an atom or a string at column 1");
    lit(&f, 0, S("a\0b"));
    REFUSED(&f, imap_astring(with(&f, "{3}\r\n"), &s), "NUL in a literal at column 1");
    f.lits[0].bytes.p = NULL;
    assert_int_equal(imap_astring(with(&f, "{3}\r\n"), &s), -1);
    assert_int_equal(f.e.code, ERR_LIMIT);
}

static void numbers_and_sets(void **state)
{
    (void)state;
    FIX f = {0};
    uint32_t v;
    uint64_t w;
    struct imap_set s;
    assert_int_equal(imap_u32(with(&f, "4294967295"), &v), 0);
    REFUSED(&f, imap_u32(with(&f, "4294967296"), &v), "the number is too large at column 1");
    REFUSED(&f, imap_nz_u32(with(&f, "0"), &v), "the number must not be 0 at column 1");
    assert_int_equal(imap_u63(with(&f, "9223372036854775807"), &w), 0);
    assert_int_equal(imap_u63(with(&f, "9223372036854775808"), &w), -1);
    assert_int_equal(imap_u63(with(&f, "100000000000000000000"), &w), -1);
    assert_int_equal(imap_set(with(&f, "1,3:5,*,7:*,*:2"), &s), 0);
    assert_int_equal(s.n, 5);
    assert_int_equal(s.r[1].last, 5);
    assert_int_equal(s.r[4].first, 0);
    assert_int_equal(imap_set(with(&f, "$"), &s), 0);
    assert_true(s.saved);
    REFUSED(&f, imap_set(with(&f, "1,,2"), &s), "expected a number at column 3");
    REFUSED(&f, imap_set(with(&f, "0:1"), &s), "the number must not be 0 at column 1");
    REFUSED(&f, imap_plain_set(with(&f, "1:*"), &s), "expected a number at column 3");
}

static void mailboxes(void **state)
{
    (void)state;
    FIX f = {0};
    struct slice s;
    assert_int_equal(imap_mailbox(with(&f, "iNbOx"), &s), 0);
    assert_slice(s, "INBOX");
    assert_int_equal(imap_mailbox(with(&f, "\"a&APw-\""), &s), 0);
    assert_slice(s, "a\xc3\xbc");
    REFUSED(&f, imap_mailbox(with(&f, "a&!-"), &s),
            "the mailbox name is not modified UTF-7 at column 1");
    assert_int_equal(f.e.code, ERR_UNSUPPORTED);
    assert_int_equal(imap_list_mailbox(with(&f, "a&!-%"), &s), 0);
    assert_false(imap_list_match(s, S("a")));
    with(&f, "a&b")->utf8 = true;
    assert_int_equal(imap_mailbox(&f.p, &s), 0);
    assert_slice(s, "a&b");
    assert_int_equal(imap_list_mailbox(with(&f, "a/%*"), &s), 0);
    assert_slice(s, "a/%*");
    assert_int_equal(imap_mailbox(with(&f, "a%"), &s), 0);
    assert_int_equal(imap_end(&f.p), -1);
}

static void fetch(void **state)
{
    (void)state;
    FIX f = {0};
    struct imap_fetch_args a;
    assert_int_equal(imap_fetch_args(with(&f, "(FLAGS BODY[1.2.HEADER.FIELDS (From \"a b\")]<7.9> "
                                              "BODY.PEEK[] RFC822.SIZE BINARY.SIZE[3] BODY)"),
                                     false, &a),
                     0);
    assert_int_equal(a.items, IMAP_FETCH_FLAGS | IMAP_FETCH_SIZE | IMAP_FETCH_BODY);
    assert_int_equal(a.n_bodies, 3);
    assert_slice(a.bodies[0].label, "BODY[1.2.HEADER.FIELDS (From \"a b\")]<7>");
    assert_int_equal(a.bodies[0].section.n_path, 2);
    assert_int_equal(a.bodies[0].section.n_fields, 2);
    assert_int_equal(a.bodies[0].count, 9);
    assert_false(a.bodies[0].peek);
    assert_slice(a.bodies[1].label, "BODY[]");
    assert_true(a.bodies[1].peek);
    assert_int_equal(a.bodies[2].kind, IMAP_BINARY_SIZE);
    assert_int_equal(imap_fetch_args(with(&f, "full (CHANGEDSINCE 12 VANISHED)"), true, &a), 0);
    assert_true(a.vanished && a.since == 12 && (a.items & IMAP_FETCH_UID));
    assert_int_equal(imap_fetch_args(with(&f, "body[text]"), false, &a), 0);
    assert_slice(a.bodies[0].label, "BODY[TEXT]");
    assert_int_equal(imap_fetch_args(with(&f, "(RFC822 RFC822.HEADER RFC822.TEXT)"), false, &a), 0);
    assert_int_equal(a.n_bodies, 3);
    assert_int_equal(imap_fetch_args(with(&f, "(PREVIEW (lazy LAZY) UID)"), false, &a), 0);
    assert_int_equal(a.items, IMAP_FETCH_PREVIEW | IMAP_FETCH_UID);
    assert_int_equal(imap_fetch_args(with(&f, "PREVIEW (LAZY) (CHANGEDSINCE 1)"), false, &a), 0);
    assert_true(a.items == (IMAP_FETCH_PREVIEW | IMAP_FETCH_MODSEQ) && a.has_since);
    assert_int_equal(imap_fetch_args(with(&f, "PREVIEW (CHANGEDSINCE 1)"), false, &a), 0);
    assert_true(a.items == (IMAP_FETCH_PREVIEW | IMAP_FETCH_MODSEQ) && a.has_since);
    REFUSED(&f, imap_fetch_args(with(&f, "(PREVIEW (LAZY FAST))"), false, &a),
            "unknown PREVIEW modifier at column 16");
    REFUSED(&f, imap_fetch_args(with(&f, "PREVIEW (FAST)"), false, &a),
            "unknown FETCH modifier at column 10");
    REFUSED(&f, imap_fetch_args(with(&f, "(ALL)"), false, &a),
            "expected something to fetch at column 2");
    REFUSED(&f, imap_fetch_args(with(&f, "BODY[MIME]"), false, &a),
            "MIME needs a part number at column 10");
    REFUSED(&f, imap_fetch_args(with(&f, "BODY[1.]"), false, &a), "expected a section at column 8");
    REFUSED(&f, imap_fetch_args(with(&f, "BINARY[TEXT]"), false, &a),
            "expected a part number at column 8");
    REFUSED(&f, imap_fetch_args(with(&f, "BODY[]<0.0>"), false, &a),
            "the number must not be 0 at column 10");
    REFUSED(&f, imap_fetch_args(with(&f, "FLAGS (CHANGEDSINCE 1 VANISHED)"), false, &a),
            "unknown FETCH modifier at column 23");
    REFUSED(&f, imap_fetch_args(with(&f, "FLAGS (VANISHED)"), true, &a),
            "VANISHED needs CHANGEDSINCE at column 16");
    REFUSED(&f, imap_fetch_args(with(&f, "(FLAGS  UID)"), false, &a),
            "expected something to fetch at column 8");
}

static void search(void **state)
{
    (void)state;
    FIX f = {0};
    struct imap_search_args a;
    assert_int_equal(
        imap_search_args(with(&f, " RETURN (MIN COUNT) CHARSET utf-8 OR (SEEN FROM x) NOT "
                                  "SINCE 1-Feb-1994 1:5,* UID 3 NEW"),
                         &a),
        0);
    assert_int_equal(a.returns, SEARCH_RETURN_MIN | SEARCH_RETURN_COUNT);
    assert_slice(a.charset, "utf-8");
    assert_int_equal(a.key->sub->op, SEARCH_OR);
    assert_int_equal(a.key->sub->sub->op, SEARCH_AND);
    assert_int_equal(a.key->sub->sub->next->op, SEARCH_NOT);
    assert_int_equal(a.key->sub->sub->next->sub->op, SEARCH_SINCE);
    assert_int_equal(a.key->sub->sub->next->sub->day, 8797);
    assert_int_equal(a.key->sub->next->op, SEARCH_SEQ);
    assert_int_equal(imap_search_args(with(&f, " MODSEQ \"/flags/\\\\draft\" all 620162338"), &a),
                     0);
    assert_true(a.uses_modseq);
    assert_int_equal(a.key->sub->number, 620162338);
    assert_int_equal(imap_search_args(with(&f, " RETURN () ALL"), &a), 0);
    assert_int_equal(a.returns, SEARCH_RETURN_ALL);
    REFUSED(&f, imap_search_args(with(&f, " FOO"), &a), "expected a search key at column 2");
    REFUSED(&f, imap_search_args(with(&f, " OR SEEN"), &a), "arguments are missing at column 9");
    REFUSED(&f, imap_search_args(with(&f, " SINCE 30-Feb-2001"), &a),
            "expected a date as 2-Jan-2006 at column 8");
    REFUSED(&f, imap_search_args(with(&f, ""), &a), "arguments are missing at column 1");
}

static void sort_and_thread(void **state)
{
    (void)state;
    FIX f = {0};
    struct imap_sort_args a;
    struct imap_thread_args th;
    assert_int_equal(imap_sort_args(with(&f, " RETURN (PARTIAL 9:-1) (DATE) UTF-8 ALL"), &a), -1);
    assert_int_equal(imap_sort_args(with(&f, " RETURN (PARTIAL -9:-1 COUNT) (REVERSE CC to DATE "
                                             "REVERSE DATE) us-ascii 1:3"),
                                    &a),
                     0);
    assert_int_equal(a.n, 3);
    assert_true(a.by[0].key == IMAP_SORT_CC && a.by[0].reverse);
    assert_true(a.by[1].key == IMAP_SORT_TO && !a.by[1].reverse);
    assert_true(a.by[2].key == IMAP_SORT_DATE && !a.by[2].reverse);
    assert_slice(a.search.charset, "us-ascii");
    assert_true(a.search.uses_numbers);
    const struct imap_partial *p = &a.search.partial;
    assert_true(p->given && p->from_end && p->from == 1 && p->to == 9);
    assert_slice(p->text, "-9:-1");
    uint64_t first, end;
    assert_true(imap_partial_of(p, 20, &first, &end) && first == 11 && end == 20);
    assert_true(imap_partial_of(p, 4, &first, &end) && first == 0 && end == 4);
    assert_false(imap_partial_of(p, 0, &first, &end));
    assert_int_equal(imap_thread_args(with(&f, " references UTF-8 NOT SEEN"), &th), 0);
    assert_int_equal(th.way, IMAP_THREAD_REFERENCES);
    REFUSED(&f, imap_thread_args(with(&f, " REFERENCESX UTF-8 ALL"), &th),
            "unknown threading algorithm at column 2");
    REFUSED(&f, imap_sort_args(with(&f, " (SIZE) UTF-8"), &a),
            "arguments are missing at column 14");
    REFUSED(&f, imap_sort_args(with(&f, " RETURN (PARTIAL 1:2 ALL) (SIZE) UTF-8 ALL"), &a),
            "PARTIAL and ALL exclude each other at column 25");
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    FIX f = {0};
    struct imap_search_args a;
    static char text[60002];
    memset(text, '(', sizeof(text) - 1);
    text[0] = ' ';
    assert_int_equal(imap_search_args(with(&f, text), &a), -1);
    assert_int_equal(f.e.code, ERR_LIMIT);
    BUF_SCOPE nots = {0};
    for (int i = 0; i < 15000; i++)
        buf_adds(&nots, " NOT");
    assert_int_equal(imap_search_args(with(&f, buf_cstr(&nots)), &a), -1);
    assert_int_equal(f.e.code, ERR_LIMIT);
    BUF_SCOPE section = {0};
    buf_adds(&section, "BODY[1");
    for (int i = 0; i < 1000; i++)
        buf_adds(&section, ".1");
    buf_adds(&section, "]");
    struct imap_fetch_args fa;
    assert_int_equal(imap_fetch_args(with(&f, buf_cstr(&section)), false, &fa), -1);
    assert_int_equal(f.e.code, ERR_LIMIT);
}

static void store_append_select(void **state)
{
    (void)state;
    FIX f = {0};
    struct imap_store_args s;
    assert_int_equal(imap_store_args(with(&f, "(UNCHANGEDSINCE 5) +FLAGS.SILENT (\\seen $x)"), &s),
                     0);
    assert_true(s.op == '+' && s.silent && s.has_since && s.since == 5);
    assert_true(s.flags.system == IMAP_FLAG_SEEN && s.flags.n == 1);
    assert_int_equal(imap_store_args(with(&f, "FLAGS \\Deleted a b"), &s), 0);
    assert_int_equal(s.flags.n, 2);
    assert_int_equal(imap_store_args(with(&f, "-FLAGS ()"), &s), 0);
    REFUSED(&f, imap_store_args(with(&f, "FLAGS (\\Recent)"), &s),
            "\\Recent cannot be set at column 8");
    assert_int_equal(imap_store_args(with(&f, "FLAGS (\\Unheard \\Seen)"), &s), 0);
    assert_true(s.flags.system == IMAP_FLAG_SEEN && s.flags.n == 0);
    struct imap_append_args a;
    lit(&f, 0, S("one"));
    lit(&f, 1, S("two"));
    assert_int_equal(
        imap_append_args(with(&f, " box (\\Seen) \" 7-Feb-1994 21:52:25 -0800\" {3}\r\n "
                                  "~{3+}\r\n"),
                         &a),
        0);
    assert_int_equal(a.n, 2);
    assert_true(a.messages[0].has_date && a.messages[0].date_ms == 760686745000);
    assert_slice(a.messages[1].literal->bytes, "two");
    REFUSED(&f, imap_append_args(with(&f, " box x"), &a), "expected a literal at column 6");
    REFUSED(&f, imap_append_args(with(&f, " box (\\Seen){3}\r\n"), &a),
            "expected a space at column 13");
    struct imap_select_args sel;
    assert_int_equal(
        imap_select_args(with(&f, " x (QRESYNC (7 90 1:5,9 (1,2 3,4)) CONDSTORE)"), &sel), 0);
    assert_true(sel.qresync && sel.condstore && sel.has_known && sel.has_match);
    assert_int_equal(sel.modseq, 90);
    assert_int_equal(imap_select_args(with(&f, " x (QRESYNC (7 90 (1,2 3,4)))"), &sel), 0);
    assert_true(!sel.has_known && sel.has_match);
    assert_int_equal(imap_select_args(with(&f, " x (QRESYNC (7 0))"), &sel), -1);
    assert_int_equal(imap_select_args(with(&f, " x (FOO)"), &sel), -1);
}

static void list(void **state)
{
    (void)state;
    FIX f = {0};
    struct imap_list_args l;
    assert_int_equal(imap_list_args(with(&f, " (SUBSCRIBED RECURSIVEMATCH) \"\" (\"a\" b%) RETURN "
                                             "(CHILDREN STATUS (MESSAGES SIZE))"),
                                    &l),
                     0);
    assert_int_equal(l.n_patterns, 2);
    assert_int_equal(l.status, IMAP_STATUS_MESSAGES | IMAP_STATUS_SIZE);
    assert_int_equal(imap_list_args(with(&f, " \"\" \"\""), &l), 0);
    assert_false(l.extended);
    REFUSED(&f, imap_list_args(with(&f, " (RECURSIVEMATCH) \"\" *"), &l),
            "RECURSIVEMATCH needs another selection option at column 2");
    REFUSED(&f, imap_list_args(with(&f, " \"\" * RETURN (FOO)"), &l),
            "unknown LIST option at column 15");
    unsigned items;
    assert_int_equal(imap_status_items(with(&f, "(messages DELETED)"), &items), 0);
    assert_int_equal(imap_status_items(with(&f, "()"), &items), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(strings),
        cmocka_unit_test(numbers_and_sets),
        cmocka_unit_test(mailboxes),
        cmocka_unit_test(fetch),
        cmocka_unit_test(search),
        cmocka_unit_test(sort_and_thread),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(store_append_select),
        cmocka_unit_test(list),
    };
    return RUN_TESTS(tests);
}
