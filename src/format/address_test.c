/* Unit tests of address lists: the examples of RFC 5322 A, and what is broken out there. */
#include "base/test.h"

#include "format/address.h"

/* name|route|local|domain; groups "name:" and ";" */
static void show(const struct address_list *l, struct buf *out)
{
    for (size_t i = 0; i < l->n; i++) {
        const struct address *ad = &l->items[i];
        if (i)
            buf_addc(out, ' ');
        if (ad->kind == ADDRESS_GROUP)
            buf_addf(out, "%.*s:", SARG(ad->name));
        else if (ad->kind == ADDRESS_GROUP_END)
            buf_addc(out, ';');
        else
            buf_addf(out, "%.*s|%.*s|%.*s|%.*s", SARG(ad->name), SARG(ad->route), SARG(ad->local),
                     SARG(ad->domain));
    }
}

static void check(const char *in, const char *want)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE out = {0};
    struct address_list l;
    assert_int_equal(address_parse(slice_str(in), 0, &a, &l), 0);
    show(&l, &out);
    assert_slice(buf_slice(&out), want);
}

static void examples_of_the_rfc(void **state)
{
    (void)state;
    check("John Doe <jdoe@machine.example>", "John Doe||jdoe|machine.example");
    check("\"Joe Q. Public\" <john.q.public@example.com>",
          "Joe Q. Public||john.q.public|example.com");
    check("Mary Smith <mary@x.test>, jdoe@example.org, Who? <one@y.test>",
          "Mary Smith||mary|x.test ||jdoe|example.org Who?||one|y.test");
    check("<boss@nil.test>, \"Giant; \\\"Big\\\" Box\" <sysservices@example.net>",
          "||boss|nil.test Giant; \"Big\" Box||sysservices|example.net");
    check("A Group:Ed Jones <c@a.test>,joe@where.test,John <jdoe@one.test>;",
          "A Group: Ed Jones||c|a.test ||joe|where.test John||jdoe|one.test ;");
    check("Undisclosed recipients:;", "Undisclosed recipients: ;");
    check("Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
          "Pete||pete|silly.test");
    check("A Group(Some people)\r\n :Chris Jones <c@(Chris's host.)public.example>,\r\n"
          "  joe@example.org,\r\n John <jdoe@one.test> (my dear friend); (the end of the group)",
          "A Group: Chris Jones||c|public.example ||joe|example.org John||jdoe|one.test ;");
    check("(Empty list)(start)Hidden recipients  :(nobody(that I know))  ;",
          "Hidden recipients: ;");
    check("Joe Q. Public <john.q.public@example.com>", "Joe Q. Public||john.q.public|example.com");
    check("Mary Smith <@node.test:mary@example.net>, , jdoe@test  . example",
          "Mary Smith|@node.test|mary|example.net ||jdoe|test.example");
    check("<@a.test,@b.test:c@d.test>", "|@a.test,@b.test|c|d.test");
    check("<(x) ,, @a.test , (y) @b.test : c@d.test>", "|@a.test,@b.test|c|d.test");
    check("John Doe <jdoe@machine(comment).  example>", "John Doe||jdoe|machine.example");
    check("Mary Smith\r\n  \r\n          <mary@example.net>", "Mary Smith||mary|example.net");
    check("a@[IPv6:2001:db8::1], \"x y\"@z", "||a|[IPv6:2001:db8::1] ||x y|z");
}

