/* match.c - match types and comparators: RFC 5228 2.7, RFC 5231, RFC 6134 2.2. */
#include "mail/sieve/match.h"

#include "base/utf8.h"
#include "format/text.h"
#include "mail/sieve/compile.h"

static const struct slice relations[] = {
    S_INIT("gt"), S_INIT("ge"), S_INIT("lt"), S_INIT("le"), S_INIT("eq"), S_INIT("ne"),
};
enum { GT, GE, LT, LE, EQ, NE, RELATIONS };

static int relation_of(struct slice s)
{
    for (int i = 0; i < RELATIONS; i++)
        if (slice_eqi(relations[i], s))
            return i;
    return -1;
}

static const struct {
    struct slice name;
    uint64_t bit;
} comparators[] = {
    [SIEVE_CMP_OCTET] = {S_INIT("i;octet"), SIEVE_BIT(octet)},
    [SIEVE_CMP_ASCII] = {S_INIT("i;ascii-casemap"), SIEVE_BIT(ascii_casemap)},
    [SIEVE_CMP_NUMERIC] = {S_INIT("i;ascii-numeric"), SIEVE_BIT(ascii_numeric)},
    [SIEVE_CMP_UNICODE] = {S_INIT("i;unicode-casemap"), SIEVE_BIT(unicode_casemap)},
};

static int comparator_of(struct slice s)
{
    for (int i = 0; i < 4; i++)
        if (slice_eq(comparators[i].name, s))
            return i;
    return -1;
}

static bool is_relation(struct slice s)
{
    return relation_of(s) >= 0;
}

static enum sieve_fold fold_of(enum sieve_comparator c)
{
    return c == SIEVE_CMP_OCTET     ? SIEVE_FOLD_NONE
           : c == SIEVE_CMP_UNICODE ? SIEVE_FOLD_UNICODE
                                    : SIEVE_FOLD_ASCII;
}

static int check_regexes(struct sieve_compiler *c)
{
    unsigned keys = c->command->n_args - 1;
    const struct sieve_source *s = &c->source[SLOT_0 + keys];
    for (uint32_t i = 0; i < s->n; i++) {
        struct sieve_regex *x;
        struct err e = {0};
        ARENA_SCOPE scratch = {.limit = 4 << 20};
        if (sieve_constant(c, s->items[i]) &&
            sieve_regex_compile(s->items[i], SIEVE_FOLD_NONE, &scratch, &x, &e))
            return sieve_wrong(c, s->items_at[i], "%s", e.text);
    }
    return 0;
}

int sieve_check_match(struct sieve_compiler *c)
{
    const struct sieve_source *match = &c->source[SLOT_MATCH];
    const struct sieve_source *cmp = &c->source[SLOT_COMPARATOR];
    unsigned type = match->kind ? (unsigned)match->number : SIEVE_MATCH_IS;
    int which = SIEVE_CMP_ASCII;
    if (cmp->kind) {
        which = comparator_of(cmp->text);
        if (which < 0)
            return sieve_wrong(c, cmp->items_at[0], "comparator \"%.*s\" is not known",
                               (int)(cmp->text.n > 60 ? 60 : cmp->text.n), cmp->text.p);
        if (!sieve_enabled(c, comparators[which].bit))
            return sieve_wrong(c, cmp->items_at[0],
                               "comparator \"%.*s\" needs require \"comparator-%.*s\"",
                               SARG(cmp->text), SARG(cmp->text));
    }
    if (which == SIEVE_CMP_NUMERIC &&
        (type == SIEVE_MATCH_CONTAINS || type == SIEVE_MATCH_MATCHES || type == SIEVE_MATCH_REGEX))
        return sieve_wrong(c, cmp->at, "\"i;ascii-numeric\" compares whole numbers only");
    if (cmp->kind && type == SIEVE_MATCH_LIST)
        return sieve_wrong(c, cmp->at, "\":list\" takes no comparator");
    if (sieve_check_each(c, SLOT_RELATION, is_relation, "one of gt, ge, lt, le, eq, ne"))
        return -1;
    return type == SIEVE_MATCH_REGEX ? check_regexes(c) : 0;
}

/* --- at work --- */

