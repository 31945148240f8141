/* recode_test.c - frames with base 64 in them come back to the letter, however lines end and
   wherever a frame is cut; a plan that lies is refused before anything is written. */
#include "store/recode.h"

#include <stdio.h>
#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/base64.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/random.h"
#include "base/setting.h"
#include "base/test.h"
#include "store/frame.h"

static uint32_t some(void)
{
    static uint64_t state = 1;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33);
}

enum { PICTURE, LETTER }; /* what is attached */

static void content(char *p, size_t n, int kind)
{
    random_bytes(p, n);
    for (size_t i = 0; kind == LETTER && i < n; i++)
        p[i] = "a letter to everybody, ten times over"[(unsigned char)p[i] % 37];
}

/* n bytes in lines of `line` characters. */
static void attach(struct buf *out, size_t n, size_t line, const char *end, int kind)
{
    char *bytes = malloc(n + 1);
    BUF_SCOPE text = {0};
    content(bytes, n, kind);
    base64_encode(&text, slice_of(bytes, n));
    for (size_t at = 0; at < text.n; at += line) {
        buf_add(out, slice_sub(buf_slice(&text), at, at + line));
        buf_adds(out, end);
    }
    free(bytes);
}

/* Memory is as long as it has to be: the sanitizer sees more. */
static bool comes_back(struct slice frame, struct recode *ret)
{
    struct recode r = {.bytes = malloc(frame.n), .text = malloc(frame.n)};
    char *copy = malloc(frame.n);
    memcpy(copy, frame.p, frame.n);
    struct slice in = slice_of(copy, frame.n);
    size_t first = recode_first(in);
    bool any = first < frame.n && recode_apart(in, first, &r);
    if (any) {
        struct recode_plan p;
        struct err e = {0};
        size_t n = r.bytes_n + r.text_n + r.plan_n;
        assert_true(n < frame.n);
        char *stored = malloc(n), *out = malloc(frame.n);
        memcpy(stored, r.bytes, r.bytes_n);
        memcpy(stored + r.bytes_n, r.text, r.text_n);
        memcpy(stored + r.bytes_n + r.text_n, r.plan, r.plan_n);
        if (recode_plan(slice_of(stored, n), frame.n, &p, &e))
            fail_msg("%s", e.text);
        assert_int_equal(p.bytes_n, r.bytes_n);
        assert_int_equal(p.text_n, r.text_n);
        recode_together(&p, stored, stored + r.bytes_n, out, frame.n);
        assert_memory_equal(out, frame.p, frame.n);
        /* The text at the end of the room. */
        memset(out, 0, frame.n);
        memcpy(out + frame.n - r.text_n, r.text, r.text_n);
        recode_together(&p, stored, out + frame.n - r.text_n, out, frame.n);
        assert_memory_equal(out, frame.p, frame.n);
        free(stored);
        free(out);
    }
    free(r.bytes);
    free(r.text);
    free(copy);
    if (ret)
        *ret = r;
    return any;
}

static void every_length_of_line(void **state)
{
    (void)state;
    struct recode r;
    for (size_t line = 1; line <= 1100; line += line < 130 ? 1 : 97)
        for (size_t n = 90; n < 2000; n += 1 + some() % 150)
            for (unsigned kind = 0; kind < 4; kind++) {
                BUF_SCOPE m = {0};
                buf_adds(&m, "Subject: x\r\n\r\n");
                attach(&m, n, line, kind & 1 ? "\r\n" : "\n", kind & 2 ? PICTURE : LETTER);
                buf_adds(&m, "--end--\r\n");
                bool any = comes_back(buf_slice(&m), &r);
                if (line % 4 == 0 && line >= 16 && line <= 1024 && n >= 96 && n / 3 * 4 >= line)
                    assert_true(any && r.bytes_n + r.text_n ==
                                           m.n - (n + 2) / 3 * 4 + n -
                                               ((n + 2) / 3 * 4 - 1) / line * (1 + (kind & 1)));
                if (any && n >= 1024 && line % 4 == 0 && line <= 1024)
                    assert_true(kind & 2 ? r.bytes_n == n : r.bytes_n == 0);
            }
}

