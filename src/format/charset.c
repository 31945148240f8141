/* charset.c - readers that turn bytes of a charset into UTF-8. UTF-8, windows-1252, the guess
   and UTF-7 are done here; HZ and ISO-2022-JP are taken apart here and go as GB18030 and CP932
   through iconv, so that no escape sequence of a stranger reaches a stateful converter for them;
   the rest is iconv. */
#include "format/charset.h"

#include <errno.h>
#include <iconv.h>

#include "base/base64.h"
#include "base/utf8.h"
#include "format/charset_names.h"

static const uint16_t cp1252[32] = {
    0x20ac, 0x81,   0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8d,   0x017d, 0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x9d,   0x017e, 0x0178,
};

static void add_1252(struct buf *out, unsigned char c)
{
    utf8_add(out, c >= 0x80 && c < 0xa0 ? cp1252[c - 0x80] : c);
}

static size_t ascii_run(struct slice s, size_t from)
{
    size_t i = from;
    for (uint64_t w; i + 8 <= s.n; i += 8) {
        memcpy(&w, s.p + i, 8);
        if (w & 0x8080808080808080u)
            break;
    }
    while (i < s.n && !((unsigned char)s.p[i] & 0x80))
        i++;
    return i;
}

static void feed_1252(struct slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n;) {
        size_t run = ascii_run(in, i);
        buf_add(out, slice_sub(in, i, run));
        for (i = run; i < in.n && (unsigned char)in.p[i] & 0x80; i++)
            add_1252(out, (unsigned char)in.p[i]);
    }
}

/* Could the bytes be the beginning of a character that needs more? */
static bool utf8_unfinished(const char *p, size_t n)
{
    unsigned char c = (unsigned char)p[0];
    size_t len = c >= 0xf0 && c < 0xf5   ? 4
                 : c >= 0xe0 && c < 0xf0 ? 3
                 : c >= 0xc2 && c < 0xe0 ? 2
                                         : 0;
    if (n >= len)
        return false;
    for (size_t i = 1; i < n; i++)
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return false;
    return true;
}

static void bad_byte(const struct charset_reader *r, struct buf *out, char c)
{
    if (r->kind == CHARSET_GUESS)
        add_1252(out, (unsigned char)c);
    else
        utf8_add(out, 0xfffd);
}

/* Takes the held bytes apart as far as they can be decided; `last`: nothing follows. */
static void utf8_settle(struct charset_reader *r, bool last, struct buf *out)
{
    while (r->n_held) {
        uint32_t cp;
        size_t n = utf8_next(r->held, r->n_held, &cp);
        if (!n && !last && utf8_unfinished(r->held, r->n_held))
            return;
        if (n) {
            buf_add(out, slice_of(r->held, n));
        } else {
            bad_byte(r, out, r->held[0]);
            n = 1;
        }
        r->n_held -= n;
        memmove(r->held, r->held + n, r->n_held);
    }
}

static void feed_utf8(struct charset_reader *r, struct slice in, struct buf *out)
{
    size_t i = 0;
    while (r->n_held && i < in.n) {
        r->held[r->n_held++] = in.p[i++];
        utf8_settle(r, false, out);
    }
    while (i < in.n) {
        size_t run = ascii_run(in, i);
        buf_add(out, slice_sub(in, i, run));
        size_t from = i = run, n;
        uint32_t cp;
        while (i < in.n && (n = utf8_next(in.p + i, in.n - i, &cp)) > 1)
            i += n;
        buf_add(out, slice_sub(in, from, i));
        if (i >= in.n || !((unsigned char)in.p[i] & 0x80))
            continue;
        if (utf8_unfinished(in.p + i, in.n - i)) {
            memcpy(r->held, in.p + i, in.n - i);
            r->n_held = in.n - i;
            return;
        }
        bad_byte(r, out, in.p[i++]);
    }
}

