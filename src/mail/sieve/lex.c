/* lex.c - the tokens of Sieve: RFC 5228 8.1. Lines may end with CRLF or LF alone. */
#include "mail/sieve/lex.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

int sieve_error_at(struct sieve_place at, struct sieve_place *ret_at, struct err *e,
                   enum err_code code, const char *fmt, ...)
{
    char text[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    for (char *c = text; *c; c++) /* scripts are quoted in it: one line all the same */
        *c = ascii_is_control(*c) ? ' ' : *c;
    if (ret_at)
        *ret_at = at;
    return err_set(e, code, "line %u, column %u: %s", at.line, at.column, text);
}

void sieve_lexer_init(struct sieve_lexer *l, struct slice script, struct arena *a)
{
    *l = (struct sieve_lexer){.in = script, .line = 1, .arena = a};
    if (slice_starts(script, S("\xef\xbb\xbf")))
        l->pos = l->line_start = 3;
}

static struct sieve_place here(const struct sieve_lexer *l)
{
    return (struct sieve_place){l->line, (uint32_t)(l->pos - l->line_start + 1)};
}

static int peek(const struct sieve_lexer *l, size_t ahead)
{
    return l->pos + ahead < l->in.n ? (unsigned char)l->in.p[l->pos + ahead] : -1;
}

static void advance(struct sieve_lexer *l)
{
    if (l->in.p[l->pos++] == '\n') {
        l->line++;
        l->line_start = l->pos;
    }
}

static bool starts(const struct sieve_lexer *l, const char *two)
{
    return peek(l, 0) == two[0] && peek(l, 1) == two[1];
}

static int skip_blanks(struct sieve_lexer *l, struct sieve_place *ret_at, struct err *e)
{
    for (;;) {
        int c = peek(l, 0);
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            advance(l);
        } else if (c == '#') {
            while (l->pos < l->in.n && l->in.p[l->pos] != '\n')
                l->pos++;
        } else if (starts(l, "/*")) {
            struct sieve_place at = here(l);
            l->pos += 2;
            while (l->pos < l->in.n && !starts(l, "*/"))
                advance(l);
            if (l->pos >= l->in.n)
                return sieve_error_at(at, ret_at, e, ERR_SYNTAX, "comment is not closed by */");
            l->pos += 2;
        } else {
            return 0;
        }
    }
}

static bool word_first(int c)
{
    return c == '_' || (c > 0 && ascii_alpha((char)c));
}

static struct slice take_word(struct sieve_lexer *l)
{
    size_t from = l->pos;
    while (word_first(peek(l, 0)) || (peek(l, 0) >= '0' && peek(l, 0) <= '9'))
        l->pos++;
    return slice_sub(l->in, from, l->pos);
}

/* RFC 5228 2.4.1: K, M, G are powers of 2^10. */
static int take_number(struct sieve_lexer *l, struct sieve_token *t, struct sieve_place *ret_at,
                       struct err *e)
{
    uint64_t v = 0;
    bool over = false;
    while (peek(l, 0) >= '0' && peek(l, 0) <= '9')
        over |= __builtin_mul_overflow(v, 10u, &v) ||
                __builtin_add_overflow(v, (uint64_t)(l->in.p[l->pos] - '0'), &v),
            l->pos++;
    int c = peek(l, 0) < 0 ? 0 : ascii_upper((char)peek(l, 0));
    unsigned shift = c == 'K' ? 10 : c == 'M' ? 20 : c == 'G' ? 30 : 0;
    if (shift)
        l->pos++;
    if (over || v > (uint64_t)INT64_MAX >> shift)
        return sieve_error_at(t->at, ret_at, e, ERR_SYNTAX, "number is too large");
    if (word_first(peek(l, 0)))
        return sieve_error_at(here(l), ret_at, e, ERR_SYNTAX,
                              "a number ends with K, M or G, or with nothing");
    t->kind = SIEVE_TOKEN_NUMBER;
    t->number = v << shift;
    return 0;
}

static int full(struct sieve_token *t, struct sieve_place *ret_at, struct err *e)
{
    return sieve_error_at(t->at, ret_at, e, ERR_LIMIT, "script needs too much memory");
}

static int finish_string(struct sieve_token *t, const char *p, size_t n)
{
    t->kind = SIEVE_TOKEN_STRING;
    t->text = slice_of(p, n);
    return 0;
}

static int check_char(struct sieve_lexer *l, struct sieve_place *ret_at, struct err *e)
{
    uint32_t cp;
    if (l->in.p[l->pos] == 0)
        return sieve_error_at(here(l), ret_at, e, ERR_SYNTAX, "NUL in a string");
    if ((unsigned char)l->in.p[l->pos] >= 0xc0 &&
        !utf8_next(l->in.p + l->pos, l->in.n - l->pos, &cp))
        return sieve_error_at(here(l), ret_at, e, ERR_SYNTAX, "text is not UTF-8");
    return 0;
}

/* The line ends of strings are CRLF, however the script is kept. */
static size_t add_char(char *out, size_t n, char c)
{
    if (c == '\n' && (n == 0 || out[n - 1] != '\r'))
        out[n++] = '\r';
    out[n++] = c;
    return n;
}

