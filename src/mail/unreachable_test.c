/* unreachable_test.c - hosts that are left alone for a while. */
#include "base/test.h"

#include <unistd.h>

#include "base/setting.h"
#include "mail/unreachable.h"

SETTING_DECLARE(mail, unreachable_for);

static void a_host_is_left_alone_for_a_while(void **state)
{
    (void)state;
    assert_int_equal(setting_parse(&set_mail_unreachable_for, S("2s"), NULL), 0);
    assert_false(unreachable_is("192.0.2.1:25"));
    unreachable_note("192.0.2.1:25");
    assert_true(unreachable_is("192.0.2.1:25"));
    assert_false(unreachable_is("192.0.2.1:26"));
    usleep(2100 * 1000);
    assert_false(unreachable_is("192.0.2.1:25"));
}

static void it_answers_again_or_somebody_asks(void **state)
{
    (void)state;
    assert_int_equal(setting_parse(&set_mail_unreachable_for, S("1h"), NULL), 0);
    unreachable_note("[2001:db8::1]:25");
    unreachable_clear("[2001:db8::1]:25");
    assert_false(unreachable_is("[2001:db8::1]:25"));
    unreachable_note("[2001:db8::1]:25");
    unreachable_forget();
    assert_false(unreachable_is("[2001:db8::1]:25"));
    assert_int_equal(setting_parse(&set_mail_unreachable_for, S("0s"), NULL), 0);
    unreachable_note("192.0.2.1:25");
    assert_false(unreachable_is("192.0.2.1:25"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_left_alone_for_a_while),
        cmocka_unit_test(it_answers_again_or_somebody_asks),
    };
    return RUN_TESTS(tests);
}
