/* token.c - the words that every command is made of. RFC 9051 9, with the few things that RFC 3501
   had beside it. The grammar is kept to the letter: one space where it says SP, no blanks at the
   end. Columns count the command's text from 1. */
#include "proto/imap/token.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"
#include "format/date.h"

int imap_fail(struct imap_parser *p, const char *fmt, ...)
{
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof(what), fmt, ap);
    va_end(ap);
    return err_set(p->e, ERR_SYNTAX, "%s at column %zu", what, p->at + 1);
}

static int full(struct imap_parser *p)
{
    return err_set(p->e, ERR_LIMIT, "the command needs too much memory");
}

enum { ATOM = 1, ASTRING = 2, TAG = 4, BASE64 = 8 };

/* RFC 9051 9: atom-specials are ( ) { SP CTL % * " \ and ]; ASTRING-CHAR allows ]; tags have no +.
 */
static unsigned classes(char c)
{
    unsigned char u = (unsigned char)c;
    if (u <= ' ' || u >= 127 || strchr("(){%*\"\\", c))
        return 0;
    unsigned r = ASTRING;
    if (c != ']')
        r |= ATOM;
    if (c != '+')
        r |= TAG;
    if (ascii_alpha(c) || ascii_digit(c) || c == '+' || c == '/' || c == '=')
        r |= BASE64;
    return r;
}

bool imap_is_atom_char(char c)
{
    return classes(c) & ATOM;
}

bool imap_is_astring_char(char c)
{
    return classes(c) & ASTRING;
}

static struct slice run_of(struct imap_parser *p, unsigned class)
{
    size_t from = p->at;
    while (!imap_at_end(p) && (classes(p->text.p[p->at]) & class))
        p->at++;
    return slice_sub(p->text, from, p->at);
}

static int some_of(struct imap_parser *p, unsigned class, const char *what, struct slice *ret)
{
    struct slice s = run_of(p, class);
    if (s.n == 0)
        return imap_fail(p, "expected %s", what);
    *ret = s;
    return 0;
}

bool imap_accept(struct imap_parser *p, char c)
{
    if (imap_at_end(p) || p->text.p[p->at] != c)
        return false;
    p->at++;
    return true;
}

int imap_expect(struct imap_parser *p, char c)
{
    return imap_accept(p, c) ? 0 : imap_fail(p, "expected '%c'", c);
}

int imap_space(struct imap_parser *p)
{
    if (!imap_accept(p, ' '))
        return imap_fail(p, imap_at_end(p) ? "arguments are missing" : "expected a space");
    return 0;
}

int imap_end(struct imap_parser *p)
{
    return imap_at_end(p) ? 0 : imap_fail(p, "the command should end");
}

bool imap_accept_word(struct imap_parser *p, struct slice word)
{
    struct slice here = slice_sub(p->text, p->at, p->at + word.n);
    if (!slice_eqi(here, word))
        return false;
    size_t behind = p->at + word.n;
    if (behind < p->text.n && imap_is_atom_char(p->text.p[behind]))
        return false;
    p->at = behind;
    return true;
}

bool imap_accept_space_word(struct imap_parser *p, struct slice word)
{
    size_t from = p->at;
    if (imap_accept(p, ' ') && imap_accept_word(p, word))
        return true;
    p->at = from;
    return false;
}

int imap_tag(struct imap_parser *p, struct slice *ret)
{
    return some_of(p, TAG, "a tag", ret);
}

int imap_atom(struct imap_parser *p, struct slice *ret)
{
    return some_of(p, ATOM, "an atom", ret);
}

static int number(struct imap_parser *p, uint64_t min, uint64_t max, uint64_t *ret)
{
    size_t from = p->at;
    uint64_t v = 0;
    while (ascii_digit(imap_peek(p))) {
        if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(imap_peek(p) - '0'), &v) || v > max) {
            p->at = from;
            return imap_fail(p, "the number is too large");
        }
        p->at++;
    }
    if (p->at == from)
        return imap_fail(p, "expected a number");
    if (v < min) {
        p->at = from;
        return imap_fail(p, "the number must not be 0");
    }
    *ret = v;
    return 0;
}

static int number32(struct imap_parser *p, uint64_t min, uint32_t *ret)
{
    uint64_t v;
    if (number(p, min, UINT32_MAX, &v))
        return -1;
    *ret = (uint32_t)v;
    return 0;
}

int imap_u32(struct imap_parser *p, uint32_t *ret)
{
    return number32(p, 0, ret);
}

int imap_nz_u32(struct imap_parser *p, uint32_t *ret)
{
    return number32(p, 1, ret);
}

int imap_u63(struct imap_parser *p, uint64_t *ret)
{
    return number(p, 0, INT64_MAX, ret);
}

int imap_nz_u63(struct imap_parser *p, uint64_t *ret)
{
    return number(p, 1, INT64_MAX, ret);
}

