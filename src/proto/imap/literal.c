/* literal.c - the scanner that frames commands. A line that ends in {n} outside of a quoted string
   announces a literal wherever it stands, and one that ends in {n+} even inside, because the client
   has sent it (RFC 7888 3): what makes no sense there is the parser's to refuse. A line ends at LF
   in every case, so that a client that forgets CR gets an answer (BAD). */
#include "proto/imap/literal.h"

void lit_reset(struct lit_scan *l)
{
    *l = (struct lit_scan){0};
}

static void len_digit(struct lit_scan *l, char c)
{
    l->digits = true;
    if (__builtin_mul_overflow(l->len, (uint64_t)10, &l->len) ||
        __builtin_add_overflow(l->len, (uint64_t)(c - '0'), &l->len))
        l->len = UINT64_MAX;
}

static void text_byte(struct lit_scan *l, char c)
{
    l->st = LIT_ST_TEXT;
    if (c == '{') {
        l->escaped = false;
        l->st = LIT_ST_LEN;
        l->len = 0;
        l->digits = false;
        l->sync = true;
        l->literal8 = l->tilde;
    } else if (l->quoted) {
        if (l->escaped)
            l->escaped = false;
        else if (c == '\\')
            l->escaped = true;
        else if (c == '"')
            l->quoted = false;
    } else if (c == '"') {
        l->quoted = true;
    }
    l->tilde = c == '~';
}

/* One byte of text. True at a line's end: then l->st is LIT_ST_BODY for a literal. */
static bool text_step(struct lit_scan *l, char c)
{
    if (c == '\n') {
        l->bare_lf = l->st != LIT_ST_CR && l->st != LIT_ST_CLOSE_CR;
        bool literal = l->st == LIT_ST_CLOSE_CR && !(l->quoted && l->sync);
        l->st = literal ? LIT_ST_BODY : LIT_ST_TEXT;
        return true;
    }
    switch (l->st) {
    case LIT_ST_LEN:
        if (ascii_digit(c)) {
            if (l->len != UINT64_MAX)
                len_digit(l, c);
            return false;
        }
        if (l->digits && c == '+') {
            l->st = LIT_ST_PLUS;
            l->sync = false;
            return false;
        }
        if (l->digits && c == '}') {
            l->st = LIT_ST_CLOSE;
            return false;
        }
        break;
    case LIT_ST_PLUS:
        if (c == '}') {
            l->st = LIT_ST_CLOSE;
            return false;
        }
        break;
    case LIT_ST_CLOSE:
        if (c == '\r') {
            l->st = LIT_ST_CLOSE_CR;
            return false;
        }
        break;
    default:
        break;
    }
    if (c == '\r') {
        l->st = LIT_ST_CR;
        l->tilde = false;
        return false;
    }
    text_byte(l, c);
    return false;
}

enum lit_event lit_feed(struct lit_scan *l, struct slice in, size_t *ret_taken)
{
    if (l->st == LIT_ST_BODY) {
        size_t n = in.n < l->left ? in.n : (size_t)l->left;
        l->left -= n;
        if (l->left == 0)
            l->st = LIT_ST_TEXT;
        *ret_taken = n;
        return LIT_BODY;
    }
    if (l->text == 0)
        l->bare_lf = false;
    for (size_t i = 0; i < in.n; i++) {
        l->text++;
        if (!text_step(l, in.p[i]))
            continue;
        *ret_taken = i + 1;
        l->tilde = false;
        if (l->st == LIT_ST_BODY) {
            l->literals++;
            l->quoted = l->escaped = false;
            l->left = l->len;
            if (l->left == 0)
                l->st = LIT_ST_TEXT;
            return LIT_BEGIN;
        }
        bool bare = l->bare_lf;
        lit_reset(l);
        l->bare_lf = bare;
        return LIT_DONE;
    }
    *ret_taken = in.n;
    return LIT_TEXT;
}
