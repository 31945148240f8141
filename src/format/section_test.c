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
    struct err e = {0};
    uint64_t size;
    BUF_SCOPE out = {0};
    assert_int_equal(message_parse(slice_str(text), NULL, &a, &m, NULL), 0);
    assert_int_equal(section_binary(m, (uint32_t[]){3}, 1, &out, &e), 1);
    assert_int_equal(out.n, 3);
    assert_memory_equal(out.p, "\0\1\2", 3);
    assert_int_equal(section_binary_size(m, (uint32_t[]){3}, 1, &size, &e), 1);
    assert_int_equal(size, 3);
    assert_int_equal(section_binary(m, (uint32_t[]){4}, 1, &out, &e), -1);
    assert_int_equal(e.code, ERR_UNSUPPORTED);
    assert_int_equal(section_binary(m, (uint32_t[]){5}, 1, &out, &e), 0);
    BUF_SCOPE small = {.max = 2};
    assert_int_equal(section_binary(m, (uint32_t[]){3}, 1, &small, &e), -1);
    assert_int_equal(e.code, ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sections),
        cmocka_unit_test(binary),
    };
    return RUN_TESTS(tests);
}