/* The inside of a quoted string, from behind its quote. Copied only when something is escaped. */
static int quoted(struct imap_parser *p, struct slice *ret)
{
    size_t from = p->at, escapes = 0;
    for (;;) {
        char c = imap_peek(p);
        if (imap_at_end(p) || c == '\r' || c == '\n' || c == '\0')
            return imap_fail(p, "the quoted string does not end");
        if (c == '"')
            break;
        if ((unsigned char)c >= 128 && !p->utf8)
            return imap_fail(p, "8-bit in a quoted string, and UTF-8 is not enabled");
        p->at++;
        if (c != '\\')
            continue;
        if (imap_peek(p) != '\\' && imap_peek(p) != '"')
            return imap_fail(p, "a backslash escapes only '\"' and itself");
        p->at++;
        escapes++;
    }
    struct slice raw = slice_sub(p->text, from, p->at++);
    if (p->utf8 && !utf8_valid(raw)) {
        p->at = from;
        return imap_fail(p, "the quoted string is not UTF-8");
    }
    if (escapes == 0) {
        *ret = raw;
        return 0;
    }
    char *out = arena_new(p->arena, char, raw.n - escapes);
    if (!out)
        return full(p);
    size_t n = 0;
    for (size_t i = 0; i < raw.n; i++) {
        if (raw.p[i] == '\\')
            i++;
        out[n++] = raw.p[i];
    }
    *ret = slice_of(out, n);
    return 0;
}

bool imap_at_literal(const struct imap_parser *p)
{
    char c = imap_peek(p);
    return c == '{' || (c == '~' && p->at + 1 < p->text.n && p->text.p[p->at + 1] == '{');
}

int imap_literal_here(struct imap_parser *p, const struct imap_literal **ret)
{
    ptrdiff_t lf = slice_find(slice_from(p->text, p->at), '\n');
    if (!imap_at_literal(p) || lf < 0)
        return imap_fail(p, "expected a literal");
    /* The scanner takes for a literal only what stands at a line's end. */
    struct slice head = slice_sub(p->text, p->at, p->at + (size_t)lf);
    if (head.n < 3 || head.p[head.n - 1] != '\r' || head.p[head.n - 2] != '}' ||
        slice_find(head, '}') != (ptrdiff_t)head.n - 2)
        return imap_fail(p, "expected a literal");
    for (size_t i = head.p[0] == '~' ? 2 : 1; i < head.n - 2; i++)
        if (!ascii_digit(head.p[i]) && !(head.p[i] == '+' && i == head.n - 3 && i > 1))
            return imap_fail(p, "expected a literal");
    if (p->literal >= p->n_literals)
        return imap_fail(p, "a literal is missing");
    *ret = &p->literals[p->literal++];
    p->at += (size_t)lf + 1;
    return 0;
}

int imap_take_string(struct imap_parser *p, struct slice *ret)
{
    if (imap_accept(p, '"'))
        return quoted(p, ret);
    if (imap_peek(p) != '{')
        return imap_fail(p, "expected a string");
    size_t from = p->at;
    const struct imap_literal *l;
    if (imap_literal_here(p, &l))
        return -1;
    if (!l->bytes.p)
        return err_set(p->e, ERR_LIMIT, "the literal at column %zu is too long", from + 1);
    if (memchr(l->bytes.p, '\0', l->bytes.n)) {
        p->at = from;
        return imap_fail(p, "NUL in a literal");
    }
    *ret = l->bytes;
    return 0;
}

int imap_astring(struct imap_parser *p, struct slice *ret)
{
    if (imap_is_astring_char(imap_peek(p))) {
        *ret = run_of(p, ASTRING);
        return 0;
    }
    if (imap_peek(p) == '"' || imap_peek(p) == '{')
        return imap_take_string(p, ret);
    return imap_fail(p, "expected an atom or a string");
}

int imap_take_nstring(struct imap_parser *p, struct slice *ret)
{
    if (imap_accept_word(p, S("NIL"))) {
        *ret = SNONE;
        return 0;
    }
    return imap_take_string(p, ret);
}

int imap_base64(struct imap_parser *p, struct slice *ret)
{
    return some_of(p, BASE64, "base 64", ret);
}

/* RFC 9051 9 date-time. */
int imap_date_time(struct imap_parser *p, int64_t *ret_ms)
{
    size_t from = p->at;
    struct slice s;
    struct date d;
    if (imap_expect(p, '"') || quoted(p, &s))
        return -1;
    if (!date_imap_parse(s, &d)) {
        p->at = from;
        return imap_fail(p, "expected \"dd-Mon-yyyy hh:mm:ss +zzzz\"");
    }
    *ret_ms = d.at * 1000;
    return 0;
}

/* RFC 9051 9 date. */
int imap_date(struct imap_parser *p, int64_t *ret_day)
{
    size_t from = p->at;
    struct slice s;
    if (imap_accept(p, '"') ? quoted(p, &s) : imap_atom(p, &s))
        return -1;
    if (!date_imap_day(s, ret_day)) {
        p->at = from;
        return imap_fail(p, "expected a date as 2-Jan-2006");
    }
    return 0;
}
