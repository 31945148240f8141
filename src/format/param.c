/* param.c - one walk cuts the field into pieces (name, number, extended, value); sorting brings the
   pieces of a name together (RFC 2231 3); then they are joined. Every byte is looked at a fixed
   number of times, and a parameter sent in 100,000 pieces costs what its bytes cost. */
#include "format/param.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/utf8.h"
#include "format/charset.h"
#include "format/mime.h"
#include "format/word.h"

struct piece {
    struct slice name, value;
    uint32_t owner;  /* which name, in order of appearance */
    uint32_t number; /* RFC 2231 piece; WHOLE without */
    bool extended;
    bool escaped; /* value has backslashes or folds to undo */
};

enum { WHOLE = 1 << 20, NUMBER_MAX = 9999 };

struct walk {
    struct slice s;
    bool no_quote;   /* no closing quote is left: quotes are ordinary from here on */
    bool no_comment; /* no closing parenthesis is left */
};

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool alnum(char c)
{
    return ascii_alpha(c) || ascii_digit(c);
}

/* Does `name =` begin here? Then the blank before it ended the value. */
static bool begins_param(struct slice s)
{
    size_t i = 0;
    while (i < s.n && !blank(s.p[i]) && s.p[i] != '=' && s.p[i] != ';' && s.p[i] != '"')
        i++;
    return i > 0 && i < s.n && s.p[i] == '=' && i + 1 < s.n && s.p[i + 1] != '=' &&
           s.p[i + 1] != '?' && s.p[0] != '=' && s.p[0] != '?';
}

/* Cuts a quoted-string; *w begins with the quote. */
static bool quoted(struct walk *w, struct piece *pc)
{
    for (size_t i = 1; i < w->s.n; i++) {
        char c = w->s.p[i];
        if (c == '"') {
            pc->value = slice_sub(w->s, 1, i);
            w->s = slice_from(w->s, i + 1);
            return true;
        }
        if (c == '\\' || c == '\r' || c == '\n')
            pc->escaped = true;
        if (c == '\\')
            i++;
    }
    w->no_quote = true;
    return false;
}

/* Index behind the comment at i, or i when it is never closed. *ends: nothing of the value comes
   behind it, so that it is one; in "copy(1).txt" it is not. RFC 2045 5.1 */
static size_t comment_end(struct walk *w, size_t i, bool *ends)
{
    size_t depth = 0, k = i;
    do {
        if (k == w->s.n) {
            w->no_comment = true;
            return i;
        }
        depth += w->s.p[k] == '(';
        depth -= w->s.p[k] == ')';
        k += w->s.p[k] == '\\' && k + 1 < w->s.n ? 2 : 1;
    } while (depth);
    size_t next = k;
    while (next < w->s.n && blank(w->s.p[next]))
        next++;
    *ends = next == w->s.n || w->s.p[next] == ';' || w->s.p[next] == '(' ||
            (next > k && begins_param(slice_from(w->s, next)));
    return k;
}

static void unquoted(struct walk *w, struct piece *pc)
{
    size_t i = 0, end = 0;
    pc->escaped = false;
    if (w->s.n && w->s.p[0] == '"') /* one that is never closed */
        w->s = slice_from(w->s, 1);
    while (i < w->s.n && w->s.p[i] != ';') {
        bool ends = false;
        if (w->s.p[i] == '(') {
            size_t behind = w->no_comment ? i : comment_end(w, i, &ends);
            if (ends || (behind == i && i > end))
                break;
            if (behind > i) {
                end = i = behind;
                continue;
            }
        }
        if (!blank(w->s.p[i])) {
            end = ++i;
            continue;
        }
        while (i < w->s.n && blank(w->s.p[i]))
            i++;
        if (i < w->s.n && begins_param(slice_from(w->s, i)))
            break;
    }
    pc->value = slice_sub(w->s, 0, end);
    pc->escaped = memchr(pc->value.p, '\n', end) != NULL;
    w->s = slice_from(w->s, i);
}

/* Cuts the next `name=value`. False at the end. */
static bool next_piece(struct walk *w, struct piece *pc)
{
    for (;;) {
        mime_skip(&w->s);
        if (!w->s.n)
            return false;
        if (w->s.p[0] == ';' || w->s.p[0] == '=') {
            w->s = slice_from(w->s, 1);
            continue;
        }
        *pc = (struct piece){.number = WHOLE};
        size_t i = 0;
        while (i < w->s.n && !blank(w->s.p[i]) && w->s.p[i] != '=' && w->s.p[i] != ';')
            i++;
        pc->name = slice_sub(w->s, 0, i);
        w->s = slice_from(w->s, i);
        mime_skip(&w->s);
        if (!w->s.n || w->s.p[0] != '=')
            continue;
        w->s = slice_from(w->s, 1);
        mime_skip(&w->s);
        if (!w->s.n || w->s.p[0] != '"' || w->no_quote || !quoted(w, pc))
            unquoted(w, pc);
        return true;
    }
}

