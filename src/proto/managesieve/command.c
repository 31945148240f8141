/* command.c - the scanner and the parser of ManageSieve requests. The scanner knows just so much of
   the grammar as it takes to find the end; what it lets through the parser looks at. */
#include "proto/managesieve/command.h"

#include "base/utf8.h"

/* --- where a request ends --------------------------------------------------------------------- */

static int begin_literal(struct managesieve_scan *s, struct err *e)
{
    s->left = s->length;
    if (s->length > s->max - s->n)
        return err_set(e, ERR_LIMIT, "a request of over %zu bytes", s->max);
    s->state = s->left ? MANAGESIEVE_LITERAL : MANAGESIEVE_TEXT;
    return 0;
}

static int length_digit(struct managesieve_scan *s, char c, struct err *e)
{
    s->digits = true;
    if (__builtin_mul_overflow(s->length, 10U, &s->length) ||
        __builtin_add_overflow(s->length, (uint64_t)(c - '0'), &s->length) ||
        s->length > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "a literal of over 4 GB");
    return 0;
}

static int text_byte(struct managesieve_scan *s, char c)
{
    s->state = c == '"'    ? MANAGESIEVE_QUOTED
               : c == '\r' ? MANAGESIEVE_LF
               : c == '{'  ? MANAGESIEVE_LENGTH
                           : MANAGESIEVE_TEXT;
    s->length = 0;
    s->digits = false;
    return 0;
}

/* A byte that is not of a literal. */
static int one_byte(struct managesieve_scan *s, char c, struct err *e)
{
    static const struct {
        char want;
        enum managesieve_state next;
    } fixed[] = {
        [MANAGESIEVE_PLUS] = {'}', MANAGESIEVE_CLOSED},
        [MANAGESIEVE_CLOSED] = {'\r', MANAGESIEVE_LITERAL_LF},
        [MANAGESIEVE_LF] = {'\n', MANAGESIEVE_DONE},
        [MANAGESIEVE_LITERAL_LF] = {'\n', MANAGESIEVE_LITERAL},
    };
    if (c == '\0' ||
        (c == '\n' && s->state != MANAGESIEVE_LF && s->state != MANAGESIEVE_LITERAL_LF))
        return err_set(e, ERR_SYNTAX, "NUL, or a line that ends without CR");
    switch (s->state) {
    case MANAGESIEVE_TEXT:
        return text_byte(s, c);
    case MANAGESIEVE_QUOTED:
        if (c == '\r')
            return err_set(e, ERR_SYNTAX, "a quoted string ends in its line");
        s->state = c == '"'    ? MANAGESIEVE_TEXT
                   : c == '\\' ? MANAGESIEVE_ESCAPED
                               : MANAGESIEVE_QUOTED;
        return 0;
    case MANAGESIEVE_ESCAPED:
        s->state = MANAGESIEVE_QUOTED;
        return 0;
    case MANAGESIEVE_LENGTH:
        if (ascii_digit(c))
            return length_digit(s, c, e);
        if (c != '+' || !s->digits)
            return err_set(e, ERR_SYNTAX, "a literal is {number+}");
        s->state = MANAGESIEVE_PLUS;
        return 0;
    default:
        if (c != fixed[s->state].want)
            return err_set(e, ERR_SYNTAX, "a line ends with CR LF, a literal's with {number+}");
        s->state = fixed[s->state].next;
        return s->state == MANAGESIEVE_LITERAL ? begin_literal(s, e) : 0;
    }
}

int managesieve_feed(struct managesieve_scan *s, struct slice in, size_t *ret_taken, struct err *e)
{
    size_t at = 0;
    while (at < in.n && s->state != MANAGESIEVE_DONE) {
        if (s->state == MANAGESIEVE_LITERAL) {
            size_t n = in.n - at < s->left ? in.n - at : (size_t)s->left;
            at += n;
            s->n += n;
            s->left -= n;
            s->state = s->left ? MANAGESIEVE_LITERAL : MANAGESIEVE_TEXT;
            continue;
        }
        if (s->line_n >= s->line_max || s->n >= s->max)
            return err_set(e, ERR_LIMIT, "a line of over %zu bytes", s->line_max);
        s->n++;
        s->line_n++;
        if (one_byte(s, in.p[at++], e))
            return -1;
    }
    *ret_taken = at;
    return 0;
}