/* Does the comparator work on text that was folded before? */
static bool folds(const struct sieve_matcher *m)
{
    if (m->comparator == SIEVE_CMP_ASCII)
        return m->type == SIEVE_MATCH_CONTAINS;
    return m->comparator == SIEVE_CMP_UNICODE && m->type != SIEVE_MATCH_MATCHES &&
           m->type != SIEVE_MATCH_REGEX && m->type != SIEVE_MATCH_LIST;
}

static int fold(struct sieve_matcher *m, struct slice s, struct buf *out)
{
    if (sieve_work(m->r, s.n))
        return -1;
    if (m->comparator == SIEVE_CMP_UNICODE)
        text_casemap(s, out);
    else if (!buf_reserve(out, s.n))
        while (out->n < s.n) {
            out->p[out->n] = ascii_lower(s.p[out->n]);
            out->n++;
        }
    return out->failed ? sieve_fail_memory(m->r) : 0;
}

int sieve_matcher_init(struct sieve_matcher *m, struct sieve_runner *r, const struct sieve_call *c,
                       enum sieve_slot keys)
{
    struct slice cmp, relation;
    *m = (struct sieve_matcher){
        .r = r, .type = (enum sieve_match)sieve_number(c, SLOT_MATCH, SIEVE_MATCH_IS)};
    if (sieve_string(r, c, SLOT_COMPARATOR, &cmp) || sieve_string(r, c, SLOT_RELATION, &relation) ||
        sieve_strings(r, c, keys, &m->keys))
        return -1;
    int which = cmp.p ? comparator_of(cmp) : SIEVE_CMP_ASCII;
    int rel = relation.p ? relation_of(relation) : EQ;
    if (which < 0 || rel < 0 || m->type > SIEVE_MATCH_LIST)
        return sieve_fail(r, ERR_SYNTAX, "\"%.*s\" is no comparator or relation",
                          SARG(which < 0 ? cmp : relation));
    m->comparator = (enum sieve_comparator)which;
    m->relation = (unsigned)rel;
    if (folds(m)) {
        m->folded = arena_new(r->arena, struct slice, m->keys.n);
        if (!m->folded)
            return sieve_fail_memory(r);
        for (size_t i = 0; i < m->keys.n; i++) {
            BUF_SCOPE out = {.max = r->limits->memory};
            if (fold(m, m->keys.items[i], &out) || sieve_keep_buf(r, &out, &m->folded[i]))
                return -1;
        }
    }
    if (m->type != SIEVE_MATCH_REGEX)
        return 0;
    m->regex = arena_new(r->arena, struct sieve_regex *, m->keys.n);
    if (!m->regex)
        return sieve_fail_memory(r);
    for (size_t i = 0; i < m->keys.n; i++)
        if (sieve_regex_compile(m->keys.items[i], fold_of(m->comparator), r->arena, &m->regex[i],
                                r->e))
            return -1;
    return 0;
}

static struct slice digits_of(struct slice s)
{
    size_t n = 0;
    while (n < s.n && ascii_digit(s.p[n]))
        n++;
    s.n = n;
    while (s.n > 1 && s.p[0] == '0')
        s = slice_from(s, 1);
    return s;
}

int sieve_numeric_cmp(struct slice a, struct slice b)
{
    a = digits_of(a);
    b = digits_of(b);
    if (!a.n || !b.n)
        return (int)!a.n - (int)!b.n;
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    return memcmp(a.p, b.p, a.n);
}