/* Converts what it can; 0 or errno. in and left move on. */
static int convert(struct charset_reader *r, char **in, size_t *left, struct buf *out)
{
    for (;;) {
        enum { ROOM = 64 };
        char *o = buf_space(out, *left * 2 + ROOM);
        if (!o)
            return ENOMEM;
        size_t room = *left * 2 + ROOM, before = room;
        size_t n = iconv(r->iconv, in, left, &o, &room);
        int why = n == (size_t)-1 ? errno : 0;
        out->n += before - room;
        if (why != E2BIG)
            return why;
    }
}

/* Held bytes grow by one until they are a character or mean nothing. */
static void iconv_settle(struct charset_reader *r, bool last, struct buf *out)
{
    while (r->n_held) {
        char *in = r->held;
        size_t left = r->n_held;
        int why = convert(r, &in, &left, out);
        if (why == EINVAL && !last && left < sizeof(r->held)) {
            memmove(r->held, in, left);
            r->n_held = left;
            return;
        }
        if (why && why != EILSEQ && why != EINVAL)
            left = 0;
        if (why && left) {
            size_t skip = left < r->unit ? left : r->unit;
            utf8_add(out, 0xfffd);
            in += skip;
            left -= skip;
        }
        memmove(r->held, in, left);
        r->n_held = left;
    }
}

static void feed_iconv(struct charset_reader *r, struct slice s, struct buf *out)
{
    size_t i = 0;
    while (r->n_held && i < s.n && !out->failed) {
        r->held[r->n_held++] = s.p[i++];
        iconv_settle(r, false, out);
    }
    while (i < s.n && !out->failed) {
        /* iconv wants a char ** though it does not write through it. */
        char *in = (char *)(uintptr_t)(s.p + i);
        size_t left = s.n - i;
        int why = convert(r, &in, &left, out);
        i = s.n - left;
        if (why == EINVAL && left < sizeof(r->held)) {
            memcpy(r->held, in, left);
            r->n_held = left;
            return;
        }
        if (why == EILSEQ && left < r->unit) {
            memcpy(r->held, in, left);
            r->n_held = left;
            return;
        }
        if (why) {
            utf8_add(out, 0xfffd);
            i += r->unit;
        }
    }
}

/* --- ISO-2022-JP (RFC 1468, JIS X 0201 kana as programs send it) and HZ (RFC 1843) --- */

/* Bytes on their way to iconv, so that it is not called for each. */
struct stage {
    struct charset_reader *r;
    struct buf *out;
    size_t n;
    char p[256];
};

static void stage_flush(struct stage *st)
{
    feed_iconv(st->r, slice_of(st->p, st->n), st->out);
    st->n = 0;
}

static void stage_add(struct stage *st, char c)
{
    if (st->n == sizeof(st->p))
        stage_flush(st);
    st->p[st->n++] = c;
}

enum { SET_ASCII, SET_ROMAN, SET_KANA, SET_DOUBLE, SET_UNKNOWN };

/* Emits one two-byte character of JIS X 0208 as Shift_JIS. */
static void jis_double(char *to, unsigned char a, unsigned char b)
{
    unsigned row = (unsigned)(a - 0x21) >> 1, lead = row + 0x81 + (row > 0x1e ? 0x40 : 0);
    unsigned trail = a & 1 ? b + 0x1fu + (b > 0x5f ? 1 : 0) : b + 0x7eu;
    to[0] = (char)lead;
    to[1] = (char)trail;
}

