/* word.c - RFC 2047. Decoding looks for "=?", reads a word if there is one, and collects the bytes
   of neighbouring words of one charset before it converts them: a character may be split over
   words. The place of the next "?=" is remembered, so that words without an end cost no second
   search. */
#include "format/word.h"

#include "base/base64.h"
#include "base/utf8.h"
#include "format/charset.h"
#include "format/transfer.h"

struct decoder {
    struct buf *out;
    struct buf bytes;     /* of words not converted yet */
    struct slice charset; /* theirs */
    bool pending;
    size_t end; /* place of the next "?=" at or behind the last question, or SIZE_MAX */
    bool end_known;
};

struct word {
    struct slice charset, text;
    char encoding;
    size_t after;
};

/* Appends UTF-8, controls made blanks or left out. */
static void add_clean(struct buf *out, struct slice s)
{
    for (size_t i = 0; i < s.n;) {
        size_t run = i;
        while (run < s.n && (unsigned char)s.p[run] >= ' ' && s.p[run] != 127)
            run++;
        buf_add(out, slice_sub(s, i, run));
        i = run;
        if (i < s.n && (s.p[i] == '\t' || s.p[i] == '\n'))
            buf_addc(out, ' ');
        if (i < s.n)
            i++;
    }
}

static void convert(struct decoder *d, struct slice charset, struct slice bytes)
{
    BUF_SCOPE text = {0};
    if (charset.p)
        charset_to_utf8(charset, bytes, &text);
    else
        charset_guess(bytes, &text);
    add_clean(d->out, buf_slice(&text));
}

static void flush(struct decoder *d)
{
    if (d->pending)
        convert(d, d->charset, buf_slice(&d->bytes));
    buf_reset(&d->bytes);
    d->pending = false;
}

/* Text outside words: folds undone, raw 8-bit taken for what it looks like. */
static void plain(struct decoder *d, struct slice s)
{
    if (!s.n)
        return;
    flush(d);
    BUF_SCOPE unfolded = {0};
    while (s.n) {
        const char *lf = memchr(s.p, '\n', s.n);
        size_t n = lf ? (size_t)(lf - s.p) : s.n;
        size_t keep = lf && n && s.p[n - 1] == '\r' ? n - 1 : n;
        buf_add(&unfolded, slice_sub(s, 0, keep));
        s = slice_from(s, lf ? n + 1 : n);
    }
    convert(d, SNONE, buf_slice(&unfolded));
}

static size_t find_end(struct decoder *d, struct slice s, size_t from)
{
    if (!d->end_known || (d->end < from && d->end != SIZE_MAX)) {
        ptrdiff_t at = slice_search(slice_from(s, from), S("?="));
        d->end = at < 0 ? SIZE_MAX : from + (size_t)at;
        d->end_known = true;
    }
    return d->end;
}

/* Where a word without an end stops: at a blank. */
static size_t blank_at(struct slice s, size_t from, size_t to)
{
    while (from < to && s.p[from] != ' ' && s.p[from] != '\t' && s.p[from] != '\r' &&
           s.p[from] != '\n')
        from++;
    return from;
}

/* The blanks before a "=?" that comes before `to`, or `to`. */
static size_t next_word(struct slice s, size_t from, size_t to)
{
    for (size_t i = from;; i += 2) {
        ptrdiff_t at = slice_search(slice_sub(s, i, to), S("=?"));
        if (at < 0)
            return to;
        i += (size_t)at;
        size_t b = i;
        while (b > from && (s.p[b - 1] == ' ' || s.p[b - 1] == '\t' || s.p[b - 1] == '\r' ||
                            s.p[b - 1] == '\n'))
            b--;
        if (b < i)
            return b;
    }
}

/* Reads the word that begins with "=?" at `at`. RFC 2047 2 */
static bool read_word(struct decoder *d, struct slice s, size_t at, struct word *w)
{
    enum { CHARSET_LONGEST = 64 };
    size_t i = at + 2;
    while (i < s.n && i - at - 2 < CHARSET_LONGEST && (unsigned char)s.p[i] > ' ' && s.p[i] != '?')
        i++;
    if (i + 3 > s.n || s.p[i] != '?' || s.p[i + 2] != '?')
        return false;
    w->charset = slice_sub(s, at + 2, i);
    w->encoding = ascii_lower(s.p[i + 1]);
    if (w->encoding != 'b' && w->encoding != 'q')
        return false;
    size_t from = i + 3, end = find_end(d, s, from);
    if (end == SIZE_MAX) {
        end = blank_at(s, from, s.n);
        w->after = end;
    } else {
        /* "?=" may belong to a later word when this one has lost its own. */
        size_t lost = next_word(s, from, end);
        w->after = lost < end ? lost : end + 2;
        end = lost;
    }
    w->text = slice_sub(s, from, end);
    return true;
}

static int hex(char c)
{
    c = ascii_lower(c);
    return ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2047 4.2 */
static void decode_q(struct slice s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        int h = -1, l = -1;
        if (c == '=' && i + 2 < s.n && (h = hex(s.p[i + 1])) >= 0)
            l = hex(s.p[i + 2]);
        if (l >= 0) {
            buf_addc(out, (char)(h << 4 | l));
            i += 2;
        } else if (c != '\r' && c != '\n') {
            buf_addc(out, c == '_' ? ' ' : c);
        }
    }
}

