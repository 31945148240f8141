/* glob.c - the match type :matches (RFC 5228 2.7.1). As every wildcard takes as few characters as
   it can, only the last `*` is ever tried again: no exponential time. */
#include <unicode/uchar.h>

#include "base/utf8.h"
#include "mail/sieve/match.h"

uint32_t sieve_next_char(struct slice s, size_t *pos, bool octets)
{
    uint32_t c = (unsigned char)s.p[*pos];
    size_t n = c < 0x80 || octets ? 0 : utf8_next(s.p + *pos, s.n - *pos, &c);
    if (n == 0 && c >= 0x80)
        c += 0x110000;
    *pos += n ? n : 1;
    return c;
}

uint32_t sieve_fold_char(uint32_t c, enum sieve_fold fold)
{
    if (c < 0x80)
        return fold != SIEVE_FOLD_NONE && c >= 'A' && c <= 'Z' ? c + 32 : c;
    return fold == SIEVE_FOLD_UNICODE && c < 0x110000
               ? (uint32_t)u_foldCase((UChar32)c, U_FOLD_CASE_DEFAULT)
               : c;
}

struct glob {
    struct slice pattern, value;
    bool octets;
    enum sieve_fold fold;
    struct sieve_span *spans;
    size_t room, n; /* of spans */
};

static void capture(struct glob *g, size_t from, size_t to)
{
    if (g->n < g->room)
        g->spans[g->n] = (struct sieve_span){from, to};
    g->n++;
}

/* One element of the pattern at *p, no star, with the value at *v. */
static bool one(struct glob *g, size_t *p, size_t *v)
{
    size_t from = *v;
    if (from >= g->value.n)
        return false;
    uint32_t have = sieve_next_char(g->value, v, g->octets);
    bool any = g->pattern.p[*p] == '?';
    if (g->pattern.p[*p] == '\\' && *p + 1 < g->pattern.n)
        ++*p;
    uint32_t want = sieve_next_char(g->pattern, p, g->octets);
    if (any) {
        capture(g, from, *v);
        return true;
    }
    return sieve_fold_char(want, g->fold) == sieve_fold_char(have, g->fold);
}

int sieve_glob(struct slice pattern, struct slice value, bool octets, enum sieve_fold fold,
               struct sieve_span *spans, size_t *n_spans, uint64_t max, uint64_t *work)
{
    struct glob g = {pattern, value, octets, fold, spans, *n_spans, 0};
    size_t p = 0, v = 0;
    bool star = false;
    size_t star_p = 0, star_v = 0, star_from = 0, star_n = 0;
    capture(&g, 0, value.n);
    while (p < pattern.n || v < value.n) {
        if (++*work > max)
            return -1;
        if (p < pattern.n && pattern.p[p] == '*') {
            star = true;
            star_n = g.n;
            capture(&g, v, v);
            star_from = star_v = v;
            star_p = ++p;
            continue;
        }
        if (p < pattern.n && one(&g, &p, &v))
            continue;
        /* The last star takes one character more; what came after it starts again. */
        if (!star || star_v >= value.n)
            return 0;
        sieve_next_char(value, &star_v, octets);
        g.n = star_n;
        capture(&g, star_from, star_v);
        p = star_p;
        v = star_v;
    }
    *n_spans = g.n < g.room ? g.n : g.room;
    return 1;
}
