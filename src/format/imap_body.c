/* imap_body.c - BODY out of BODYSTRUCTURE: the same without what stands at the end of each part. Of
   the form only what tells the kinds of parts apart is looked at: after the size of a single part
   there is an envelope (a message), a number (text), or something else or nothing. RFC 9051 7.5.2
 */
#include "format/imap_body.h"

enum { LEVELS = 1024 /* over format.max_depth */ };

static bool begins(struct slice s, char c)
{
    return s.n && s.p[0] == c;
}

static size_t quoted_length(struct slice s)
{
    size_t i = 1;
    while (i < s.n && s.p[i] != '"')
        i += s.p[i] == '\\' ? 2 : 1;
    return i < s.n ? i + 1 : 0;
}

static size_t literal_length(struct slice s)
{
    uint64_t n;
    ptrdiff_t end = slice_find(s, '}');
    if (end < 0 || slice_u64(slice_sub(s, 1, (size_t)end), &n) ||
        !slice_starts(slice_from(s, (size_t)end), S("}\r\n")))
        return 0;
    size_t head = (size_t)end + 3;
    return n <= s.n - head ? head + (size_t)n : 0;
}

static size_t atom_length(struct slice s)
{
    size_t i = 0;
    while (i < s.n && s.p[i] != ' ' && s.p[i] != '(' && s.p[i] != ')')
        i++;
    return i;
}

/* A string, NIL, a number, or a list of such; 0: there is none. */
static size_t value_length(struct slice s)
{
    size_t at = 0, open = 0;
    do {
        struct slice rest = slice_from(s, at);
        size_t n = 1;
        if (begins(rest, '('))
            open++;
        else if (open && begins(rest, ')'))
            open--;
        else if (!open || !begins(rest, ' '))
            n = begins(rest, '"')   ? quoted_length(rest)
                : begins(rest, '{') ? literal_length(rest)
                                    : atom_length(rest);
        if (!n || !rest.n)
            return 0;
        at += n;
    } while (open);
    return at;
}

static int copy(struct slice *s, size_t n, struct buf *out)
{
    if (!n || n > s->n)
        return -1;
    buf_add(out, slice_sub(*s, 0, n));
    *s = slice_from(*s, n);
    return 0;
}

/* SP value */
static int copy_value(struct slice *s, struct buf *out)
{
    if (!begins(*s, ' ') || copy(s, 1, out))
        return -1;
    return copy(s, value_length(*s), out);
}

/* *(SP value) ")", of which the last is copied. */
static int copy_end(struct slice *s, struct buf *out)
{
    while (begins(*s, ' ')) {
        size_t n = value_length(slice_from(*s, 1));
        if (!n)
            return -1;
        *s = slice_from(*s, 1 + n);
    }
    return begins(*s, ')') ? copy(s, 1, out) : -1;
}

/* media SP body-fields, and the lines of a text; *ret_message: a message, up to its body. */
static int copy_single(struct slice *s, bool *ret_message, struct buf *out)
{
    int rc = copy(s, value_length(*s), out);
    for (int i = 0; i < 6 && rc == 0; i++)
        rc = copy_value(s, out);
    *ret_message = slice_starts(*s, S(" ("));
    if (rc == 0 && *ret_message)
        return copy_value(s, out) || !begins(*s, ' ') ? -1 : copy(s, 1, out);
    if (rc == 0 && s->n > 1 && s->p[1] >= '0' && s->p[1] <= '9')
        return copy_value(s, out);
    return rc;
}

static int copy_all(struct slice s, struct buf *out)
{
    bool is_message[LEVELS];
    size_t depth = 0;
    for (;;) {
        if (!begins(s, '(') || copy(&s, 1, out) || depth == LEVELS)
            return -1;
        is_message[depth] = false;
        if (begins(s, '(')) {
            depth++;
            continue;
        }
        if (copy_single(&s, &is_message[depth], out))
            return -1;
        if (is_message[depth]) {
            depth++;
            continue;
        }
        /* Upwards, until there is a next part. */
        for (;;) {
            if (copy_end(&s, out))
                return -1;
            if (!depth)
                return s.n ? -1 : 0;
            if (!is_message[depth - 1] && begins(s, '('))
                break;
            if (copy_value(&s, out)) /* the lines of a message, the subtype of a multipart */
                return -1;
            depth--;
        }
    }
}

int imap_body(struct slice bodystructure, struct buf *out)
{
    size_t before = out->n;
    if (copy_all(bodystructure, out) == 0)
        return 0;
    out->n = before;
    return -1;
}