/* The set that a complete escape sequence selects, or -1 while it is not complete. */
static int jis_escape(const char *p, size_t n)
{
    static const struct {
        char bytes[4];
        size_t n;
        int set;
    } sets[] = {
        {"\033(B", 3, SET_ASCII},  {"\033(J", 3, SET_ROMAN},   {"\033(I", 3, SET_KANA},
        {"\033$@", 3, SET_DOUBLE}, {"\033$B", 3, SET_DOUBLE},  {"\033(H", 3, SET_ROMAN},
        {"\033$(", 3, -1},         {"\033$A", 3, SET_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
        if (n == 3 && memcmp(sets[i].bytes, p, 3) == 0)
            return sets[i].set;
    if (n == 4)
        return p[3] == 'B' || p[3] == '@' ? SET_DOUBLE : SET_UNKNOWN;
    return n == 3 ? SET_ASCII : -1;
}

static void feed_2022(struct charset_reader *r, struct slice in, struct buf *out)
{
    struct stage st = {.r = r, .out = out};
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i], two[2];
        if (r->n_escape && r->escape[0] == '\033') {
            r->escape[r->n_escape++] = c;
            int set = jis_escape(r->escape, r->n_escape);
            if (set >= 0) {
                r->mode = set;
                r->n_escape = 0;
            }
        } else if (c == '\033') {
            r->escape[0] = c;
            r->n_escape = 1;
        } else if (c == '\n' || c == '\r') {
            r->n_escape = 0; /* sets do not outlive their line, but for the two of one byte */
            r->mode = r->mode == SET_ROMAN ? SET_ROMAN : SET_ASCII;
            stage_add(&st, c);
        } else if (r->mode == SET_ROMAN && (c == '\\' || c == '~')) {
            stage_flush(&st);
            utf8_add(out, c == '~' ? 0x203e : 0xa5); /* overline, yen */
        } else if (r->mode == SET_KANA && c > 0x20 && c < 0x60) {
            c = (char)(c | 0x80);
            stage_add(&st, c);
        } else if (r->mode < SET_DOUBLE || c < 0x21 || c > 0x7e) {
            r->n_escape = 0;
            stage_add(&st, c);
        } else if (!r->n_escape) {
            r->escape[r->n_escape++] = c;
        } else {
            r->n_escape = 0;
            if (r->mode == SET_UNKNOWN) {
                stage_flush(&st);
                utf8_add(out, 0xfffd);
                continue;
            }
            jis_double(two, (unsigned char)r->escape[0], (unsigned char)c);
            stage_add(&st, two[0]);
            stage_add(&st, two[1]);
        }
    }
    stage_flush(&st);
}

/* What stands behind a tilde. RFC 1843 1 */
static void hz_escape(struct charset_reader *r, struct stage *st, char c)
{
    if (c == '{' || c == '}')
        r->mode = c == '{' ? SET_DOUBLE : SET_ASCII;
    else if (c != '\n')
        stage_add(st, '~');
    if (c != '{' && c != '}' && c != '~' && c != '\n')
        stage_add(st, c);
}

/* RFC 1843 2: a tilde is the second byte of many characters, and the first of none. */
static void feed_hz(struct charset_reader *r, struct slice in, struct buf *out)
{
    struct stage st = {.r = r, .out = out};
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        bool half = r->mode == SET_DOUBLE && c > 0x20 && c < 0x7f;
        if (r->n_escape == 2) { /* "~\r": with a LF it is a line end that is none */
            r->n_escape = 0;
            if (c == '\n')
                continue;
            stage_add(&st, '~');
            stage_add(&st, '\r');
        } else if (r->n_escape && r->escape[0] == '~' && c == '\r') {
            r->escape[r->n_escape++] = c;
            continue;
        } else if (r->n_escape && r->escape[0] == '~') {
            r->n_escape = 0;
            hz_escape(r, &st, c);
            continue;
        }
        if (r->n_escape) {
            r->n_escape = 0;
            stage_add(&st, (char)(r->escape[0] | 0x80));
            if (half) {
                stage_add(&st, (char)(c | 0x80));
                continue;
            }
        }
        if (c == '~' || half) {
            r->escape[0] = c;
            r->n_escape = 1;
            continue;
        }
        if (c == '\n')
            r->mode = SET_ASCII;
        stage_add(&st, c);
    }
    stage_flush(&st);
}

/* --- UTF-7 (RFC 2152): base 64 of UTF-16 between "+" and what is no digit of it --- */

enum { UTF7_PLAIN, UTF7_PLUS, UTF7_RUN };