/* A frame ends anywhere in a run, and the next begins there. */
static void cut_anywhere(void **state)
{
    (void)state;
    BUF_SCOPE m = {0};
    buf_adds(&m, "Content-Transfer-Encoding: base64\r\n\r\n");
    attach(&m, 700, 76, "\r\n", PICTURE);
    buf_adds(&m, "--x\nContent-Type: text/plain\n\n");
    attach(&m, 301, 64, "\n", LETTER);
    buf_adds(&m, "--x--\n");
    unsigned any = 0;
    for (size_t cut = 0; cut <= m.n; cut++) {
        any += comes_back(slice_sub(buf_slice(&m), 0, cut), NULL);
        any += comes_back(slice_from(buf_slice(&m), cut), NULL);
    }
    assert_true(any > m.n);
}

/* One letter is another one, or one more, or one less: it is no run any more, or a shorter one. */
static void what_is_nearly_a_run(void **state)
{
    (void)state;
    static const char other[] = "A=\r\n -_%.\t\0\xff";
    BUF_SCOPE m = {0};
    attach(&m, 400, 76, "\r\n", PICTURE);
    for (size_t at = 0; at < m.n; at++)
        for (size_t i = 0; i < sizeof other - 1; i++) {
            BUF_SCOPE changed = {0};
            for (unsigned kind = 0; kind < 3; kind++) {
                buf_reset(&changed);
                buf_add(&changed, slice_sub(buf_slice(&m), 0, at));
                if (kind < 2)
                    buf_addc(&changed, other[i]);
                buf_add(&changed, slice_from(buf_slice(&m), at + (kind > 0)));
                comes_back(buf_slice(&changed), NULL);
            }
        }
}

static void more_runs_than_a_plan_has(void **state)
{
    (void)state;
    struct recode r;
    BUF_SCOPE m = {0};
    for (unsigned i = 0; i < 2 * RECODE_RUNS; i++) {
        attach(&m, 97 + i % 9, 76, "\n", LETTER);
        buf_adds(&m, "--\n");
    }
    assert_true(comes_back(buf_slice(&m), &r));
    assert_true(r.plan_n <= RECODE_PLAN + RECODE_TAIL);
}

/* Frames as they are stored, of each kind, and each damage behind a right checksum. */
static void frames_of_all_kinds(void **state)
{
    (void)state;
    char *out = malloc(FRAME_SIZE);
    for (unsigned i = 0; i < 300; i++) {
        struct frames f;
        struct err e = {0};
        BUF_SCOPE m = {0};
        buf_adds(&m, "Subject: a picture and a letter\r\nMIME-Version: 1.0\r\n\r\n");
        for (unsigned k = 0; k < i % 4; k++) {
            attach(&m, 1 + some() % 60000, 4 * (4 + some() % 20), some() & 1 ? "\n" : "\r\n",
                   (int)(some() & 1));
            buf_adds(&m, "--=_a boundary\r\n");
        }
        assert_int_equal(frames_make(&f, buf_slice(&m), m.n + 1, NULL, &e), 0);
        char *stored = f.bytes.p;
        for (size_t k = 0; k < f.n; k++) {
            struct slice want = slice_sub(buf_slice(&m), k * FRAME_SIZE, (k + 1) * FRAME_SIZE);
            if (frame_unpack(&f.table[k], stored, out, want.n, &e))
                fail_msg("%s", e.text);
            assert_memory_equal(out, want.p, want.n);
            for (unsigned damage = 0; damage < 20 && f.table[k].recoded; damage++) {
                struct frame fr = f.table[k];
                char *bad = malloc(fr.stored), *room = malloc(want.n);
                memcpy(bad, stored, fr.stored);
                size_t back = 1 + some() % (damage < 10 ? 12 : fr.stored);
                bad[fr.stored - (back < fr.stored ? back : 1)] ^= (char)(1 + some() % 255);
                fr.sum = XXH3_64bits(bad, fr.stored);
                frame_unpack(&fr, bad, room, want.n, NULL); /* any answer, and no byte beside it */
                assert_int_equal(frame_unpack(&fr, stored, room, want.n, &e), -1);
                free(bad);
                free(room);
            }
            stored += f.table[k].stored;
        }
        frames_done(&f);
    }
    free(out);
}

