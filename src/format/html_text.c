/* html_text.c - one walk. A tag is skipped with its quoted attributes; elements whose content
   nobody reads are skipped to their end tag; a search that fails once is not tried again. */
#include "format/html_text.h"

#include "base/utf8.h"

struct html {
    struct slice s;
    size_t at;
    struct buf *out;
    size_t from;
    bool gap, line; /* a blank or a line end is due before the next text */
    bool no_double, no_single, no_comment;
};

static const struct {
    struct slice name;
    uint32_t cp;
} entities[] = {
    {S_INIT("amp"), '&'},      {S_INIT("lt"), '<'},       {S_INIT("gt"), '>'},
    {S_INIT("quot"), '"'},     {S_INIT("apos"), '\''},    {S_INIT("nbsp"), ' '},
    {S_INIT("copy"), 0xa9},    {S_INIT("reg"), 0xae},     {S_INIT("trade"), 0x2122},
    {S_INIT("euro"), 0x20ac},  {S_INIT("pound"), 0xa3},   {S_INIT("yen"), 0xa5},
    {S_INIT("cent"), 0xa2},    {S_INIT("sect"), 0xa7},    {S_INIT("deg"), 0xb0},
    {S_INIT("middot"), 0xb7},  {S_INIT("bull"), 0x2022},  {S_INIT("hellip"), 0x2026},
    {S_INIT("ndash"), 0x2013}, {S_INIT("mdash"), 0x2014}, {S_INIT("lsquo"), 0x2018},
    {S_INIT("rsquo"), 0x2019}, {S_INIT("ldquo"), 0x201c}, {S_INIT("rdquo"), 0x201d},
    {S_INIT("laquo"), 0xab},   {S_INIT("raquo"), 0xbb},   {S_INIT("shy"), 0xad},
    {S_INIT("zwnj"), 0x200c},  {S_INIT("zwj"), 0x200d},   {S_INIT("times"), 0xd7},
    {S_INIT("agrave"), 0xe0},  {S_INIT("aacute"), 0xe1},  {S_INIT("acirc"), 0xe2},
    {S_INIT("atilde"), 0xe3},  {S_INIT("auml"), 0xe4},    {S_INIT("aring"), 0xe5},
    {S_INIT("aelig"), 0xe6},   {S_INIT("ccedil"), 0xe7},  {S_INIT("egrave"), 0xe8},
    {S_INIT("eacute"), 0xe9},  {S_INIT("ecirc"), 0xea},   {S_INIT("euml"), 0xeb},
    {S_INIT("igrave"), 0xec},  {S_INIT("iacute"), 0xed},  {S_INIT("icirc"), 0xee},
    {S_INIT("iuml"), 0xef},    {S_INIT("ntilde"), 0xf1},  {S_INIT("ograve"), 0xf2},
    {S_INIT("oacute"), 0xf3},  {S_INIT("ocirc"), 0xf4},   {S_INIT("otilde"), 0xf5},
    {S_INIT("ouml"), 0xf6},    {S_INIT("oslash"), 0xf8},  {S_INIT("ugrave"), 0xf9},
    {S_INIT("uacute"), 0xfa},  {S_INIT("ucirc"), 0xfb},   {S_INIT("uuml"), 0xfc},
    {S_INIT("szlig"), 0xdf},   {S_INIT("Agrave"), 0xc0},  {S_INIT("Aacute"), 0xc1},
    {S_INIT("Auml"), 0xc4},    {S_INIT("Aring"), 0xc5},   {S_INIT("AElig"), 0xc6},
    {S_INIT("Ccedil"), 0xc7},  {S_INIT("Egrave"), 0xc8},  {S_INIT("Eacute"), 0xc9},
    {S_INIT("Ntilde"), 0xd1},  {S_INIT("Ouml"), 0xd6},    {S_INIT("Oslash"), 0xd8},
    {S_INIT("Uuml"), 0xdc},
};

static const struct slice hidden[] = {S_INIT("script"), S_INIT("style"),    S_INIT("head"),
                                      S_INIT("title"),  S_INIT("noscript"), S_INIT("template")};
static const struct slice blocks[] = {
    S_INIT("p"),      S_INIT("div"),        S_INIT("br"),      S_INIT("tr"),      S_INIT("li"),
    S_INIT("ul"),     S_INIT("ol"),         S_INIT("h1"),      S_INIT("h2"),      S_INIT("h3"),
    S_INIT("h4"),     S_INIT("h5"),         S_INIT("h6"),      S_INIT("hr"),      S_INIT("pre"),
    S_INIT("table"),  S_INIT("blockquote"), S_INIT("section"), S_INIT("article"), S_INIT("header"),
    S_INIT("footer"), S_INIT("dt"),         S_INIT("dd"),      S_INIT("body"),
};

static bool in_list(struct slice name, const struct slice *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_eqi(list[i], name))
            return true;
    return false;
}

#define IN(name, list) in_list((name), (list), sizeof(list) / sizeof((list)[0]))