static void utf7_unit(struct charset_reader *r, uint32_t unit, struct buf *out)
{
    uint32_t high = r->utf7.high;
    bool low = utf16_is_low(unit);
    if (high && !low)
        utf8_add(out, 0xfffd);
    r->utf7.high = utf16_is_high(unit) ? unit : 0;
    if (!r->utf7.high)
        utf8_add(out, low && high ? utf16_pair(high, unit) : unit);
}

/* A run that ends inside a character, or in bits that are not zero. */
static void utf7_end(struct charset_reader *r, struct buf *out)
{
    if (r->mode == UTF7_PLUS || r->utf7.high || r->utf7.have >= 6 || r->utf7.bits)
        utf8_add(out, 0xfffd);
    memset(&r->utf7, 0, sizeof(r->utf7));
    r->mode = UTF7_PLAIN;
}

static void feed_utf7(struct charset_reader *r, struct slice in, struct buf *out)
{
    for (size_t i = 0; i < in.n; i++) {
        unsigned char c = (unsigned char)in.p[i];
        uint32_t digit = base64_digits[c];
        if (r->mode == UTF7_PLUS && c == '-') {
            buf_addc(out, '+');
            r->mode = UTF7_PLAIN;
        } else if (r->mode != UTF7_PLAIN && digit) {
            r->mode = UTF7_RUN;
            r->utf7.bits = r->utf7.bits << 6 | (digit - 1);
            r->utf7.have += 6;
            if (r->utf7.have >= 16) {
                r->utf7.have -= 16;
                utf7_unit(r, r->utf7.bits >> r->utf7.have, out);
                r->utf7.bits &= (1u << r->utf7.have) - 1;
            }
        } else {
            bool run = r->mode != UTF7_PLAIN;
            if (run)
                utf7_end(r, out);
            if (c == '+')
                r->mode = UTF7_PLUS;
            else if (c != '-' || !run)
                utf8_add(out, c < 0x80 ? c : 0xfffd);
        }
    }
}

/* --- readers --- */

static void open_iconv(struct charset_reader *r, const char *name)
{
    iconv_t cd = iconv_open("UTF-8", name);
    r->iconv = cd == (iconv_t)-1 ? NULL : cd;
    r->unit = strncmp(name, "UTF-16", 6) == 0 ? 2 : strncmp(name, "UTF-32", 6) == 0 ? 4 : 1;
    if (!r->iconv)
        r->kind = CHARSET_GUESS;
}

void charset_reader_init(struct charset_reader *r, struct slice charset)
{
    const struct charset_row *row = charset_row(charset);
    *r = (struct charset_reader){.kind = row ? row->kind : CHARSET_GUESS};
    r->known = row != NULL;
    if (r->kind == CHARSET_HZ || r->kind == CHARSET_2022 || r->kind == CHARSET_ICONV)
        open_iconv(r, row->name);
}

void charset_reader_feed(struct charset_reader *r, struct slice in, struct buf *out)
{
    if (r->kind == CHARSET_UTF16) {
        while (in.n && r->n_escape < 2) {
            r->escape[r->n_escape++] = in.p[0];
            in = slice_from(in, 1);
        }
        if (r->n_escape < 2)
            return;
        bool little = memcmp(r->escape, "\xff\xfe", 2) == 0;
        r->kind = CHARSET_ICONV;
        open_iconv(r, little ? "UTF-16LE" : "UTF-16BE");
        if (!little && memcmp(r->escape, "\xfe\xff", 2) != 0)
            charset_reader_feed(r, slice_of(r->escape, 2), out);
    }
    if (r->kind == CHARSET_1252)
        feed_1252(in, out);
    else if (r->kind == CHARSET_UTF8 || r->kind == CHARSET_GUESS)
        feed_utf8(r, in, out);
    else if (r->kind == CHARSET_HZ)
        feed_hz(r, in, out);
    else if (r->kind == CHARSET_2022)
        feed_2022(r, in, out);
    else if (r->kind == CHARSET_UTF7)
        feed_utf7(r, in, out);
    else
        feed_iconv(r, in, out);
}

