/* date.h - dates of mail. RFC 5322 3.3 and the obsolete forms of 4.3 (two-digit years, zone names,
   comments), read tolerantly as the world writes them; RFC 9051 date-time and date of APPEND,
   INTERNALDATE and SEARCH, read strictly. Time is seconds since 1970 UTC. Years 1 to 9999. */
#pragma once

#include "base/buf.h"

struct date {
    int64_t at;   /* seconds since 1970-01-01 00:00 UTC */
    int32_t zone; /* seconds east of UTC that it was written with */
    bool unknown; /* "-0000": UTC, local zone not known */
};

/* RFC 5322 3.3. False when no date can be made of it; then *ret is untouched. */
bool date_parse(struct slice s, struct date *ret);
/* "Mon, 02 Jan 2006 15:04:05 +0100" */
void date_write(struct date d, struct buf *out);

/* RFC 9051 date-time without the quotes: "02-Jan-2006 15:04:05 +0100", day also " 2". */
bool date_imap_parse(struct slice s, struct date *ret);
void date_imap_write(struct date d, struct buf *out);
/* RFC 9051 date: "2-Jan-2006"; days since 1970. */
bool date_imap_day(struct slice s, int64_t *ret_day);

/* Calendar without time zones, for every year 1 to 9999. */
int64_t date_days(int64_t year, int month, int day); /* month 1 to 12; days since 1970-01-01 */
struct date_civil {
    int32_t year;
    int month, day, hour, minute, second, weekday; /* weekday 0 is Sunday */
};
struct date_civil date_civil(struct date d); /* as its zone's clock shows it */