static int take_quoted(struct sieve_lexer *l, struct sieve_token *t, struct sieve_place *ret_at,
                       struct err *e)
{
    size_t from = l->pos + 1, end = from;
    while (end < l->in.n && l->in.p[end] != '"')
        end += l->in.p[end] == '\\' ? 2 : 1;
    if (end >= l->in.n)
        return sieve_error_at(t->at, ret_at, e, ERR_SYNTAX, "string is not closed by a quote");
    char *out = arena_new(l->arena, char, (end - from) * 2 + 1);
    if (!out)
        return full(t, ret_at, e);
    size_t n = 0;
    for (l->pos = from; l->pos < end;) {
        if (l->in.p[l->pos] == '\\')
            l->pos++;
        if (check_char(l, ret_at, e))
            return -1;
        n = add_char(out, n, l->in.p[l->pos]);
        advance(l);
    }
    l->pos++;
    return finish_string(t, out, n);
}

/* Where the line with a dot alone begins, or the end. */
static size_t dot_line(const struct sieve_lexer *l)
{
    for (size_t at = l->pos; at < l->in.n;) {
        struct slice line = slice_from(l->in, at);
        ptrdiff_t end = slice_find(line, '\n');
        line = slice_trim(end < 0 ? line : slice_sub(line, 0, (size_t)end));
        if (slice_eq(line, S(".")))
            return at;
        at = end < 0 ? l->in.n : at + (size_t)end + 1;
    }
    return l->in.n;
}

/* "text:" *(SP / HTAB) (hash-comment / CRLF), lines with dots doubled, a dot alone. */
static int take_multiline(struct sieve_lexer *l, struct sieve_token *t, struct sieve_place *ret_at,
                          struct err *e)
{
    l->pos++;
    while (peek(l, 0) == ' ' || peek(l, 0) == '\t')
        l->pos++;
    if (peek(l, 0) == '#')
        while (l->pos < l->in.n && l->in.p[l->pos] != '\n')
            l->pos++;
    if (starts(l, "\r\n"))
        l->pos++;
    if (peek(l, 0) != '\n')
        return sieve_error_at(here(l), ret_at, e, ERR_SYNTAX, "the line must end after \"text:\"");
    advance(l);
    char *out = arena_new(l->arena, char, (dot_line(l) - l->pos) * 2 + 1);
    if (!out)
        return full(t, ret_at, e);
    size_t n = 0;
    while (l->pos < l->in.n) {
        if (peek(l, 0) == '.') {
            size_t at = l->pos + 1;
            at += at < l->in.n && l->in.p[at] == '\r';
            if (at >= l->in.n || l->in.p[at] == '\n') {
                l->pos = at;
                if (at < l->in.n)
                    advance(l);
                return finish_string(t, out, n);
            }
            l->pos += peek(l, 1) == '.';
        }
        for (bool end = false; l->pos < l->in.n && !end;) {
            if (check_char(l, ret_at, e))
                return -1;
            end = l->in.p[l->pos] == '\n';
            n = add_char(out, n, l->in.p[l->pos]);
            advance(l);
        }
    }
    return sieve_error_at(t->at, ret_at, e, ERR_SYNTAX,
                          "text is not ended by a line with a dot alone");
}

int sieve_lexer_next(struct sieve_lexer *l, struct sieve_token *ret, struct sieve_place *ret_at,
                     struct err *e)
{
    if (skip_blanks(l, ret_at, e))
        return -1;
    *ret = (struct sieve_token){.at = here(l)};
    int c = peek(l, 0);
    if (c < 0)
        return 0;
    if (c == '"')
        return take_quoted(l, ret, ret_at, e);
    if (c >= '0' && c <= '9')
        return take_number(l, ret, ret_at, e);
    if (c == ':' && word_first(peek(l, 1))) {
        l->pos++;
        ret->kind = SIEVE_TOKEN_TAG;
        ret->text = take_word(l);
        return 0;
    }
    if (word_first(c)) {
        ret->kind = SIEVE_TOKEN_WORD;
        ret->text = take_word(l);
        if (slice_eqi(ret->text, S("text")) && peek(l, 0) == ':')
            return take_multiline(l, ret, ret_at, e);
        return 0;
    }
    if (strchr("()[]{},;", c) && c) {
        ret->kind = SIEVE_TOKEN_PUNCT;
        ret->punct = (char)c;
        l->pos++;
        return 0;
    }
    if (c > ' ' && c < 127)
        return sieve_error_at(ret->at, ret_at, e, ERR_SYNTAX, "\"%c\" begins nothing of Sieve", c);
    return sieve_error_at(ret->at, ret_at, e, ERR_SYNTAX, "byte 0x%02x begins nothing of Sieve", c);
}

void sieve_token_describe(const struct sieve_token *t, char *out, size_t n)
{
    int cut = (int)(t->text.n > 40 ? 40 : t->text.n);
    switch (t->kind) {
    case SIEVE_TOKEN_END:
        snprintf(out, n, "end of script");
        break;
    case SIEVE_TOKEN_WORD:
        snprintf(out, n, "\"%.*s\"", cut, t->text.p);
        break;
    case SIEVE_TOKEN_TAG:
        snprintf(out, n, "\":%.*s\"", cut, t->text.p);
        break;
    case SIEVE_TOKEN_NUMBER:
        snprintf(out, n, "number %llu", (unsigned long long)t->number);
        break;
    case SIEVE_TOKEN_STRING:
        snprintf(out, n, "a string");
        break;
    case SIEVE_TOKEN_PUNCT:
        snprintf(out, n, "\"%c\"", t->punct);
        break;
    }
}
