/* Unit tests of sections: the tree of RFC 9051 6.4.5.1 and BINARY. */
#include "base/test.h"

#include "format/section.h"

static const char text[] =
    "Subject: outer\r\nTo: x\r\n y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
    "--b\r\n\r\none\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\nX: 1\r\n\r\ninner text\r\n"
    "--b\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n"
    "--b\r\nContent-Transfer-Encoding: x-strange\r\n\r\nAAEC\r\n"
    "--b--\r\n";

static void want(const struct message *m, enum section_what what, size_t n, const uint32_t *path,
                 const char *expect)
{
    static const struct slice names[] = {S_INIT("SUBJECT"), S_INIT("to")};
    struct section s = {.what = what, .path = path, .n_path = n, .fields = names, .n_fields = 2};
    BUF_SCOPE out = {0};
    int r = section_write(m, &s, &out);
    assert_int_equal(r, expect ? 1 : 0);
    if (expect)
        assert_slice(buf_slice(&out), expect);
    if (n == 0 && expect) {
        size_t at, len, at2, len2;
        assert_true(section_find(m, &s, &at, &len));
        section_find_simple(m->bytes, &s, &at2, &len2);
        assert_true(at == at2 && len == len2);
    }
}

static void sections(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct message *m;
    uint32_t p1[] = {1}, p2[] = {2}, p21[] = {2, 1}, p9[] = {9};
    assert_int_equal(message_parse(slice_str(text), NULL, &a, &m, NULL), 0);
    want(m, SECTION_ALL, 0, NULL, text);
    want(m, SECTION_HEADER, 0, NULL,
         "Subject: outer\r\nTo: x\r\n y\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
    want(m, SECTION_FIELDS, 0, NULL, "Subject: outer\r\nTo: x\r\n y\r\n\r\n");
    want(m, SECTION_FIELDS_NOT, 0, NULL, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    want(m, SECTION_TEXT, 0, NULL, strstr(text, "--b"));
    want(m, SECTION_MIME, 0, NULL, NULL);
    want(m, SECTION_ALL, 1, p1, "one");
    want(m, SECTION_MIME, 1, p1, "\r\n");
    want(m, SECTION_HEADER, 1, p1, NULL);
    want(m, SECTION_ALL, 1, p2, "Subject: in\r\nX: 1\r\n\r\ninner text");
    want(m, SECTION_HEADER, 1, p2, "Subject: in\r\nX: 1\r\n\r\n");
    want(m, SECTION_FIELDS_NOT, 1, p2, "X: 1\r\n\r\n");
    want(m, SECTION_TEXT, 1, p2, "inner text");
    want(m, SECTION_MIME, 1, p2, "Content-Type: message/rfc822\r\n\r\n");
    want(m, SECTION_ALL, 2, p21, "inner text");
    want(m, SECTION_ALL, 1, p9, NULL);
}

static void binary(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    struct message *m;
    struct part_place at;
    BUF_SCOPE index = {0};
    static const int want_decodes[] = {0, 0, 1, -1};
    assert_int_equal(message_parse(slice_str(text), NULL, &a, &m, NULL), 0);
    part_index_write(m, &index);
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t path = i + 1;
        assert_int_equal(part_index_find(buf_slice(&index), &path, 1, m->bytes.n, &at), 1);
        assert_int_equal(section_binary_decodes(&at), want_decodes[i]);
    }
}

/* The index says of every path what the tree says. */
static void same(const struct message *m, struct slice index, const uint32_t *path, size_t n)
{
    struct part_place by_index, by_tree;
    const struct part *p = message_part(m, path, n);
    assert_int_equal(part_index_find(index, path, n, m->bytes.n, &by_index), p != NULL);
    if (!p)
        return;
    memset(&by_tree, 0, sizeof by_tree);
    part_place_of(p, &by_tree);
    assert_int_equal(by_index.kind, by_tree.kind);
    assert_int_equal(by_index.encoding, by_tree.encoding);
    assert_int_equal(by_index.head, by_tree.head);
    assert_int_equal(by_index.body, by_tree.body);
    assert_int_equal(by_index.end, by_tree.end);
    assert_int_equal(by_index.nests, by_tree.nests);
    if (by_tree.nests) {
        assert_int_equal(by_index.nested_head, by_tree.nested_head);
        assert_int_equal(by_index.nested_body, by_tree.nested_body);
        assert_int_equal(by_index.nested_end, by_tree.nested_end);
    }
}

static void all_paths(const char *message)
{
    ARENA_SCOPE a = {0};
    BUF_SCOPE index = {0};
    struct message *m;
    struct part_place at;
    assert_int_equal(message_parse(slice_str(message), NULL, &a, &m, NULL), 0);
    part_index_write(m, &index);
    assert_true(part_index_no_nul(buf_slice(&index)));
    for (uint32_t i = 0; i < 6 * 6 * 6 * 6; i++) {
        uint32_t path[] = {i % 6, i / 6 % 6, i / 36 % 6, i / 216};
        for (size_t n = 0; n <= 4; n++)
            same(m, buf_slice(&index), path, n);
    }
    /* cut short or for another message: damaged, or an answer within the size */
    for (size_t cut = 0; cut < index.n; cut++)
        for (uint32_t i = 0; i < 6; i++) {
            uint64_t size = cut % 2 ? m->bytes.n : m->bytes.n / 3;
            int found = part_index_find(slice_of(index.p, cut), &i, 1, size, &at);
            assert_true(found < 1 || (at.head <= at.body && at.body <= at.end && at.end <= size));
        }
}

static void the_index_knows_what_the_tree_knows(void **state)
{
    (void)state;
    all_paths(text);
    all_paths("");
    all_paths("no header at all");
    all_paths("Subject: x\r\n\r\nbody");
    all_paths("Content-Type: message/rfc822\r\n\r\nSubject: in\r\nContent-Type: message/rfc822\r\n"
              "\r\nSubject: in in\r\n\r\ntext");
    all_paths("Content-Type: multipart/mixed; boundary=a\r\n\r\n"
              "--a\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n"
              "--b\r\n\r\n1.1\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n"
              "Content-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\n1.2.1\r\n--c\r\n\r\n"
              "1.2.2\r\n--c--\r\n--b--\r\n--a\r\nContent-Transfer-Encoding: quoted-printable\r\n"
              "\r\n2=\r\n--a--\r\n");
}

static void a_nul_is_known(void **state)
{
    (void)state;
    ARENA_SCOPE a = {0};
    BUF_SCOPE index = {0};
    struct message *m;
    assert_int_equal(message_parse(S("Subject: x\r\n\r\na\0b"), NULL, &a, &m, NULL), 0);
    part_index_write(m, &index);
    assert_false(part_index_no_nul(buf_slice(&index)));
    assert_false(part_index_no_nul(S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections),
        cmocka_unit_test(binary),
        cmocka_unit_test(the_index_knows_what_the_tree_knows),
        cmocka_unit_test(a_nul_is_known),
    };
    return RUN_TESTS(tests);
}