static void put(struct html *h, uint32_t cp)
{
    if (cp == ' ' || cp == '\t' || cp == '\n' || cp == '\r' || cp == '\f') {
        h->gap = true;
        return;
    }
    if (cp < ' ' || cp == 127)
        return;
    if (h->out->n > h->from && (h->line || h->gap))
        buf_addc(h->out, h->line ? '\n' : ' ');
    h->line = h->gap = false;
    utf8_add(h->out, cp);
}

/* The character that an entity at `at` (which is a '&') stands for; 1 byte and '&' when none. */
static size_t entity(struct slice s, uint32_t *ret)
{
    enum { LONGEST = 12 };
    size_t i = 1;
    *ret = '&';
    while (i < s.n && i < LONGEST && s.p[i] != ';' &&
           (ascii_alpha(s.p[i]) || ascii_digit(s.p[i]) || s.p[i] == '#'))
        i++;
    struct slice name = slice_sub(s, 1, i);
    size_t used = i + (i < s.n && s.p[i] == ';');
    if (name.n > 1 && name.p[0] == '#') {
        bool hex = ascii_lower(name.p[1]) == 'x';
        uint32_t cp = 0;
        for (size_t k = hex ? 2 : 1; k < name.n; k++) {
            char c = ascii_lower(name.p[k]);
            uint32_t v = ascii_digit(c) ? (uint32_t)(c - '0') : (uint32_t)(c - 'a' + 10);
            if (!ascii_digit(c) && (!hex || c < 'a' || c > 'f'))
                return 1;
            cp = cp > 0x10ffff ? cp : cp * (hex ? 16 : 10) + v;
        }
        *ret = cp ? cp : 0xfffd; /* what is no character becomes U+FFFD as well */
        return used;
    }
    for (size_t k = 0; k < sizeof(entities) / sizeof(entities[0]); k++) {
        if (slice_eq(entities[k].name, name)) {
            *ret = entities[k].cp;
            return used;
        }
    }
    return 1;
}

/* Goes behind the '>' of the tag that begins at `at`; quoted values may hold one. */
static void skip_tag(struct html *h)
{
    while (h->at < h->s.n) {
        char c = h->s.p[h->at++];
        bool *none = c == '"' ? &h->no_double : &h->no_single;
        if (c == '>')
            return;
        if ((c != '"' && c != '\'') || *none || h->s.p[h->at - 2] != '=')
            continue;
        const char *end = memchr(h->s.p + h->at, c, h->s.n - h->at);
        if (end)
            h->at = (size_t)(end + 1 - h->s.p);
        else
            *none = true;
    }
}

/* Goes to the end tag of a hidden element, or to the end. */
static void skip_content(struct html *h, struct slice name)
{
    while (h->at < h->s.n) {
        const char *lt = memchr(h->s.p + h->at, '<', h->s.n - h->at);
        if (!lt) {
            h->at = h->s.n;
            return;
        }
        h->at = (size_t)(lt - h->s.p);
        struct slice rest = slice_from(h->s, h->at);
        if (rest.n > name.n + 1 && rest.p[1] == '/' &&
            slice_eqi(slice_sub(rest, 2, 2 + name.n), name))
            return;
        h->at++;
    }
}

static void tag(struct html *h)
{
    struct slice rest = slice_from(h->s, h->at);
    if (slice_starts(rest, S("<!--")) && !h->no_comment) {
        ptrdiff_t end = slice_search(slice_from(rest, 4), S("-->"));
        h->no_comment = end < 0;
        if (end >= 0) {
            h->at += 4 + (size_t)end + 3;
            return;
        }
    }
    size_t from = rest.n > 1 && rest.p[1] == '/' ? 2 : 1, i = from;
    while (i < rest.n && (ascii_alpha(rest.p[i]) || ascii_digit(rest.p[i])))
        i++;
    struct slice name = slice_sub(rest, from, i);
    if (!name.n && rest.n > 1 && rest.p[1] != '!' && rest.p[1] != '?' && rest.p[1] != '/') {
        put(h, '<');
        h->at++;
        return;
    }
    h->at++;
    skip_tag(h);
    if (IN(name, blocks))
        h->line = true;
    else if (slice_eqi(name, S("td")) || slice_eqi(name, S("th")))
        h->gap = true;
    if (from == 1 && IN(name, hidden))
        skip_content(h, name);
}

bool html_text(struct slice utf8, size_t max, struct buf *out)
{
    struct html h = {.s = utf8, .out = out, .from = out->n};
    while (h.at < utf8.n && out->n - h.from < max && !out->failed) {
        uint32_t cp;
        if (utf8.p[h.at] == '<') {
            tag(&h);
            continue;
        }
        size_t n = utf8.p[h.at] == '&' ? entity(slice_from(utf8, h.at), &cp)
                                       : utf8_next(utf8.p + h.at, utf8.n - h.at, &cp);
        if (n == 0) {
            cp = 0xfffd;
            n = 1;
        }
        put(&h, cp);
        h.at += n;
    }
    return !h.no_double && !h.no_single && !h.no_comment;
}
