/* store_test.c - a message goes in, is found, read, and is still there after closing and opening.
 */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/test.h"
#include "store/collection.h"
#include "store/message.h"
#include "store/test_store.h"

static void message_in_and_out(void **state)
{
    (void)state;
    struct slice text = S("From: a@example.test\r\nSubject: Hello\r\n"
                          "Message-ID: <1@example.test>\r\n\r\nBody\r\n");
    struct err e = {0};
    test_store_open(2);
    for (int i = 1; i <= 3; i++)
        assert_int_equal(test_add(5, 1, text, S("Received: x\r\n"), 0), i);
    for (int again = 0; again < 2; again++) {
        struct txn *t;
        struct entry_walk *w;
        struct entry en;
        assert_int_equal(txn_read(5, &t, &e), 0);
        assert_int_equal(entry_walk_open(t, 1, 0, NULL, ~0u, &w, &e), 0);
        for (uint32_t i = 1; i <= 3; i++) {
            assert_int_equal(entry_walk_next(w, &en, &e), 1);
            assert_int_equal(en.uid, i);
            assert_int_equal(en.size, text.n + 13);
            assert_int_equal(en.thread, 1);
            assert_slice(en.preview, "Body");
            struct message_bytes *m;
            BUF_SCOPE got = {0};
            assert_int_equal(message_open(&en, &m, &e), 0);
            test_bytes(m, &got);
            assert_true(slice_starts(buf_slice(&got), S("Received: x\r\nFrom:")));
            assert_int_equal(got.n, text.n + 13);
            buf_reset(&got);
            assert_int_equal(message_read(m, 10, 8, &got, &e), 0);
            assert_slice(buf_slice(&got), "x\r\nFrom:");
            message_close(m);
        }
        assert_int_equal(entry_walk_next(w, &en, &e), 0);
        entry_walk_close(w);
        ARENA_SCOPE a = {0};
        struct collection *c;
        size_t n;
        assert_int_equal(collection_list(t, &a, &c, &n, &e), 0);
        assert_int_equal(n, 6);
        assert_slice(c[0].path, "INBOX");
        assert_true(c[0].messages == 3 && c[0].unseen == 3 && c[0].uidnext == 4);
        assert_true(c[0].subscribed && c[0].bytes == 3 * (int64_t)(text.n + 13));
        txn_end(t);
        test_store_again();
    }
    test_store_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_in_and_out),
    };
    return RUN_TESTS(tests);
}