static int refused(const char *plan, size_t n, size_t want)
{
    char stored[64] = {0};
    struct recode_plan p;
    struct err e = {0};
    memcpy(stored + 10, plan, n);
    int rc = recode_plan(slice_of(stored, 10 + n), want, &p, &e);
    assert_true(rc == 0 || e.code == ERR_CORRUPT);
    return rc;
}

/* A run of 3 bytes is 4 characters; 3 << 1 = 6, a line of 4 groups with LF is 8. */
static void plans_that_lie(void **state)
{
    (void)state;
    static const struct {
        const char *plan;
        size_t n, want;
        int rc;
    } rows[] = {
        {"\0\0", 2, 10, 0},
        {"\0\6\10\3\0", 5, 4, 0},
        {"\0\6\10\3\0", 5, 3, -1},             /* longer than the frame */
        {"\1\6\10\3\0", 5, 4, -1},             /* with its text */
        {"\0\6\10\3\1", 5, 4, -1},             /* longer than what is stored */
        {"\0\6\10\2\0", 5, 4, -1},             /* cut in a run */
        {"\0\6\10\4\0", 5, 4, -1},             /* begins too early */
        {"\0\0\10\3\0", 5, 4, -1},             /* no bytes */
        {"\0\6\1\3\0", 5, 4, -1},              /* no line */
        {"\0\6\x84\4\4\0", 6, 4, -1},          /* a line of 258 groups */
        {"\0\x18\10\3\0", 5, 16, -1},          /* 12 bytes of 10 */
        {"\0\x18\4\3\0", 5, 17, -1},           /* 12 bytes in lines of 8: 17 with the end */
        {"\0\x14\4\3\0", 5, 17, 0},            /* 10 bytes: the same, padded */
        {"\0\x14\5\3\0", 5, 17, -1},           /* CRLF is one more */
        {"\0\x19\10\3\0", 5, 16, 0},           /* 12 bytes in the text */
        {"\x80\x80\4\6\10\5\0", 7, 65540, -1}, /* text of more than a frame */
        {"\0\x80\x80\x80\x80\x80\x80\x80\x80\x80\1\10\14\0", 14, 65536, -1}, /* 2^62 bytes */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (refused(rows[i].plan, rows[i].n, rows[i].want) != rows[i].rc)
            fail_msg("row %zu", i);
    struct recode_plan p;
    assert_int_equal(recode_plan(S("x"), 1, &p, NULL), -1);
    for (unsigned i = 0; i < 200000; i++) {
        char plan[12];
        size_t n = 2 + some() % 10;
        random_bytes(plan, sizeof plan);
        for (size_t k = 0; k + 2 < n; k++)
            plan[k] &= 31;
        plan[n - 2] = (char)(n - 2);
        plan[n - 1] = 0;
        size_t want = 1 + some() % 60;
        char stored[22] = {0}, text[60] = {0}, *out = malloc(want);
        memcpy(stored + 10, plan, n);
        if (recode_plan(slice_of(stored, 10 + n), want, &p, NULL) == 0) {
            assert_true(p.text_n <= want && p.bytes_n <= 10);
            recode_together(&p, stored, text, out, want);
        }
        free(out);
    }
}

static void without_compression_nothing_is_recoded(void **state)
{
    (void)state;
    struct err e = {0};
    struct setting *compress = setting_find(S("store.compress"));
    for (int on = 0; on < 2; on++) {
        struct frames f;
        BUF_SCOPE m = {0};
        attach(&m, 5000, 76, "\r\n", PICTURE);
        assert_int_equal(setting_parse(compress, on ? S("yes") : S("no"), &e), 0);
        assert_int_equal(frames_make(&f, buf_slice(&m), m.n + 1, NULL, &e), 0);
        assert_true(f.table[0].recoded == on);
        assert_true(on ? f.stored < 5020 : f.stored == m.n);
        frames_done(&f);
    }
    setting_reset(compress);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_length_of_line),
        cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(what_is_nearly_a_run),
        cmocka_unit_test(more_runs_than_a_plan_has),
        cmocka_unit_test(frames_of_all_kinds),
        cmocka_unit_test(plans_that_lie),
        cmocka_unit_test(without_compression_nothing_is_recoded),
    };
    return RUN_TESTS(tests);
}
