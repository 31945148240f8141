/* date_fuzz.c - dates: what is read is between year 1 and 9999, and what is written of it is read
   as the same moment in the same zone. */
#include "base/fuzz.h"
#include "format/date.h"

static void bounded(struct date d)
{
    struct date_civil c = date_civil(d);
    BUG_IF(d.zone <= -86400 || d.zone >= 86400);
    BUG_IF(c.year < 0 || c.year > 10000 || c.month < 1 || c.month > 12 || c.day < 1 || c.day > 31);
    BUG_IF(c.hour < 0 || c.hour > 23 || c.minute < 0 || c.minute > 59);
    BUG_IF(c.second < 0 || c.second > 60 || c.weekday < 0 || c.weekday > 6);
}

static void same(struct date a, struct date b)
{
    BUG_IF(a.at != b.at || a.zone / 60 != b.zone / 60 || a.unknown != b.unknown);
}

int LLVMFuzzerTestOneInput(const uint8_t *d, size_t n)
{
    struct slice in = slice_of(d, n);
    struct date one, two;
    int64_t day;
    BUF_SCOPE out = {0};
    if (date_parse(in, &one)) {
        bounded(one);
        date_write(one, &out);
        BUG_IF(!date_parse(buf_slice(&out), &two));
        same(one, two);
    }
    buf_reset(&out);
    if (date_imap_parse(in, &one)) {
        bounded(one);
        date_imap_write(one, &out);
        BUG_IF(!date_imap_parse(buf_slice(&out), &two));
        BUG_IF(one.at != two.at || one.zone != two.zone);
    }
    if (date_imap_day(in, &day)) {
        struct date_civil c = date_civil((struct date){.at = day * 86400});
        BUG_IF(c.year < 0 || c.year > 9999 || date_days(c.year, c.month, c.day) != day);
    }
    return 0;
}