static void broken_ones(void **state)
{
    (void)state;
    check("", "");
    check(" , ,", "");
    check("root", "||root|");
    check("John Smith", "John Smith|||");
    check("<>", "|||");
    check("joe@x (Joe (the) Man)", "Joe (the) Man||joe|x");
    check("list@x via y <real@z>", "list@x via y||real|z");
    check("a@b c@d", "||a|b ||c|d");
    check("John Smith a@b", "John Smith||a|b");
    check("\"unclosed <a@b>, c@d", "unclosed||a|b ||c|d");
    check("(unclosed <a@b>", "(unclosed||a|b");
    check("John <a@b, c@d", "John||a|b ||c|d");
    check("A <a@b> C <c@d>", "A||a|b C||c|d");
    check("a@b; c@d", "||a|b ||c|d");
    check("a@b@c", "||a@b|c");
    check("g: a@b", "g: ||a|b ;");
    check("<Undisclosed-Recipient:;>, a@b", "Undisclosed-Recipient: ; ||a|b");
    check("x <undisclosed recipients:@x.test;>", "undisclosed recipients: ;");
    check("<u:;@x.test>", "u: ;");
    check("g: <h:;>;", "g: ||h:;| ;");
    check("<C:x@y.test>", "||C:x|y.test");
    check("\xc3\xa4 <\xc3\xb6@\xc3\xbc.test>", "\xc3\xa4||\xc3\xb6|\xc3\xbc.test");
    check("=?utf-8?q?a?= <b@c>", "=?utf-8?q?a?=||b|c");
    check("<<a@b>>", "||a|b");
    check("\"\" <a@b>", "||a|b");
    check("\"\"@b", "|||b");
}

static void hostile_ones_are_linear(void **state)
{
    (void)state;
    static const char *const seeds[] = {"(",    "\"",  "<", "[",  "\\",     "(\\",
                                        "\"\\", ",",   ":", ";",  "@",      "<@",
                                        "(\"",  "a@[", ">", "a:", "<a@b> ", "a "};
    for (size_t i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        BUF_SCOPE in = {0};
        ARENA_SCOPE a = {.limit = 64 << 20};
        struct address_list l;
        while (in.n < 300000)
            buf_adds(&in, seeds[i]);
        assert_int_equal(address_parse(buf_slice(&in), 0, &a, &l), 0);
        assert_true(l.n <= ADDRESS_MAX + 1);
        arena_reset(&a);
        buf_reset(&in);
        buf_addc(&in, '<');
        while (in.n < 150000)
            buf_addc(&in, ' ');
        while (in.n < 300000)
            buf_adds(&in, seeds[i]);
        assert_int_equal(address_parse(buf_slice(&in), 0, &a, &l), 0);
    }
    /* openings in a literal whose ends are far outside it */
    static const char *const opens[] = {"(", "\\\""}, *const closes[] = {")", "\""};
    for (size_t i = 0; i < 2; i++) {
        BUF_SCOPE in = {0};
        ARENA_SCOPE a = {.limit = 64 << 20};
        struct address_list l;
        buf_adds(&in, i ? "<[\"" : "<[");
        while (in.n < 200000)
            buf_adds(&in, opens[i]);
        buf_adds(&in, "]>");
        while (in.n < 400000)
            buf_adds(&in, closes[i]);
        assert_int_equal(address_parse(buf_slice(&in), 0, &a, &l), 0);
    }
}

static void limit(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct address_list l;
    assert_int_equal(address_parse(S("a@x, b@x, g: c@x, d@x;"), 4, &a, &l), 0);
    assert_true(l.cut);
    assert_int_equal(l.n, 5);
    assert_int_equal(l.items[4].kind, ADDRESS_GROUP_END);
}

static void writing(void **state)
{
    (void)state;
    BUF_SCOPE out = {0};
    address_write(S("J. Doe"), S("a b"), S("x"), &out);
    buf_addc(&out, '\n');
    address_write(S(""), S("a.b"), S("x"), &out);
    buf_addc(&out, '\n');
    address_write(S("\xc3\xa4"), S("a..b\""), S("x"), &out);
    assert_slice(buf_slice(&out),
                 "\"J. Doe\" <\"a b\"@x>\na.b@x\n=?UTF-8?B?w6Q=?= <\"a..b\\\"\"@x>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(examples_of_the_rfc),
        cmocka_unit_test(broken_ones),
        cmocka_unit_test(hostile_ones_are_linear),
        cmocka_unit_test(limit),
        cmocka_unit_test(writing),
    };
    return RUN_TESTS(tests);
}