void charset_reader_finish(struct charset_reader *r, struct buf *out)
{
    if (r->kind == CHARSET_UTF8 || r->kind == CHARSET_GUESS) {
        utf8_settle(r, true, out);
    } else if (r->kind == CHARSET_UTF16 && r->n_escape) { /* half a unit is all there was */
        utf8_add(out, 0xfffd);
    } else if (r->kind == CHARSET_UTF7 && r->mode != UTF7_PLAIN) {
        utf7_end(r, out);
    } else if (r->iconv) {
        iconv_settle(r, true, out);
        if (!out->failed) {
            /* A converter may hold back a character that could combine; and after that its state
               is the first one again. */
            char *o = buf_space(out, 64);
            size_t room = 64;
            if (o && iconv(r->iconv, NULL, NULL, &o, &room) != (size_t)-1)
                out->n += 64 - room;
        }
    }
    r->mode = SET_ASCII;
    r->n_escape = 0;
}

void charset_reader_done(struct charset_reader *r)
{
    if (r->iconv)
        iconv_close(r->iconv);
    *r = (struct charset_reader){0};
}

bool charset_to_utf8(struct slice charset, struct slice in, struct buf *out)
{
    struct charset_reader r;
    charset_reader_init(&r, charset);
    bool known = r.known;
    charset_reader_feed(&r, in, out);
    charset_reader_finish(&r, out);
    charset_reader_done(&r);
    return known;
}

void charset_guess(struct slice in, struct buf *out)
{
    size_t good = 0, bad = 0, end = in.n;
    for (size_t i = ascii_run(in, 0), n; i < in.n; i = ascii_run(in, i + n)) {
        uint32_t cp;
        n = utf8_next(in.p + i, in.n - i, &cp);
        good += n > 0;
        bad += n == 0;
        if (n == 0 && good && utf8_unfinished(in.p + i, in.n - i)) {
            end = i;
            break;
        }
        n = n ? n : 1;
    }
    if (bad > good)
        feed_1252(in, out);
    else
        charset_to_utf8(SNONE, slice_sub(in, 0, end), out);
    if (bad <= good && end < in.n)
        utf8_add(out, 0xfffd);
}

const char *charset_name(struct slice charset)
{
    const struct charset_row *row = charset_row(charset);
    return row ? row->name : NULL;
}

int charset_from_utf8(struct slice charset, struct slice utf8, struct buf *out)
{
    const struct charset_row *row = charset_row(charset);
    if (!row)
        return -1;
    const char *name = row->kind == CHARSET_2022 ? "ISO-2022-JP" : row->name;
    struct charset_reader r = {.kind = CHARSET_ICONV, .unit = 1};
    iconv_t cd = iconv_open(name, "UTF-8");
    if (cd == (iconv_t)-1)
        return -1;
    r.iconv = cd;
    size_t from = out->n;
    char *in = (char *)(uintptr_t)utf8.p;
    size_t left = utf8.n;
    int why = convert(&r, &in, &left, out);
    char *o = buf_space(out, 64);
    size_t room = 64;
    if (!why && o && iconv(cd, NULL, NULL, &o, &room) != (size_t)-1)
        out->n += 64 - room;
    else
        why = why ? why : EILSEQ;
    iconv_close(cd);
    if (why)
        out->n = from;
    return why ? -1 : 0;
}

int charset_preload(void)
{
    static iconv_t kept[256];
    static size_t n_kept;
    size_t n;
    int missing = 0;
    const struct charset_row *rows = charset_rows(&n);
    for (size_t i = n_kept; i < n && i < 256; i++, n_kept++) {
        if (rows[i].kind == CHARSET_UTF8 || rows[i].kind == CHARSET_1252 ||
            rows[i].kind == CHARSET_GUESS)
            continue;
        kept[i] = iconv_open("UTF-8", rows[i].name);
        missing += kept[i] == (iconv_t)-1;
    }
    return missing;
}
