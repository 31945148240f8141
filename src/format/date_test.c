/* Unit tests of dates: the calendar, RFC 5322 and its obsolete forms, IMAP's. */
#include "base/test.h"

#include "format/date.h"

static void calendar(void **state)
{
    (void)state;
    assert_int_equal(date_days(1970, 1, 1), 0);
    assert_int_equal(date_days(2000, 3, 1), 11017);
    assert_int_equal(date_days(1, 1, 1), -719162);
    for (int64_t day = date_days(1, 1, 1); day <= date_days(9999, 12, 31); day += 13) {
        struct date_civil c = date_civil((struct date){.at = day * 86400 + 5});
        assert_int_equal(date_days(c.year, c.month, c.day), day);
        assert_int_equal(c.weekday, ((day + 4) % 7 + 7) % 7);
        assert_int_equal(c.second, 5);
    }
}

static void check(const char *in, const char *want)
{
    struct date d = {0};
    BUF_SCOPE out = {0};
    if (!date_parse(slice_str(in), &d))
        buf_adds(&out, "no");
    else
        date_write(d, &out);
    if (!slice_eq(buf_slice(&out), slice_str(want)))
        fail_msg("%s: got %.*s, want %s", in, SARG(buf_slice(&out)), want);
}

static void tolerant(void **state)
{
    (void)state;
    check("Fri, 21 Nov 1997 09:55:06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600");
    check("21 Nov 97 09:55:06 GMT", "Fri, 21 Nov 1997 09:55:06 +0000");
    check("Thu,\r\n      13\r\n        Feb\r\n          1969\r\n      23:32\r\n"
          "               -0330 (Newfoundland Time)",
          "Thu, 13 Feb 1969 23:32:00 -0330");
    /* RFC 5322 A.6.3 */
    check("Fri, 21 Nov 1997 09(comment):   55  :  06 -0600", "Fri, 21 Nov 1997 09:55:06 -0600");
    check("Fri, 21 Nov 1997 09:\r\n 55 (a:b) -0600", "Fri, 21 Nov 1997 09:55:00 -0600");
    check("Fri, 21 Nov 1997 09:55 : -0600", "Fri, 21 Nov 1997 09:55:00 -0600");
    check("1 Jan 2000 00:00 A", "Sat, 01 Jan 2000 00:00:00 -0000"); /* 4.3: unpredictable */
    check("1 Jan 2000 00:00 XYZ", "Sat, 01 Jan 2000 00:00:00 -0000");
    check("1 Jan 2000 00:00 +0060", "Sat, 01 Jan 2000 00:00:00 +0000");
    check("1 Jan 49 00:00 EST", "Fri, 01 Jan 2049 00:00:00 -0500");
    check("1 Jan 50 00:00 PDT", "Sun, 01 Jan 1950 00:00:00 -0700");
    check("1 Jan 100 00:00 +0000", "Sat, 01 Jan 2000 00:00:00 +0000");
    check("Mon Jan  2 15:04:05 2006", "Mon, 02 Jan 2006 15:04:05 -0000");
    check("Mon Jan  2 15:04:05 CET 2006", "Mon, 02 Jan 2006 15:04:05 +0100");
    check("Monday, 02-Jan-06 15:04:05 GMT", "Mon, 02 Jan 2006 15:04:05 +0000");
    check("2006-01-02T15:04:05.99+01:30", "Mon, 02 Jan 2006 15:04:05 +0130");
    check("2 January 2006 3:04:05 PM", "Mon, 02 Jan 2006 15:04:05 -0000");
    check("31 Dec 2016 23:59:60 +0000", "Sat, 31 Dec 2016 23:59:59 +0000");
    check("29 Feb 2023 00:00:00 +0000", "no");
    check("31 Dec 0000 00:00:00 +0000", "no");
    check("31 Dec 9999 23:59:59 +0000", "Fri, 31 Dec 9999 23:59:59 +0000");
    check("31 Dec 10000 23:59:59 +0000", "no");
    check("", "no");
    check("((((", "no");
    check("yesterday", "no");
}

static void strict(void **state)
{
    (void)state;
    struct date d;
    int64_t day;
    assert_true(date_imap_parse(S(" 2-Jan-2006 15:04:05 +0100"), &d));
    assert_int_equal(d.at, 1136210645);
    BUF_SCOPE out = {0};
    date_imap_write(d, &out);
    assert_slice(buf_slice(&out), "02-Jan-2006 15:04:05 +0100");
    assert_true(date_imap_parse(buf_slice(&out), &d));
    static const char *const bad[] = {"2-Jan-2006 15:04:05 +0100",  "02-Jan-2006 24:04:05 +0100",
                                      "02-Jan-2006 15:60:05 +0100", "02-Foo-2006 15:04:05 +0100",
                                      "02-Jan-2006 15:04:05 0100 ", "30-Feb-2006 15:04:05 +0100",
                                      "02-Jan-2006 15:04:05 +0160", ""};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(date_imap_parse(slice_str(bad[i]), &d));
    assert_true(date_imap_day(S("1-Feb-1994"), &day));
    assert_int_equal(day, date_days(1994, 2, 1));
    assert_true(date_imap_day(S("01-Feb-1994"), &day));
    assert_false(date_imap_day(S(" 1-Feb-1994"), &day));
    assert_false(date_imap_day(S("1-Feb-94"), &day));
    assert_false(date_imap_day(S("1-Feb-1994 "), &day));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar),
        cmocka_unit_test(tolerant),
        cmocka_unit_test(strict),
    };
    return RUN_TESTS(tests);
}