static void take_word(struct decoder *d, const struct word *w)
{
    if (d->pending && !slice_eqi(d->charset, w->charset))
        flush(d);
    d->charset = w->charset;
    d->pending = true;
    if (w->encoding == 'b')
        transfer_decode(ENCODING_BASE64, w->text, &d->bytes);
    else
        decode_q(w->text, &d->bytes);
}

static bool all_blank(struct slice s)
{
    return slice_trim(s).n == 0;
}

void word_decode(struct slice s, struct buf *out)
{
    struct decoder d = {.out = out, .bytes = {.max = s.n + 16}};
    size_t from = 0, at = 0; /* text not yet out begins at `from` */
    bool after_word = false;
    for (;;) {
        ptrdiff_t found = slice_search(slice_from(s, at), S("=?"));
        if (found < 0)
            break;
        at += (size_t)found;
        struct word w;
        if (!read_word(&d, s, at, &w)) {
            at += 2;
            continue;
        }
        struct slice between = slice_sub(s, from, at);
        if (!after_word || !all_blank(between))
            plain(&d, between);
        take_word(&d, &w);
        after_word = true;
        from = at = w.after;
    }
    plain(&d, slice_from(s, from));
    flush(&d);
    buf_done(&d.bytes);
}

/* --- encoding --- */

enum { LINE = 76, WORD = 63, ATOM_MAX = 900 };

static bool atext(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || (c && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Printable ASCII with nothing that reads as a word and no run too long to fold? */
static bool readable(struct slice s)
{
    size_t run = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < ' ' || s.p[i] == 127)
            return false;
        run = s.p[i] == ' ' ? 0 : run + 1;
        if (run > ATOM_MAX)
            return false;
    }
    return slice_search(s, S("=?")) < 0;
}

/* As it is, folded before blanks. */
static void add_folded(struct slice s, size_t column, struct buf *out)
{
    for (size_t i = 0; i < s.n;) {
        size_t end = i + 1;
        while (end < s.n && s.p[end] != ' ')
            end++;
        if (s.p[i] == ' ' && column + (end - i) > LINE && end - i > 1) {
            buf_add(out, S("\r\n"));
            column = 0;
        }
        buf_add(out, slice_sub(s, i, end));
        column += end - i;
        i = end;
    }
}

static bool q_plain(char c) /* RFC 2047 5 (3): right in every place */
{
    return ascii_alpha(c) || ascii_digit(c) || (c && strchr("!*+-/", c));
}

static size_t q_cost(struct slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += q_plain(s.p[i]) || s.p[i] == ' ' ? 1 : 3;
    return n;
}

static void add_word(struct slice s, bool b, struct buf *out)
{
    buf_add(out, b ? S("=?UTF-8?B?") : S("=?UTF-8?Q?"));
    if (b)
        base64_encode(out, s);
    for (size_t i = 0; !b && i < s.n; i++) {
        if (s.p[i] == ' ')
            buf_addc(out, '_');
        else if (q_plain(s.p[i]))
            buf_addc(out, s.p[i]);
        else
            buf_addf(out, "=%02X", (unsigned char)s.p[i]);
    }
    buf_add(out, S("?="));
}

static void add_words(struct slice s, size_t column, struct buf *out)
{
    enum { AROUND = 12, LEAST = 20 };
    bool b = q_cost(s) > (s.n + 2) / 3 * 4;
    size_t room = column + AROUND + LEAST > LINE ? WORD : LINE - AROUND - column;
    if (room > WORD)
        room = WORD;
    if (column + AROUND + LEAST > LINE)
        buf_add(out, S("\r\n "));
    for (size_t i = 0; i < s.n;) {
        size_t end = i, used = 0;
        while (end < s.n) {
            uint32_t cp;
            size_t n = utf8_next(s.p + end, s.n - end, &cp);
            n = n ? n : 1;
            size_t cost = b ? (end + n - i + 2) / 3 * 4 : used + q_cost(slice_sub(s, end, end + n));
            if (cost > room && end > i)
                break;
            used = cost;
            end += n;
        }
        if (i)
            buf_add(out, S("\r\n "));
        add_word(slice_sub(s, i, end), b, out);
        i = end;
        room = WORD;
    }
}

void word_encode(struct slice utf8, size_t column, struct buf *out)
{
    if (readable(utf8))
        add_folded(utf8, column, out);
    else
        add_words(utf8, column, out);
}

void word_encode_phrase(struct slice utf8, size_t column, struct buf *out)
{
    bool atoms = utf8.n > 0;
    for (size_t i = 0; i < utf8.n; i++)
        atoms = atoms && (atext(utf8.p[i]) ||
                          (utf8.p[i] == ' ' && i > 0 && i + 1 < utf8.n && utf8.p[i - 1] != ' '));
    if (!readable(utf8)) {
        add_words(utf8, column, out);
    } else if (atoms) {
        add_folded(utf8, column, out);
    } else {
        BUF_SCOPE q = {0};
        buf_addc(&q, '"');
        for (size_t i = 0; i < utf8.n; i++) {
            if (utf8.p[i] == '"' || utf8.p[i] == '\\')
                buf_addc(&q, '\\');
            buf_addc(&q, utf8.p[i]);
        }
        buf_addc(&q, '"');
        add_folded(buf_slice(&q), column, out);
    }
}
