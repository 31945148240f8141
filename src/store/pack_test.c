/* pack_test.c - records written and read back; every damaged byte is noticed. */
#include "store/pack.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base64.h"
#include "base/fd.h"
#include "base/random.h"
#include "base/test.h"
#include "store/squeeze.h"

static char dir[64];

static void fill(char *p, size_t n, unsigned mode)
{
    if (mode == 0)
        random_bytes(p, n);
    else if (mode == 3) /* base 64 of what does not shrink, in lines of 76 */
        for (size_t i = 0; i < n; i += 78) {
            BUF_SCOPE line = {0};
            char bytes[57];
            random_bytes(bytes, sizeof bytes);
            base64_encode(&line, slice_of(bytes, sizeof bytes));
            buf_adds(&line, "\r\n");
            memcpy(p + i, line.p, n - i < line.n ? n - i : line.n);
        }
    else
        for (size_t i = 0; i < n; i++)
            p[i] = "The quick brown fox jumps over the lazy dog.\r\n"[(i * mode) % 46];
}

static uint64_t put(int fd, uint64_t mark, uint64_t at, struct slice content)
{
    struct frames f;
    struct err e = {0};
    assert_int_equal(frames_make(&f, content, (size_t)64 << 20, NULL, &e), 0);
    struct record_origin o = {7, 9, 11};
    BUF_SCOPE head = {0};
    record_head(&f, &o, mark, &head);
    assert_int_equal(head.n + f.bytes.n, record_length(&f));
    assert_int_equal(fd_pwrite_all(fd, head.p, head.n, (int64_t)at), 0);
    assert_int_equal(fd_pwrite_all(fd, f.bytes.p, f.bytes.n, (int64_t)(at + head.n)), 0);
    at += record_length(&f);
    frames_done(&f);
    return at;
}

static uint64_t mark_of(int fd)
{
    uint64_t mark;
    struct err e = {0};
    if (pack_mark(fd, &mark, &e))
        fail_msg("%s", e.text);
    return mark;
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 100, 65535, 65536, 65537, 200000, 262144};
    struct err e = {0};
    AUTO_FD fd = -1;
    assert_int_equal(pack_create(dir, 3, 5, &fd, &e), 0);
    uint64_t at = PACK_HEAD, starts[64], mark = mark_of(fd);
    char *content = malloc(262144), frame[FRAME_SIZE];
    size_t k = 0;
    for (unsigned mode = 0; mode < 4; mode++)
        for (size_t i = 0; i < 8; i++) {
            starts[k++] = at;
            fill(content, sizes[i], mode);
            uint64_t next = put(fd, mark, at, slice_of(content, sizes[i]));
            if (mode && sizes[i] > 1000)
                assert_true(next - at < sizes[i]);
            struct record r;
            assert_int_equal(record_read(fd, at, next, &r, &e), 0);
            assert_int_equal(r.end, next);
            assert_int_equal(r.size, sizes[i]);
            assert_true(r.mark == mark && r.account == 7 && r.collection == 9 && r.made_at == 11);
            assert_int_equal(record_check(fd, &r, &e), 0);
            for (uint32_t j = 0; j < r.n; j++) {
                assert_int_equal(record_frame(fd, &r, j, frame, &e), 0);
                assert_memory_equal(frame, content + (size_t)j * FRAME_SIZE,
                                    record_frame_size(&r, j));
            }
            record_done(&r);
            assert_int_equal(record_read(fd, at, next - 1, &r, &e), -1);
            at = next;
        }
    for (size_t i = 0; i + 1 < k; i++)
        assert_int_equal(record_search(fd, mark, starts[i] + 1, at), starts[i + 1]);
    assert_int_equal(record_search(fd, mark, starts[k - 1] + 1, at), at);
    free(content);
}

/* A record of format 1, packed without a dictionary; and one that names a dictionary nobody knows.
 */
