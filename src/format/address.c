/* address.c - address lists in two steps. The first finds where each element ends (comma,
   semicolon, the colon of a group) and where its angle bracket is, over quotes, comments and
   literals. The second makes text of the pieces. A quote, comment or bracket that never closes is
   found once, and from there on counts as an ordinary character: no byte is searched twice for the
   same thing. */
#include "format/address.h"

#include "format/word.h"

struct walk {
    const char *p;
    size_t n, at;
    bool no_quote, no_comment, no_literal; /* no closing one is left */
    bool in_group;
    struct arena *a;
    struct address_list *out;
    size_t max, cap;
    bool full;
};

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Index after the quoted string, comment or literal that begins at i; i when it never ends (then
   the flag is set), or when none begins there. RFC 5322 3.2.2, 3.2.4, 3.4.1 */
static size_t span(struct walk *w, size_t i)
{
    char c = w->p[i];
    size_t depth = 0;
    if (c == '"' && !w->no_quote) {
        for (size_t k = i + 1; k < w->n; k++) {
            if (w->p[k] == '"')
                return k + 1;
            if (w->p[k] == '\\')
                k++;
        }
        w->no_quote = true;
    } else if (c == '(' && !w->no_comment) {
        for (size_t k = i; k < w->n; k++) {
            if (w->p[k] == '(')
                depth++;
            else if (w->p[k] == ')' && --depth == 0)
                return k + 1;
            else if (w->p[k] == '\\')
                k++;
        }
        w->no_comment = true;
    } else if (c == '[' && !w->no_literal) {
        for (size_t k = i + 1; k < w->n; k++) {
            if (w->p[k] == ']')
                return k + 1;
            if (w->p[k] == '\\')
                k++;
        }
        w->no_literal = true;
    }
    return i;
}

/* An element of the list as bytes. */
struct element {
    size_t from, to;    /* of all of it */
    size_t open, close; /* of < and > when has_angle */
    bool has_angle;
    char end; /* ',' ';' ':' or 0 at the end of the field */
};

static struct element next_element(struct walk *w)
{
    struct element el = {.from = w->at};
    bool at_sign = false, inside = false, route = false, text = false; /* text: in the bracket */
    size_t i = w->at;
    while (i < w->n) {
        char c = w->p[i];
        size_t next = c == '"' || c == '(' || (c == '[' && at_sign) ? span(w, i) : i;
        if (next > i) {
            text = text || (inside && c != '(');
            i = next;
            continue;
        }
        if (inside) {
            bool first = !text && !blank(c) && c != ',';
            text = text || first;
            if (c == '@' && first)
                route = true;
            else if (c == ':')
                route = false;
            if (c == '<' && first) {
                text = false;
                el.open = i; /* "<<": the inner one counts */
            } else if (c == '>') {
                el.close = i;
                inside = false;
            } else if ((c == ',' && !route && text) || c == '<') {
                inside = false; /* never closed: what follows is read as usual */
                el.close = i;
                if (c == '<')
                    i--;
                else
                    continue;
            }
        } else if (c == '<' && !el.has_angle) {
            el.has_angle = inside = true;
            at_sign = true;
            el.open = i;
        } else if (c == '<') { /* a comma is missing: what stands after the ">" is the next one */
            el.to = el.close + 1;
            el.end = ',';
            w->at = el.to;
            return el;
        } else if (c == ',' || c == ';') {
            break;
        } else if (c == ':' && !at_sign && !w->in_group && !el.has_angle) {
            break;
        } else if (c == '@') {
            at_sign = true;
        }
        i++;
    }
    if (inside)
        el.close = i;
    el.to = i;
    el.end = i < w->n ? w->p[i] : 0;
    w->at = i < w->n ? i + 1 : i;
    return el;
}

static struct address *add(struct walk *w, enum address_kind kind)
{
    if (w->out->n >= w->max) {
        w->out->cut = true;
        return NULL;
    }
    if (w->out->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 4;
        struct address *more = arena_new(w->a, struct address, cap);
        if (!more) {
            w->full = true;
            return NULL;
        }
        if (w->cap)
            memcpy(more, w->out->items, w->cap * sizeof(*more));
        w->out->items = more;
        w->cap = cap;
    }
    struct address *ad = &w->out->items[w->out->n++];
    *ad = (struct address){.kind = kind};
    return ad;
}

/* Appends bytes without the backslashes of quoted pairs, line ends and NULs. */
static size_t unquote(char *to, const char *p, size_t n)
{
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] == '\\' && i + 1 < n)
            i++;
        if (p[i] != '\r' && p[i] != '\n' && p[i])
            to[used++] = p[i];
    }
    return used;
}

/* For a second look at a piece: what closes only behind `to` does not close. */
static struct walk within(const struct walk *w, size_t to)
{
    struct walk in = *w;
    in.n = to;
    return in;
}

/* Words with one blank where there were blanks or comments, quotes undone. The last comment goes to
 *comment. */