/* RFC 2231 7: name, name*, name*0, name*0* */
static bool split_name(struct piece *pc)
{
    ptrdiff_t star = slice_find(pc->name, '*');
    if (star < 0)
        return pc->name.n > 0;
    struct slice rest = slice_from(pc->name, (size_t)star + 1);
    pc->name = slice_sub(pc->name, 0, (size_t)star);
    if (!rest.n) {
        pc->extended = true;
        return pc->name.n > 0;
    }
    if (rest.p[rest.n - 1] == '*') {
        pc->extended = true;
        rest.n--;
    }
    return pc->name.n > 0 && !slice_u32(rest, &pc->number) && pc->number <= NUMBER_MAX;
}

static int compare(const void *va, const void *vb)
{
    const struct piece *a = va, *b = vb;
    if (a->owner != b->owner)
        return a->owner < b->owner ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    if (a->extended != b->extended)
        return a->extended ? -1 : 1;
    return a->name.p < b->name.p ? -1 : a->name.p > b->name.p;
}

/* Copies a value; undoes backslashes and folds; `protect`: escapes % for an extended join. Nobody
   quotes letters and digits: a backslash before one stands in the path of a file. */
static size_t copy(char *to, const struct piece *pc, bool protect)
{
    size_t n = 0;
    for (size_t i = 0; i < pc->value.n; i++) {
        char c = pc->value.p[i];
        if (pc->escaped && (c == '\r' || c == '\n'))
            continue;
        if (pc->escaped && c == '\\' && i + 1 < pc->value.n && !alnum(pc->value.p[i + 1]))
            c = pc->value.p[++i];
        if (protect && c == '%') {
            memcpy(to + n, "%25", 3);
            n += 3;
        } else {
            to[n++] = c;
        }
    }
    return n;
}

/* Joins the pieces of one name. Of the forms that are there the best is taken: pieces 0, 1, 2 ...,
   then name*, then name (who writes both, writes the plain one for the ignorant). */
static int join(const struct piece *pc, size_t n, struct arena *a, struct param *ret)
{
    size_t parts = 0, bytes = 2;
    bool extended = false;
    if (pc[0].number == 0) {
        for (size_t i = 0; i < n && pc[i].number != WHOLE; i++) {
            if (i > 0 && pc[i].number == pc[i - 1].number)
                continue;
            if (i > 0 && pc[i].number != pc[i - 1].number + 1)
                break;
            parts = i + 1;
            extended |= pc[i].extended;
            bytes += pc[i].value.n * 3;
        }
    } else {
        while (n > 1 && pc[0].number != WHOLE) { /* pieces without a first one */
            pc++;
            n--;
        }
        parts = 1;
        extended = pc[0].extended;
        bytes += pc[0].value.n;
    }
    ret->name = pc[0].name;
    ret->extended = extended;
    if (parts == 1 && !pc[0].escaped) {
        ret->raw = pc[0].value;
        return 0;
    }
    char *p = arena_new(a, char, bytes);
    if (!p)
        return -1;
    size_t at = 0;
    if (extended && !pc[0].extended) {
        memcpy(p, "''", 2);
        at = 2;
    }
    for (size_t i = 0; i < parts; i++)
        if (i == 0 || pc[i].number != pc[i - 1].number)
            at += copy(p + at, &pc[i], extended && !pc[i].extended);
    ret->raw = slice_of(p, at);
    return 0;
}

int param_parse(struct slice value, struct arena *a, struct param_list *ret)
{
    struct walk w = {.s = value};
    struct piece some[16], *list = some;
    size_t n = 0, cap = 16;
    uint32_t names = 0;
    struct piece pc;
    while (n < PARAM_PIECES_MAX && next_piece(&w, &pc)) {
        if (!split_name(&pc))
            continue;
        size_t i = 0;
        while (i < n && !slice_eqi(list[i].name, pc.name))
            i++;
        pc.owner = i < n ? list[i].owner : names;
        if (i == n && names++ >= PARAM_MAX)
            break;
        if (n == cap) {
            struct piece *more = malloc(cap * 2 * sizeof(*more));
            BUG_IF(!more); /* at most PARAM_PIECES_MAX */
            memcpy(more, list, n * sizeof(*list));
            if (list != some)
                free(list);
            list = more;
            cap *= 2;
        }
        list[n++] = pc;
    }
    if (names > PARAM_MAX)
        names = PARAM_MAX;
    struct param_list out = {.items = arena_new(a, struct param, names)};
    qsort(list, n, sizeof(*list), compare);
    for (size_t i = 0, end; out.items && i < n; i = end) {
        for (end = i + 1; end < n && list[end].owner == list[i].owner;)
            end++;
        if (join(list + i, end - i, a, &out.items[out.n++]))
            out.items = NULL;
    }
    if (list != some)
        free(list);
    if (!out.items)
        return -1;
    *ret = out;
    return 0;
}