static void other_dictionaries(void **state)
{
    (void)state;
    struct err e = {0};
    struct record r;
    AUTO_FD fd = -1;
    assert_int_equal(pack_create(dir, 3, 8, &fd, &e), 0);
    char content[3000], packed[3000];
    fill(content, sizeof content, 1);
    for (unsigned dictionary = SQUEEZE_BARE; dictionary <= SQUEEZE_KNOWN; dictionary++) {
        unsigned with = dictionary < SQUEEZE_KNOWN ? dictionary : SQUEEZE_BARE;
        struct frame fr = {.packed = true, .dictionary = (unsigned char)dictionary};
        struct frames f = {.size = sizeof content, .table = &fr, .n = 1};
        fr.stored = (uint32_t)squeeze(with, 1, slice_of(content, sizeof content), packed, 2000);
        assert_true(fr.stored > 0);
        fr.sum = XXH3_64bits(packed, fr.stored);
        f.stored = fr.stored;
        frame_hash(slice_of(content, sizeof content), f.hash);
        struct record_origin o = {7, 9, 11};
        BUF_SCOPE bytes = {0};
        record_head(&f, &o, mark_of(fd), &bytes);
        buf_add(&bytes, slice_of(packed, fr.stored));
        assert_int_equal(fd_pwrite_all(fd, bytes.p, bytes.n, PACK_HEAD), 0);
        int rc = record_read(fd, PACK_HEAD, PACK_HEAD + bytes.n, &r, &e);
        assert_int_equal(rc, dictionary < SQUEEZE_KNOWN ? 0 : -1);
        if (rc)
            continue;
        assert_int_equal(record_check(fd, &r, &e), 0);
        record_done(&r);
    }
    assert_int_equal(e.code, ERR_CORRUPT);
}

static void every_damaged_byte_is_noticed(void **state)
{
    (void)state;
    struct err e = {0};
    AUTO_FD fd = -1;
    assert_int_equal(pack_create(dir, 3, 6, &fd, &e), 0);
    char content[700];
    fill(content, sizeof content, 1);
    fill(content + 300, 400, 3);
    uint64_t end = put(fd, mark_of(fd), PACK_HEAD, slice_of(content, sizeof content));
    for (uint64_t at = PACK_HEAD; at < end; at++) {
        char c, d;
        assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
        d = (char)(c ^ (1 << (at % 8)));
        assert_int_equal(pwrite(fd, &d, 1, (off_t)at), 1);
        struct record r;
        if (record_read(fd, PACK_HEAD, end, &r, &e) == 0) {
            assert_int_equal(record_check(fd, &r, &e), -1);
            assert_int_equal(e.code, ERR_CORRUPT);
            record_done(&r);
        }
        assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
    }
    for (uint64_t at = 0; at < PACK_HEAD; at++) {
        char c, d;
        assert_int_equal(pread(fd, &c, 1, (off_t)at), 1);
        d = (char)(c ^ 1);
        assert_int_equal(pwrite(fd, &d, 1, (off_t)at), 1);
        AUTO_FD again = -1;
        assert_int_equal(pack_open(dir, 3, 6, false, &again, &e), -1);
        assert_int_equal(e.code, ERR_CORRUPT);
        assert_int_equal(pwrite(fd, &c, 1, (off_t)at), 1);
    }
    AUTO_FD again = -1;
    assert_int_equal(pack_open(dir, 4, 6, false, &again, &e), -1);
    assert_int_equal(pack_open(dir, 3, 6, false, &again, &e), 0);
    assert_int_equal(pack_open(dir, 3, 7, false, &(int){-1}, &e), -1);
    assert_int_equal(e.code, ERR_NOTFOUND);
}

/* The record of a whole message, with all its sums, inside the bytes of another: who sends it does
   not know the mark. */