static struct slice phrase(struct walk *w, size_t from, size_t to, struct slice *comment)
{
    char *p = arena_new(w->a, char, to - from + 1);
    size_t n = 0;
    bool gap = false;
    struct walk in = within(w, to);
    if (!p) {
        w->full = true;
        return SNONE;
    }
    for (size_t i = from; i < to;) {
        char c = w->p[i];
        size_t next = c == '"' || c == '(' ? span(&in, i) : i;
        if (next > i && c == '(') {
            if (comment)
                *comment = slice_of(w->p + i + 1, next - i - 2);
            gap = true;
        } else if (next > i || !blank(c)) {
            if (gap && n)
                p[n++] = ' ';
            gap = false;
            if (next > i)
                n += unquote(p + n, w->p + i + 1, next - i - 2);
            else if (c && c != '<' && c != '>' && !(c == '"' && (i == from || i + 1 == to)))
                p[n++] = c;
        } else {
            gap = true;
        }
        i = next > i ? next : i + 1;
    }
    return slice_of(p, n);
}

static struct slice comment_text(struct walk *w, struct slice c)
{
    if (!c.n)
        return SNONE;
    char *p = arena_new(w->a, char, c.n);
    if (!p) {
        w->full = true;
        return SNONE;
    }
    return slice_trim(slice_of(p, unquote(p, c.p, c.n)));
}

/* RFC 5322 3.4.1: local@domain between from and to, blanks and comments left out. Without an @ all
   is the local part. */
static void spec(struct walk *w, size_t from, size_t to, struct address *ad, struct slice *comment)
{
    char *p = arena_new(w->a, char, to - from + 1);
    size_t n = 0, at = SIZE_MAX;
    struct walk in = within(w, to);
    if (!p) {
        w->full = true;
        return;
    }
    for (size_t i = from; i < to;) {
        char c = w->p[i];
        size_t next = c == '"' || c == '(' || (c == '[' && at != SIZE_MAX) ? span(&in, i) : i;
        if (next > i && c == '(') {
            if (comment)
                *comment = slice_of(w->p + i + 1, next - i - 2);
        } else if (next > i && c == '"') {
            n += unquote(p + n, w->p + i + 1, next - i - 2);
        } else if (next > i) {
            for (size_t k = i; k < next; k++)
                if (!blank(w->p[k]) && w->p[k])
                    p[n++] = w->p[k];
        } else if (!blank(c) && c && c != '<' && c != '>') {
            if (c == '@')
                at = n;
            p[n++] = c;
        }
        i = next > i ? next : i + 1;
    }
    struct slice s = slice_of(p, n);
    ad->local = at == SIZE_MAX ? s : slice_sub(s, 0, at);
    ad->domain = at == SIZE_MAX ? SNONE : slice_from(s, at + 1);
}

/* "<Undisclosed-Recipient:;>", maybe with "@host" beside the semicolon: an empty group that
   somebody put in brackets. */
static bool bracketed_group(struct walk *w, const struct element *el)
{
    const char *from = w->p + el->open + 1;
    size_t n = el->close - el->open - 1;
    const char *colon = memchr(from, ':', n);
    size_t name = colon ? (size_t)(colon - from) : 0;
    if (!name || w->in_group || !memchr(colon, ';', n - name) || memchr(from, '@', name) ||
        memchr(from, '"', name) || slice_find(slice_of(colon, n - name), ',') >= 0)
        return false;
    struct address *ad = add(w, ADDRESS_GROUP);
    if (!ad)
        return true;
    ad->name = phrase(w, el->open + 1, el->open + 1 + name, NULL);
    w->max++; /* its end has a place, as that of every group */
    add(w, ADDRESS_GROUP_END);
    return true;
}

/* RFC 5322 3.4: [display-name] "<" [route ":"] addr-spec ">" */
static void angle(struct walk *w, const struct element *el)
{
    if (bracketed_group(w, el))
        return;
    struct address *ad = add(w, ADDRESS_MAILBOX);
    struct slice comment = SNONE;
    if (!ad)
        return;
    size_t from = el->open + 1, to = el->close;
    struct walk in = within(w, to);
    for (size_t next; from < to; from = next) {
        next =
            w->p[from] == '(' ? span(&in, from) : from + (blank(w->p[from]) || w->p[from] == ',');
        if (next == from)
            break;
    }
    if (from < to && w->p[from] == '@') { /* RFC 5322 4.4 obs-route */
        const char *colon = memchr(w->p + from, ':', to - from);
        if (colon) {
            size_t end = (size_t)(colon - w->p);
            struct address route;
            spec(w, from, end, &route, NULL);
            ad->route = slice_of(route.local.p, route.local.n);
            if (route.domain.p)
                ad->route.n += route.domain.n + 1;
            from = end + 1;
        }
    }
    ad->name = phrase(w, el->from, el->open, &comment);
    spec(w, from, to, ad, NULL);
    size_t after = el->close < el->to && w->p[el->close] == '>' ? el->close + 1 : el->close;
    struct slice behind = phrase(w, after, el->to, &comment);
    if (!ad->name.n)
        ad->name = behind.n ? behind : comment_text(w, comment);
}

