/* flowed_test.c - RFC 3676: joining, quoting, stuffing, signatures, DelSp, and every cut. */
#include "base/test.h"
#include "format/flowed.h"
#include "format/text.h"

static void check(const char *in, bool delsp, const char *want)
{
    struct slice s = slice_str(in);
    for (size_t cut = 0; cut <= s.n; cut++) {
        struct flowed f = {.delsp = delsp};
        BUF_SCOPE out = {0};
        flowed_feed(&f, slice_sub(s, 0, cut), &out);
        flowed_feed(&f, slice_from(s, cut), &out);
        flowed_finish(&f, &out);
        assert_slice(buf_slice(&out), want);
    }
}

static void soft_breaks_are_joined(void **state)
{
    (void)state;
    check("", false, "");
    check("one\ntwo\n", false, "one\ntwo\n");
    check("one \ntwo \nthree\nfour\n", false, "one two three\nfour\n");
    check("one  \ntwo\n", false, "one  two\n");
    check("one \n", false, "one \n");
    check("one", false, "one");
    check("one ", false, "one ");
    check("one \n\ntwo\n", false, "one \ntwo\n");
}

static void delsp_takes_the_blank(void **state)
{
    (void)state;
    check("un \ntwo  \nx\n", true, "untwo x\n");
    check("\xe6\x97\xa5 \n\xe6\x9c\xac\n", true, "\xe6\x97\xa5\xe6\x9c\xac\n");
}

static void stuffing_is_undone(void **state)
{
    (void)state;
    check(" From me\n >no quote\n  two\n", false, "From me\n>no quote\n two\n");
    check("a \n  b\n", false, "a  b\n");
}

static void quotes_of_one_depth_belong_together(void **state)
{
    (void)state;
    check("> a \n> b\n>> c \n>> d \n> e\nf\n", false, "> a b\n>> c d \n> e\nf\n");
    check(">a \n>b\n", false, "> a b\n");
    check("> > a \n", false, "> > a \n");
    check(">\n> \n", false, "> \n> \n");
    check("a \n> b\n", false, "a \n> b\n");
}

static void signatures_stand_alone(void **state)
{
    (void)state;
    check("text \n-- \nme \nyou\n", false, "text \n-- \nme you\n");
    check("> -- \n> me\n", false, "> -- \n> me\n");
    check("--  \nx\n", false, "--  x\n");
    check("--\n-\n-- x\n", false, "--\n-\n-- x\n");
    check("-- ", false, "-- ");
    check("a \n--", false, "a --");
}

static void text_of(const char *type, const char *body, const char *want)
{
    ARENA_SCOPE a = {.limit = MESSAGE_ARENA_LIMIT};
    BUF_SCOPE bytes = {0};
    BUF_SCOPE out = {0};
    struct message *m;
    buf_addf(&bytes, "Content-Type: %s\r\n\r\n%s", type, body);
    assert_int_equal(message_parse(buf_slice(&bytes), NULL, &a, &m, NULL), 0);
    assert_int_equal(part_text(m, m->root, 1000, &out), 0);
    assert_slice(buf_slice(&out), want);
}

static void parts_say_whether_they_flow(void **state)
{
    (void)state;
    text_of("text/plain; format=flowed", "a \r\nb\r\n", "a b\n");
    text_of("TEXT/Plain; FORMAT=Flowed; delsp=YES", "a \r\nb\r\n", "ab\n");
    text_of("text/plain; format=fixed; delsp=yes", "a \r\nb\r\n", "a \nb\n");
    text_of("text/plain; delsp=yes", "a \r\nb\r\n", "a \nb\n");
    text_of("text/html; format=flowed", "a \r\nb\r\n", "a \nb\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(soft_breaks_are_joined),
        cmocka_unit_test(delsp_takes_the_blank),
        cmocka_unit_test(stuffing_is_undone),
        cmocka_unit_test(quotes_of_one_depth_belong_together),
        cmocka_unit_test(signatures_stand_alone),
        cmocka_unit_test(parts_say_whether_they_flow),
    };
    return RUN_TESTS(tests);
}
