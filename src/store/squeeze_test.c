/* squeeze_test.c - what was compressed comes back, with its own dictionary only, and the
   dictionaries are those that stores have been written with. */
#include "store/squeeze.h"

#include <stdio.h>

#include "base/random.h"
#include "base/test.h"
#include "store/frame.h"

static const char text[] = "Received: from mail.example.org (mail.example.org [192.0.2.1])\r\n"
                           "Content-Type: text/plain; charset=\"us-ascii\"\r\n"
                           "Content-Transfer-Encoding: 7bit\r\n\r\nThank you for your message.\r\n";

/* Each dictionary, each level. */
static void all_comes_back(void **state)
{
    (void)state;
    char packed[1024], out[sizeof text];
    for (int d = SQUEEZE_BARE; d < SQUEEZE_KNOWN; d++)
        for (int level = -5; level <= 19; level++) {
            size_t n = squeeze(d, level, slice_str(text), packed, sizeof packed);
            assert_true(n > 0);
            if (d == SQUEEZE_MAIL && level == 1) /* without it three quarters remain */
                assert_true(n < sizeof text / 2);
            assert_int_equal(unsqueeze(d, slice_of(packed, n), out, sizeof text - 1), 0);
            assert_memory_equal(out, text, sizeof text - 1);
        }
}

static void what_is_too_long_is_none(void **state)
{
    (void)state;
    char noise[4096], packed[4096], out[4096];
    random_bytes(noise, sizeof noise);
    assert_int_equal(squeeze(SQUEEZE_MAIL, 1, slice_of(noise, sizeof noise), packed, 3000), 0);
    size_t n = squeeze(SQUEEZE_ROW, 1, slice_str(text), packed, sizeof packed);
    assert_int_equal(squeeze(SQUEEZE_ROW, 1, slice_str(text), packed, n - 1), 0);
    n = squeeze(SQUEEZE_ROW, 1, slice_str(text), packed, sizeof packed);
    assert_int_equal(unsqueeze(SQUEEZE_ROW, slice_of(packed, n), out, sizeof text), -1);
    assert_int_equal(unsqueeze(SQUEEZE_ROW, slice_of(packed, n), out, sizeof text - 2), -1);
    assert_int_equal(unsqueeze(SQUEEZE_ROW, slice_of(packed, n - 1), out, sizeof text - 1), -1);
    assert_int_equal(unsqueeze(SQUEEZE_MAIL, slice_of(packed, n), out, sizeof text - 1), -1);
    assert_int_equal(unsqueeze(SQUEEZE_BARE, slice_of(packed, n), out, sizeof text - 1), -1);
    assert_int_equal(unsqueeze(SQUEEZE_ROW, S(""), out, 1), -1);
}

/* Whoever changes one loses what was stored with it. */
static void they_never_change(void **state)
{
    (void)state;
    static const char *const wanted[] = {
        [SQUEEZE_MAIL] = "4a39adc7a5ba56c3eca9bae0e89f677bcfb698f63a34379fbb8cd3a49295fdbf",
        [SQUEEZE_ROW] = "a1d32af97d2fe964606b0454b7a3d1b9a77f59331b498544af7c28d85384f799",
    };
    for (int d = SQUEEZE_MAIL; d < SQUEEZE_KNOWN; d++) {
        unsigned char hash[FRAME_HASH];
        char hex[2 * FRAME_HASH + 1];
        frame_hash(squeeze_dictionary(d), hash);
        for (size_t i = 0; i < FRAME_HASH; i++)
            snprintf(hex + 2 * i, 3, "%02x", hash[i]);
        assert_string_equal(hex, wanted[d]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_comes_back),
        cmocka_unit_test(what_is_too_long_is_none),
        cmocka_unit_test(they_never_change),
    };
    return RUN_TESTS(tests);
}