/* An element without angle brackets: chunks between blanks; those with an @ are addresses, the
   others the name of the next one (or of the last). A chunk goes on over blanks beside @ and before
   a dot (RFC 5322 4.4: obs-local-part, obs-domain). */
static void bare(struct walk *w, const struct element *el)
{
    struct slice comment = SNONE;
    struct address *last = NULL;
    struct walk in = within(w, el->to);
    size_t words = el->from, i = el->from; /* words not used yet begin at `words` */
    size_t chunks = 0;
    while (i < el->to) {
        while (i < el->to && blank(w->p[i]))
            i++;
        size_t start = i, end = i;
        bool at_sign = false, text = false;
        while (i < el->to) {
            char c = w->p[i];
            size_t next = c == '"' || c == '(' || (c == '[' && at_sign) ? span(&in, i) : i;
            if (next > i) {
                if (c == '(' && !text && !at_sign)
                    comment = slice_of(w->p + i + 1, next - i - 2);
                text |= c != '(';
                i = end = next;
                continue;
            }
            if (!blank(c)) {
                at_sign |= c == '@';
                text = true;
                end = ++i;
                continue;
            }
            size_t k = i;
            while (k < el->to && blank(w->p[k]))
                k++;
            bool joins = k < el->to && (w->p[k] == '@' || w->p[k] == '(' ||
                                        (w->p[k] == '.' && w->p[end - 1] != '.') ||
                                        w->p[end - 1] == '@' || (at_sign && w->p[end - 1] == '.'));
            if (!joins)
                break;
            i = k;
        }
        chunks += text;
        if (!at_sign)
            continue;
        struct address *ad = add(w, ADDRESS_MAILBOX);
        if (!ad)
            return;
        ad->name = phrase(w, words, start, NULL);
        comment = SNONE;
        spec(w, start, end, ad, &comment);
        if (!ad->name.n)
            ad->name = comment_text(w, comment);
        words = i;
        last = ad;
    }
    struct slice rest = phrase(w, words, el->to, &comment);
    if (last && !last->name.n)
        last->name = rest.n ? rest : comment_text(w, comment);
    if (last || !rest.n)
        return;
    struct address *ad = add(w, ADDRESS_MAILBOX);
    if (!ad)
        return;
    if (chunks == 1) {
        ad->local = rest;
        ad->name = comment_text(w, comment);
    } else {
        ad->name = rest;
    }
}

int address_parse(struct slice value, size_t max, struct arena *a, struct address_list *ret)
{
    struct address_list out = {0};
    struct walk w = {.p = value.p, .n = value.n, .a = a, .out = &out};
    w.max = max ? max : ADDRESS_MAX;
    while (w.at < w.n && !w.full && !out.cut) {
        struct element el = next_element(&w);
        if (el.end == ':') {
            struct address *ad = add(&w, ADDRESS_GROUP);
            if (ad)
                ad->name = phrase(&w, el.from, el.to, NULL);
            w.in_group = ad != NULL;
            continue;
        }
        if (el.has_angle)
            angle(&w, &el);
        else
            bare(&w, &el);
        if (el.end == ';' && w.in_group) {
            w.in_group = false;
            w.max++; /* the end of a group that began has a place */
            add(&w, ADDRESS_GROUP_END);
        }
    }
    if (w.in_group) {
        w.max++;
        bool cut = out.cut;
        add(&w, ADDRESS_GROUP_END);
        out.cut = cut;
    }
    if (w.full || a->failed)
        return -1;
    *ret = out;
    return 0;
}

void address_name(const struct address *ad, struct buf *out)
{
    word_decode(ad->name, out);
}

static bool dot_atom(struct slice s)
{
    if (!s.n || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '.' ? s.p[i - 1] == '.'
                     : !((unsigned char)c & 0x80) && !ascii_alpha(c) && !ascii_digit(c) &&
                           !strchr("!#$%&'*+-/=?^_`{|}~", c))
            return false;
        if (!c)
            return false;
    }
    return true;
}

void address_spec(const struct address *ad, struct buf *out)
{
    if (dot_atom(ad->local)) {
        buf_add(out, ad->local);
    } else {
        buf_addc(out, '"');
        for (size_t i = 0; i < ad->local.n; i++) {
            if (ad->local.p[i] == '"' || ad->local.p[i] == '\\')
                buf_addc(out, '\\');
            buf_addc(out, ad->local.p[i]);
        }
        buf_addc(out, '"');
    }
    if (ad->domain.n) {
        buf_addc(out, '@');
        buf_add(out, ad->domain);
    }
}

void address_write(struct slice name_utf8, struct slice local, struct slice domain, struct buf *out)
{
    enum { COLUMN = 10 };
    struct address ad = {.local = local, .domain = domain};
    if (!name_utf8.n) {
        address_spec(&ad, out);
        return;
    }
    word_encode_phrase(name_utf8, COLUMN, out);
    buf_add(out, S(" <"));
    address_spec(&ad, out);
    buf_addc(out, '>');
}