static int ascii_cmp(struct slice a, struct slice b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    for (size_t i = 0; i < n; i++) {
        unsigned char x = (unsigned char)ascii_upper(a.p[i]),
                      y = (unsigned char)ascii_upper(b.p[i]);
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.n == b.n ? 0 : a.n < b.n ? -1 : 1;
}

static int compare(enum sieve_comparator c, struct slice a, struct slice b)
{
    if (c == SIEVE_CMP_NUMERIC)
        return sieve_numeric_cmp(a, b);
    return c == SIEVE_CMP_ASCII ? ascii_cmp(a, b) : slice_cmp(a, b);
}

static bool holds(unsigned relation, int order)
{
    switch (relation) {
    case GT:
        return order > 0;
    case GE:
        return order >= 0;
    case LT:
        return order < 0;
    case LE:
        return order <= 0;
    case EQ:
        return order == 0;
    default:
        return order != 0;
    }
}

/* RFC 5229 3.2 */
static void set_matches(struct sieve_runner *r, struct slice value, const struct sieve_span *spans,
                        size_t n)
{
    if (!sieve_on(r, SIEVE_BIT(variables)))
        return;
    r->n_matches = (uint32_t)n;
    for (size_t i = 0; i < n; i++)
        r->matches[i] =
            spans[i].from > spans[i].to ? S("") : slice_sub(value, spans[i].from, spans[i].to);
}

static int try_pattern(struct sieve_matcher *m, size_t key, struct slice value)
{
    struct sieve_runner *r = m->r;
    struct sieve_span spans[SIEVE_MATCHES_MAX];
    size_t n = SIEVE_MATCHES_MAX;
    uint64_t work = 0, left = r->limits->work - r->out->work;
    int got;
    if (m->type == SIEVE_MATCH_REGEX)
        got = sieve_regex_match(m->regex[key], value, spans, &n, left, &work);
    else
        got = sieve_glob(m->keys.items[key], value, m->comparator == SIEVE_CMP_OCTET,
                         fold_of(m->comparator), spans, &n, left, &work);
    if (sieve_work(r, got < 0 ? UINT64_MAX : work))
        return -1;
    if (got > 0 && !m->quiet)
        set_matches(r, value, spans, n);
    return got;
}

/* RFC 6134 2.2 */
static int try_list(struct sieve_matcher *m, struct slice list, struct slice value)
{
    struct sieve_runner *r = m->r;
    BUF_SCOPE member = {.max = r->limits->memory};
    if (!r->world->list)
        return sieve_fail(r, ERR_UNSUPPORTED, "there are no external lists here");
    if (sieve_list_name(r, list, &list))
        return -1;
    int got = r->world->list(r->ctx, list, value, &member, r->e);
    if (got <= 0)
        return got;
    struct slice text;
    if (sieve_keep_buf(r, &member, &text))
        return -1;
    if (!m->quiet)
        set_matches(r, text, &(struct sieve_span){0, text.n}, 1);
    return 1;
}

/* Before it is done. Searching is linear. */
static uint64_t cost(const struct sieve_matcher *m, struct slice value, struct slice key)
{
    bool all = m->type == SIEVE_MATCH_CONTAINS || value.n < key.n;
    return 1 + (all ? value.n : key.n);
}

int sieve_matcher_try(struct sieve_matcher *m, struct slice value)
{
    struct sieve_runner *r = m->r;
    m->count++;
    if (m->type == SIEVE_MATCH_COUNT)
        return 0;
    BUF_SCOPE changed = {.max = r->limits->memory};
    if (m->folded && fold(m, value, &changed))
        return -1;
    struct slice folded = m->folded ? buf_slice(&changed) : value;
    if (m->type == SIEVE_MATCH_LIST)
        value = slice_trim(value);
    for (size_t i = 0; i < m->keys.n; i++) {
        struct slice key = m->folded ? m->folded[i] : m->keys.items[i];
        int got = 0;
        if (sieve_work(r, cost(m, value, key)))
            return -1;
        switch (m->type) {
        case SIEVE_MATCH_IS:
            got = compare(m->comparator, folded, key) == 0;
            break;
        case SIEVE_MATCH_CONTAINS:
            got = !key.n || slice_search(folded, key) >= 0;
            break;
        case SIEVE_MATCH_VALUE:
            got = holds(m->relation, compare(m->comparator, folded, key));
            break;
        case SIEVE_MATCH_MATCHES:
        case SIEVE_MATCH_REGEX:
            got = try_pattern(m, i, value);
            break;
        case SIEVE_MATCH_LIST:
            got = try_list(m, key, value);
            break;
        case SIEVE_MATCH_COUNT:
            break;
        }
        if (got > 0)
            m->matched = true;
        if (got)
            return got;
    }
    return 0;
}

/* RFC 5231 4.2: the count as a number in text is compared with each key. */
int sieve_matcher_end(struct sieve_matcher *m)
{
    if (m->type != SIEVE_MATCH_COUNT)
        return m->matched;
    BUF_SCOPE count = {0};
    buf_addu(&count, m->count);
    for (size_t i = 0; i < m->keys.n; i++)
        if (holds(m->relation, compare(m->comparator, buf_slice(&count), m->keys.items[i])))
            return 1;
    return 0;
}

int sieve_matcher_list(struct sieve_matcher *m, const struct sieve_list *values)
{
    for (size_t i = 0; i < values->n; i++) {
        int r = sieve_matcher_try(m, values->items[i]);
        if (r)
            return r;
    }
    return sieve_matcher_end(m);
}