const struct param *param_find(const struct param_list *l, struct slice name)
{
    for (size_t i = 0; i < l->n; i++)
        if (slice_eqi(l->items[i].name, name))
            return &l->items[i];
    return NULL;
}

struct slice param_raw(const struct param_list *l, struct slice name)
{
    const struct param *p = param_find(l, name);
    return p ? p->raw : SNONE;
}

static int hex(char c)
{
    c = ascii_lower(c);
    return ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 2231 4: charset'language'percent-encoded */
static void extended_text(struct slice s, struct buf *out)
{
    struct slice charset = SNONE, rest = s, cs = slice_cut(&rest, '\'');
    if (rest.p && memchr(rest.p, '\'', rest.n)) {
        slice_cut(&rest, '\'');
        charset = cs;
        s = rest;
    }
    BUF_SCOPE bytes = {.max = s.n + 1};
    for (size_t i = 0; i < s.n; i++) {
        int h = -1, l = -1;
        if (s.p[i] == '%' && i + 2 < s.n && (h = hex(s.p[i + 1])) >= 0)
            l = hex(s.p[i + 2]);
        if (l >= 0) {
            buf_addc(&bytes, (char)(h << 4 | l));
            i += 2;
        } else {
            buf_addc(&bytes, s.p[i]);
        }
    }
    charset_to_utf8(charset, buf_slice(&bytes), out);
}

void param_text(const struct param *p, struct buf *out)
{
    size_t from = out->n;
    if (p->extended)
        extended_text(p->raw, out);
    else if (slice_search(p->raw, S("=?")) >= 0)
        word_decode(p->raw, out);
    else
        charset_guess(p->raw, out);
    size_t to = from;
    for (size_t i = from; i < out->n; i++)
        if ((unsigned char)out->p[i] >= ' ' && out->p[i] != 127)
            out->p[to++] = out->p[i];
    out->n = to;
}

/* RFC 2231 3 and 4; attribute-char of RFC 2231 7 */
static bool attribute_char(char c)
{
    return ascii_alpha(c) || ascii_digit(c) || (c && strchr("!#$&+-.^_`{|}~", c));
}

static void write_plain(struct slice name, struct slice v, struct buf *out)
{
    buf_add(out, S(";\r\n "));
    buf_add(out, name);
    buf_add(out, S("=\""));
    for (size_t i = 0; i < v.n; i++) {
        if (v.p[i] == '"' || v.p[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, v.p[i]);
    }
    buf_addc(out, '"');
}

void param_write(struct slice name, struct slice utf8, struct buf *out)
{
    enum { PLAIN_MAX = 70, LINE = 60 };
    bool plain = utf8.n <= PLAIN_MAX;
    for (size_t i = 0; plain && i < utf8.n; i++)
        plain = utf8.p[i] >= ' ' && utf8.p[i] < 127;
    if (plain) {
        write_plain(name, utf8, out);
        return;
    }
    bool one = utf8.n * 3 <= LINE;
    size_t column = 0;
    unsigned number = 0;
    for (size_t i = 0; i < utf8.n;) {
        uint32_t cp;
        size_t n = utf8_next(utf8.p + i, utf8.n - i, &cp);
        if (n == 0)
            n = 1;
        if (i == 0 || column + 3 * n > LINE) {
            buf_add(out, S(";\r\n "));
            buf_add(out, name);
            if (one)
                buf_add(out, S("*="));
            else
                buf_addf(out, "*%u*=", number++);
            if (i == 0)
                buf_add(out, S("utf-8''"));
            column = 0;
        }
        for (size_t k = 0; k < n; k++, i++) {
            char c = utf8.p[i];
            bool as_is = attribute_char(c);
            column += as_is ? 1 : 3;
            if (as_is)
                buf_addc(out, c);
            else
                buf_addf(out, "%%%02X", (unsigned char)c);
        }
    }
}