static void what_a_stranger_wrote_is_no_record(void **state)
{
    (void)state;
    struct err e = {0};
    AUTO_FD fd = -1;
    AUTO_FD own = -1;
    char own_path[200];
    snprintf(own_path, sizeof own_path, "%s/planted", dir);
    own = open(own_path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(unlink(own_path), 0);
    assert_int_equal(pack_create(dir, 3, 8, &fd, &e), 0);
    uint64_t mark = mark_of(fd), guess = mark ^ 1;
    static char planted[70000];
    uint64_t n = put(own, guess, 0, S("From: x\r\n\r\nplanted\r\n"));
    assert_true(n < sizeof planted - 600);
    fill(planted, sizeof planted, 0); /* so that it is stored plain */
    assert_int_equal(pread(own, planted + 300, (size_t)n, 0), n);
    uint64_t next = put(fd, mark, PACK_HEAD, slice_of(planted, sizeof planted));
    uint64_t end = put(fd, mark, next, S("another message"));
    uint64_t data = PACK_HEAD + RECORD_HEAD + 2 * RECORD_FRAME;
    assert_int_equal(record_search(fd, guess, PACK_HEAD + 1, end), data + 300); /* it is there */
    assert_int_equal(record_search(fd, mark, PACK_HEAD + 1, end), next);
    /* The record's begin lies across the end of what is read at once. */
    for (uint64_t at = next - FRAME_SIZE; at < next - FRAME_SIZE + 40; at++)
        assert_int_equal(record_search(fd, mark, at, end), next);
}

static const char *file_path(uint64_t pack)
{
    static char path[200];
    pack_path(path, sizeof path, dir, pack);
    return path;
}

/* The head is damaged: its mark comes from the first record, or from another pack. */
static void a_mark_is_found_again(void **state)
{
    (void)state;
    struct err e = {0};
    AUTO_FD fd = -1;
    AUTO_FD other = -1;
    assert_int_equal(pack_create(dir, 9, 5, &fd, &e), 0);
    assert_int_equal(pack_create(dir, 9, 6, &other, &e), 0);
    uint64_t mark = mark_of(fd);
    assert_int_equal(mark_of(other), mark); /* a shard has one */
    put(fd, mark, PACK_HEAD, S("a message"));
    assert_int_equal(unlinkat(AT_FDCWD, file_path(6), 0), 0);
    for (unsigned i = 0; i < 2; i++) {
        AUTO_FD again = -1;
        assert_int_equal(fd_pwrite_all(fd, (char[PACK_HEAD + 20]){0}, PACK_HEAD + (i ? 20 : 0), 0),
                         0);
        assert_int_equal(pack_open(dir, 9, 5, false, &again, &e), -1);
        assert_int_equal(pack_mend(dir, 9, 5, &e), 0);
        assert_int_equal(pack_open(dir, 9, 5, false, &again, &e), 0);
        assert_int_equal(mark_of(again), mark);
        if (i == 0) {
            AUTO_FD anew = -1;
            assert_int_equal(pack_create(dir, 9, 6, &anew, &e), 0);
            assert_int_equal(mark_of(anew), mark);
        }
    }
}

static void a_copied_head_gets_the_mark_of_its_pack(void **state)
{
    (void)state;
    struct err e = {0};
    struct record r;
    AUTO_FD fd = -1;
    assert_int_equal(pack_create(dir, 3, 5, &fd, &e), 0);
    uint64_t mark = mark_of(fd);
    uint64_t end = put(fd, ~mark, PACK_HEAD, S("a message"));
    assert_int_equal(record_search(fd, mark, PACK_HEAD, end), end);
    char head[RECORD_HEAD + RECORD_FRAME];
    assert_int_equal(pread(fd, head, sizeof head, PACK_HEAD), sizeof head);
    record_remark(head, sizeof head, mark);
    assert_int_equal(fd_pwrite_all(fd, head, sizeof head, PACK_HEAD), 0);
    assert_int_equal(record_search(fd, mark, PACK_HEAD, end), PACK_HEAD);
    assert_int_equal(record_read(fd, PACK_HEAD, end, &r, &e), 0);
    assert_int_equal(record_check(fd, &r, &e), 0);
    record_done(&r);
}

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/pack_test.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    for (uint64_t i = 5; i <= 8; i++) {
        char path[200];
        pack_path(path, sizeof path, dir, i);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(other_dictionaries),
        cmocka_unit_test(every_damaged_byte_is_noticed),
        cmocka_unit_test(what_a_stranger_wrote_is_no_record),
        cmocka_unit_test(a_mark_is_found_again),
        cmocka_unit_test(a_copied_head_gets_the_mark_of_its_pack),
    };
    return cmocka_run_group_tests_name(__FILE__, tests, setup, teardown);
}
