/* msgid.c - message ids. A walk over the field that knows quoted strings and comments (by a
   counter), takes what stands between < and >, and remembers what it has by hash. RFC 5322 3.6.4
   and 4.5.4. */
#include "format/msgid.h"

#include "base/buf.h"
#include "base/hash.h"
#include "format/mime.h"

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Index behind the comment that begins at i, or i when it does not end here. */
static size_t comment_end(struct slice s, size_t i)
{
    size_t depth = 0;
    for (size_t k = i; k < s.n; k++) {
        if (s.p[k] == '(')
            depth++;
        else if (s.p[k] == ')' && --depth == 0)
            return k + 1;
        else if (s.p[k] == '\\')
            k++;
    }
    return i;
}

/* Copies an id without blanks, NULs, comments and (in quoted parts) without what the quoting added.
   RFC 5322 4.5.4 */
static struct slice clean(struct slice raw, struct arena *a)
{
    bool change = false, quoted = false, no_comment = false;
    for (size_t i = 0; i < raw.n && !change; i++)
        change = (unsigned char)raw.p[i] <= ' ' || strchr("\"\\(", raw.p[i]);
    if (!change)
        return raw;
    char *p = arena_new(a, char, raw.n + 1);
    size_t n = 0;
    for (size_t i = 0; p && i < raw.n; i++) {
        char c = raw.p[i];
        quoted = c == '"' ? !quoted : quoted;
        size_t end = c == '(' && !quoted && !no_comment ? comment_end(raw, i) : i;
        no_comment |= c == '(' && !quoted && end == i;
        if (end > i)
            i = end - 1;
        if (end > i || (unsigned char)c <= ' ' || c == '"')
            continue;
        if (c == '\\' && i + 1 < raw.n)
            c = raw.p[++i];
        p[n++] = c;
    }
    return slice_of(p, p ? n : 0);
}

/* Cuts the next <id> off *s; what stands before it is passed over. */
static bool next_bracketed(struct slice *s, bool *no_quote, struct slice *ret)
{
    for (;;) {
        mime_skip(s);
        if (!s->n)
            return false;
        if (s->p[0] == '"' && !*no_quote) { /* a phrase */
            size_t i = 1;
            while (i < s->n && s->p[i] != '"')
                i += s->p[i] == '\\' ? 2 : 1;
            *no_quote = i >= s->n;
            *s = slice_from(*s, *no_quote ? 1 : i + 1);
            continue;
        }
        if (s->p[0] != '<') {
            *s = slice_from(*s, 1);
            continue;
        }
        size_t i = 1;
        while (i < s->n && s->p[i] != '>' && s->p[i] != '<')
            i++;
        *ret = slice_sub(*s, 1, i);
        *s = slice_from(*s, i < s->n && s->p[i] == '>' ? i + 1 : i);
        return true;
    }
}

/* For fields without brackets: words that have an @. */
static bool next_bare(struct slice *s, struct slice *ret)
{
    for (;;) {
        mime_skip(s);
        if (!s->n)
            return false;
        size_t i = 0;
        while (i < s->n && !blank(s->p[i]) && s->p[i] != ',' && s->p[i] != '(')
            i++;
        struct slice w = slice_sub(*s, 0, i);
        *s = slice_from(*s, i ? i : 1);
        if (slice_find(w, '@') > 0) {
            *ret = w;
            return true;
        }
    }
}

int msgid_parse(struct slice value, struct arena *a, struct msgid_list *ret)
{
    bool bare = slice_find(value, '<') < 0, no_quote = false;
    struct msgid_list l = {0};
    struct slice s = value, raw;
    size_t cap = 0;
    struct hmap seen = {0};
    bool full = false;
    while (!full && (bare ? next_bare(&s, &raw) : next_bracketed(&s, &no_quote, &raw))) {
        struct slice id = raw.n > MSGID_LENGTH_MAX * 2 ? SNONE : clean(raw, a);
        if (!id.n || id.n > MSGID_LENGTH_MAX) {
            full = a->failed;
            continue;
        }
        if (hmap_get(&seen, id))
            continue;
        if (l.n == MSGID_MAX) { /* the last counts more than the one before */
            l.items[l.n - 1] = id;
            continue;
        }
        if (l.n == cap) {
            struct slice *more = arena_new(a, struct slice, cap ? cap * 2 : 8);
            if (!more) {
                full = true;
                break;
            }
            if (l.n)
                memcpy(more, l.items, l.n * sizeof(*more));
            l.items = more;
            cap = cap ? cap * 2 : 8;
        }
        hmap_set(&seen, id, a);
        l.items[l.n++] = id;
    }
    hmap_done(&seen);
    if (full)
        return -1;
    *ret = l;
    return 0;
}

struct slice msgid_first(struct slice value, struct arena *a)
{
    bool bare = slice_find(value, '<') < 0, no_quote = false;
    struct slice s = value, raw;
    while (bare ? next_bare(&s, &raw) : next_bracketed(&s, &no_quote, &raw)) {
        struct slice id = raw.n > MSGID_LENGTH_MAX * 2 ? SNONE : clean(raw, a);
        if (id.n && id.n <= MSGID_LENGTH_MAX)
            return id;
    }
    return SNONE;
}

int64_t msgid_hash(struct slice id)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (unsigned char)id.p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u;
    h ^= h >> 32;
    h &= INT64_MAX;
    return h ? (int64_t)h : 1;
}