/* --- what is in it ---------------------------------------------------------------------------- */

static int wrong(struct err *e, const char *text)
{
    return err_set(e, ERR_SYNTAX, "%s", text);
}

static int quoted(struct slice *rest, struct arena *a, struct slice *ret, struct err *e)
{
    struct slice s = slice_from(*rest, 1);
    char *out = arena_new(a, char, MANAGESIEVE_QUOTED_MAX);
    size_t n = 0, at = 0;
    if (!out)
        return err_set(e, ERR_BUSY, "out of memory");
    for (; at < s.n && s.p[at] != '"'; at++) {
        if (s.p[at] == '\\' && (++at == s.n || (s.p[at] != '"' && s.p[at] != '\\')))
            return wrong(e, "only \" and \\ stand behind \\");
        if (n == MANAGESIEVE_QUOTED_MAX)
            return wrong(e, "a quoted string of over 1024 bytes: send a literal");
        out[n++] = s.p[at];
    }
    if (at == s.n)
        return wrong(e, "a string without end");
    *ret = slice_of(out, n);
    *rest = slice_from(s, at + 1);
    return 0;
}

static int literal(struct slice *rest, struct slice *ret, struct err *e)
{
    struct slice s = slice_from(*rest, 1), digits = slice_cut(&s, '+');
    uint32_t n;
    if (slice_u32(digits, &n) || !slice_starts(s, S("}\r\n")) || s.n - 3 < n)
        return wrong(e, "a literal is {number+}");
    *ret = slice_sub(s, 3, 3 + (size_t)n);
    *rest = slice_from(s, 3 + (size_t)n);
    return 0;
}

static int number(struct slice *rest, uint64_t *ret, struct err *e)
{
    size_t n = 0;
    uint32_t v;
    while (n < rest->n && ascii_digit(rest->p[n]))
        n++;
    if ((n > 1 && rest->p[0] == '0') || slice_u32(slice_sub(*rest, 0, n), &v))
        return wrong(e, "a string or a number is expected");
    *ret = v;
    *rest = slice_from(*rest, n);
    return 0;
}

static int one_arg(struct slice *rest, struct arena *a, struct managesieve_arg *ret, struct err *e)
{
    char c = rest->n ? rest->p[0] : '\0';
    int rc;
    *ret = (struct managesieve_arg){.is_string = c == '"' || c == '{'};
    if (c == '"')
        rc = quoted(rest, a, &ret->text, e);
    else if (c == '{')
        rc = literal(rest, &ret->text, e);
    else
        rc = number(rest, &ret->number, e);
    if (rc == 0 && ret->is_string && !utf8_valid(ret->text))
        return wrong(e, "a string is UTF-8");
    return rc;
}

int managesieve_parse(struct slice request, struct arena *a, struct managesieve_command *ret,
                      struct err *e)
{
    struct slice rest = request;
    size_t n = 0;
    *ret = (struct managesieve_command){.name = SNONE};
    if (!slice_ends(rest, S("\r\n")))
        return wrong(e, "a line ends with CR LF");
    rest.n -= 2;
    while (n < rest.n && ascii_alpha(rest.p[n]))
        n++;
    if (n)
        ret->name = slice_sub(rest, 0, n);
    rest = slice_from(rest, n);
    for (bool first = !n; rest.n; first = false) {
        if (!first && rest.p[0] != ' ')
            return wrong(e, "one blank is between arguments");
        rest = slice_from(rest, !first);
        if (ret->n == MANAGESIEVE_ARGS_MAX)
            return wrong(e, "too many arguments");
        if (one_arg(&rest, a, &ret->args[ret->n], e))
            return -1;
        ret->n++;
    }
    return n || ret->n ? 0 : wrong(e, "a command is expected");
}
