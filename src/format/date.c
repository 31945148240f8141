/* date.c - the calendar and the three spellings of time that mail has. The tolerant parser takes
   words as they come (day, month, year, time, zone in nearly any order) as RFC 5322 4.3 and the
   world's mailers write them; comments are passed over without recursion. */
#include "format/date.h"

#include "format/mime.h"

static const char month_names[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char day_names[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* Days before March 1 of year 0 in a calendar whose years begin in March. */
int64_t date_days(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t m = (month + 9) % 12;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * m + 2) / 5 + day - 1;
    int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    return era * 146097 + doe - 719468;
}

struct date_civil date_civil(struct date d)
{
    int64_t local = d.at + d.zone, day = local / 86400, sec = local % 86400;
    if (sec < 0) {
        sec += 86400;
        day--;
    }
    int64_t z = day + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int month = (int)(mp < 10 ? mp + 3 : mp - 9);
    int64_t weekday = (day % 7 + 11) % 7;
    return (struct date_civil){
        .year = (int32_t)(yoe + era * 400 + (month <= 2)),
        .month = month,
        .day = (int)(doy - (153 * mp + 2) / 5 + 1),
        .hour = (int)(sec / 3600),
        .minute = (int)(sec / 60 % 60),
        .second = (int)(sec % 60),
        .weekday = (int)weekday,
    };
}

static int month_length(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

static bool valid(int64_t year, int month, int day)
{
    return year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
           day <= month_length(year, month);
}

static int name_index(struct slice w, const char (*names)[4], int n)
{
    if (w.n < 3)
        return -1;
    for (int i = 0; i < n; i++)
        if (slice_eqi(slice_sub(w, 0, 3), slice_of(names[i], 3)))
            return i;
    return -1;
}

/* --- the tolerant one --- */

struct reading {
    int64_t year;
    int day, month, hour, minute, second;
    int32_t zone;
    bool has_year, has_day, has_month, has_time, has_zone, unknown;
    bool pm, noon; /* "PM" or "AM" stood there */
};

/* RFC 5322 4.3 obs-zone, and what else is met */
static bool zone_name(struct slice w, int32_t *ret)
{
    static const struct {
        struct slice name;
        int hours;
    } zones[] = {
        {S_INIT("UT"), 0},    {S_INIT("UTC"), 0},   {S_INIT("GMT"), 0},   {S_INIT("Z"), 0},
        {S_INIT("EST"), -5},  {S_INIT("EDT"), -4},  {S_INIT("CST"), -6},  {S_INIT("CDT"), -5},
        {S_INIT("MST"), -7},  {S_INIT("MDT"), -6},  {S_INIT("PST"), -8},  {S_INIT("PDT"), -7},
        {S_INIT("CET"), 1},   {S_INIT("MET"), 1},   {S_INIT("CEST"), 2},  {S_INIT("MEST"), 2},
        {S_INIT("BST"), 1},   {S_INIT("EET"), 2},   {S_INIT("EEST"), 3},  {S_INIT("WET"), 0},
        {S_INIT("WEST"), 1},  {S_INIT("MSK"), 3},   {S_INIT("JST"), 9},   {S_INIT("HKT"), 8},
        {S_INIT("AEST"), 10}, {S_INIT("AEDT"), 11}, {S_INIT("NZST"), 12}, {S_INIT("NZDT"), 13},
    };
    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        if (slice_eqi(w, zones[i].name)) {
            *ret = zones[i].hours * 3600;
            return true;
        }
    }
    return false;
}

/* "+0100", "-0330", "+01:00", "+1" */
static bool zone_number(struct slice w, struct reading *r)
{
    if (w.n < 2 || (w.p[0] != '+' && w.p[0] != '-'))
        return false;
    char digits[4] = "0000";
    size_t n = 0;
    for (size_t i = 1; i < w.n; i++) {
        if (w.p[i] == ':' && i > 1)
            continue;
        if (!ascii_digit(w.p[i]) || n == 4)
            return false;
        digits[n++] = w.p[i];
    }
    if (n < 3) { /* hours only */
        digits[3] = digits[2] = '0';
        if (n == 1) {
            digits[1] = digits[0];
            digits[0] = '0';
        }
    } else if (n == 3) {
        memmove(digits + 1, digits, 3);
        digits[0] = '0';
    }
    int hours = (digits[0] - '0') * 10 + digits[1] - '0';
    int minutes = (digits[2] - '0') * 10 + digits[3] - '0';
    if (hours > 23 || minutes > 59) {
        hours = 0;
        minutes = 0;
    }
    r->zone = (hours * 3600 + minutes * 60) * (w.p[0] == '-' ? -1 : 1);
    r->unknown = w.p[0] == '-' && r->zone == 0;
    r->has_zone = true;
    return true;
}

/* "15:04", "15:04:05", "15:04:05.123", "15.04.05" when the separators allow */
static bool clock_time(struct slice w, struct reading *r)
{
    uint32_t v[3] = {0};
    size_t n = 0;
    char sep = memchr(w.p, ':', w.n) ? ':' : '.';
    struct slice rest = w;
    while (rest.p && n < 3) {
        struct slice part = slice_cut(&rest, sep);
        if (n == 2)
            part = slice_cut(&part, '.');
        if (part.n > 2 || slice_u32(part, &v[n]))
            return false;
        n++;
    }
    if (n < 2 || (sep == '.' && n < 3) || v[0] > 24 || v[1] > 59 || v[2] > 60)
        return false;
    r->hour = (int)v[0];
    r->minute = (int)v[1];
    r->second = (int)v[2];
    r->has_time = true;
    return true;
}

static void number(struct slice w, struct reading *r)
{
    uint32_t v;
    if (w.n > 4 || slice_u32(w, &v))
        return;
    if (!r->has_day && (w.n <= 2 || (w.n == 3 && w.p[0] == '0')) && v >= 1 && v <= 31) {
        r->day = (int)v;
        r->has_day = true;
    } else if (!r->has_year && w.n >= 2) {
        /* RFC 5322 4.3: two digits 00 to 49 are 20xx, else 19xx; three digits count from 1900 */
        r->year = w.n == 2 ? (v < 50 ? v + 2000 : v + 1900) : w.n == 3 ? v + 1900 : v;
        r->has_year = true;
    }
}

/* "2006-01-02" and "2006-01-02T15:04:05Z" */
static bool iso(struct slice w, struct reading *r)
{
    uint32_t y, m, d;
    if (w.n < 10 || w.p[4] != '-' || w.p[7] != '-' || slice_u32(slice_sub(w, 0, 4), &y) ||
        slice_u32(slice_sub(w, 5, 7), &m) || slice_u32(slice_sub(w, 8, 10), &d))
        return false;
    r->year = y;
    r->month = (int)m;
    r->day = (int)d;
    r->has_year = r->has_month = r->has_day = true;
    if (w.n > 11 && ascii_upper(w.p[10]) == 'T') {
        struct slice t = slice_from(w, 11);
        size_t i = 0;
        while (i < t.n && (ascii_digit(t.p[i]) || t.p[i] == ':' || t.p[i] == '.'))
            i++;
        struct slice zone = slice_from(t, i);
        clock_time(slice_sub(t, 0, i), r);
        if (zone_name(zone, &r->zone))
            r->has_zone = true;
        else
            zone_number(zone, r);
    }
    return true;
}

static void take(struct slice w, struct reading *r)
{
    int month = name_index(w, month_names, 12);
    if (ascii_digit(w.p[0])) {
        if (iso(w, r) || (!r->has_time && clock_time(w, r)))
            return;
        /* "02-Jan-2006", "2-1-99" is not guessed at */
        struct slice rest = w, a = slice_cut(&rest, '-'), b = slice_cut(&rest, '-');
        if (rest.p && (month = name_index(b, month_names, 12)) >= 0) {
            number(a, r);
            r->month = month + 1;
            r->has_month = true;
            number(rest, r);
            return;
        }
        /* "12:30pm" was no time; "3rd" is day 3 */
        size_t i = 0;
        while (i < w.n && ascii_digit(w.p[i]))
            i++;
        number(slice_sub(w, 0, i), r);
        return;
    }
    if (w.p[0] == '+' || w.p[0] == '-') {
        if (!r->has_zone || r->zone == 0)
            zone_number(w, r);
        return;
    }
    if (slice_eqi(w, S("PM")) || slice_eqi(w, S("AM"))) {
        r->pm = ascii_upper(w.p[0]) == 'P';
        r->noon = true;
    } else if (!r->has_zone && r->has_time && zone_name(w, &r->zone)) {
        r->has_zone = true;
    } else if (slice_startsi(w, S("GMT")) || slice_startsi(w, S("UTC"))) {
        zone_number(slice_from(w, 3), r);
    } else if (!r->has_month && month >= 0) {
        r->month = month + 1;
        r->has_month = true;
    }
}

enum { WORD_MAX_ = 64 };

static size_t word_length(struct slice s)
{
    size_t i = 0;
    while (i < s.n && (unsigned char)s.p[i] > ' ' && s.p[i] != ',' && s.p[i] != '(' &&
           s.p[i] != ';' && s.p[i] != '"')
        i++;
    return i;
}

/* RFC 5322 4.3: blanks and comments may stand beside the colons of a time. The pieces of such a
   word are put together in `room`; a word without them stays where it is. */
static struct slice with_colons(struct slice w, struct slice *s, char room[static WORD_MAX_])
{
    for (;;) {
        struct slice ahead = *s;
        mime_skip(&ahead);
        size_t i = word_length(ahead);
        bool colon = i && ahead.p[0] == ':';
        bool digit = i && w.p[w.n - 1] == ':' && ascii_digit(ahead.p[0]);
        if (ahead.p == s->p || !(colon || digit) || w.n + i > WORD_MAX_)
            break;
        if (w.p != room)
            memcpy(room, w.p, w.n);
        memcpy(room + w.n, ahead.p, i);
        w = slice_of(room, w.n + i);
        *s = slice_from(ahead, i);
    }
    while (w.n && w.p[w.n - 1] == ':')
        w.n--;
    return w;
}

bool date_parse(struct slice s, struct date *ret)
{
    struct reading r = {0};
    char room[WORD_MAX_];
    for (mime_skip(&s); s.n; mime_skip(&s)) {
        size_t i = word_length(s);
        struct slice w = slice_sub(s, 0, i);
        s = slice_from(s, i ? i : 1);
        if (i && ascii_digit(w.p[0]))
            w = with_colons(w, &s, room);
        if (i)
            take(w, &r);
    }
    if (!r.has_year || !r.has_month || !r.has_day || !valid(r.year, r.month, r.day))
        return false;
    if (r.noon && r.hour <= 12)
        r.hour = r.hour % 12 + (r.pm ? 12 : 0);
    ret->zone = r.zone;
    ret->unknown = r.unknown || !r.has_zone;
    ret->at = date_days(r.year, r.month, r.day) * 86400 + r.hour * 3600 + r.minute * 60 +
              (r.second > 59 ? 59 : r.second) - r.zone;
    return date_civil(*ret).year <= 9999; /* 24:00 of the last day is not */
}

/* --- writing, and the strict ones --- */

static char *put2(char *to, int v)
{
    to[0] = (char)('0' + v / 10 % 10);
    to[1] = (char)('0' + v % 10);
    return to + 2;
}

static char *put_text(char *to, const char *text, size_t n)
{
    memcpy(to, text, n);
    return to + n;
}

/* Day, month and year with a character between, and the time. */
static char *put_rest(char *to, const struct date_civil *c, struct date d, char between)
{
    int32_t zone = d.zone < 0 ? -d.zone : d.zone;
    to = put2(to, c->day);
    *to++ = between;
    to = put_text(to, month_names[c->month - 1], 3);
    *to++ = between;
    to = put2(to, c->year / 100);
    to = put2(to, c->year % 100);
    *to++ = ' ';
    to = put2(to, c->hour);
    *to++ = ':';
    to = put2(to, c->minute);
    *to++ = ':';
    to = put2(to, c->second);
    *to++ = ' ';
    *to++ = d.zone < 0 || (d.zone == 0 && d.unknown) ? '-' : '+';
    to = put2(to, zone / 3600);
    return put2(to, zone / 60 % 60);
}

/* What cannot be written (years before 1 or after 9999) is written as the nearest that can. */
static struct date_civil civil_in_range(struct date *d)
{
    enum { LOW = -719162, HIGH = 2932896 }; /* days of 0001-01-01 and 9999-12-31 */
    int64_t low = (int64_t)LOW * 86400, high = (int64_t)HIGH * 86400 + 86399;
    if (d->zone % 60 || d->zone >= 86400 || d->zone <= -86400)
        d->zone = 0;
    if (d->at < low - d->zone)
        d->at = low - d->zone;
    if (d->at > high - d->zone)
        d->at = high - d->zone;
    return date_civil(*d);
}

enum { WRITTEN_MAX = 40 };

void date_write(struct date d, struct buf *out)
{
    char text[WRITTEN_MAX];
    struct date_civil c = civil_in_range(&d);
    char *to = put_text(text, day_names[c.weekday], 3);
    to = put_text(to, ", ", 2);
    to = put_rest(to, &c, d, ' ');
    buf_add(out, slice_of(text, (size_t)(to - text)));
}

void date_imap_write(struct date d, struct buf *out)
{
    char text[WRITTEN_MAX];
    d.unknown = false;
    struct date_civil c = civil_in_range(&d);
    char *to = put_rest(text, &c, d, '-');
    buf_add(out, slice_of(text, (size_t)(to - text)));
}

static bool digits(struct slice s, size_t from, size_t n, int *ret)
{
    int v = 0;
    for (size_t i = from; i < from + n; i++) {
        if (i >= s.n || !ascii_digit(s.p[i]))
            return false;
        v = v * 10 + (s.p[i] - '0');
    }
    *ret = v;
    return true;
}

/* RFC 9051 9: date-text = date-day "-" date-month "-" date-year */
bool date_imap_day(struct slice s, int64_t *ret_day)
{
    int day, year, month;
    size_t n = s.n == 10 ? 1 : 2;
    if ((s.n != 10 && s.n != 11) || !digits(s, 0, n, &day) || s.p[n] != '-' || s.p[n + 4] != '-' ||
        !digits(s, n + 5, 4, &year))
        return false;
    month = name_index(slice_sub(s, n + 1, n + 4), month_names, 12) + 1;
    if (!valid(year, month, day))
        return false;
    *ret_day = date_days(year, month, day);
    return true;
}

/* RFC 9051 9: date-time, the quotes already gone */
bool date_imap_parse(struct slice s, struct date *ret)
{
    int64_t day;
    int hour, minute, second, zh, zm;
    if (s.n != 26 || s.p[11] != ' ' || s.p[14] != ':' || s.p[17] != ':' || s.p[20] != ' ' ||
        (s.p[21] != '+' && s.p[21] != '-'))
        return false;
    struct slice date = slice_sub(s, s.p[0] == ' ', 11);
    if (!date_imap_day(date, &day) || !digits(s, 12, 2, &hour) || !digits(s, 15, 2, &minute) ||
        !digits(s, 18, 2, &second) || !digits(s, 22, 2, &zh) || !digits(s, 24, 2, &zm))
        return false;
    if (hour > 23 || minute > 59 || second > 60 || zh > 23 || zm > 59)
        return false;
    int32_t zone = (zh * 3600 + zm * 60) * (s.p[21] == '-' ? -1 : 1);
    *ret = (struct date){.zone = zone};
    ret->at = day * 86400 + hour * 3600 + minute * 60 + (second > 59 ? 59 : second) - zone;
    return true;
}
