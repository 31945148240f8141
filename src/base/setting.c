/* setting.c - the registry of settings, and one parser and printer for each type. */
#include "base/setting.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct setting *all;

static int row_cmp(const struct setting *a, const struct setting *b)
{
    int r = strcmp(a->group, b->group);
    return r ? r : strcmp(a->name, b->name);
}

void setting_register(struct setting *s)
{
    struct setting **at = &all;
    while (*at && row_cmp(*at, s) < 0)
        at = &(*at)->next;
    s->next = *at;
    *at = s;
}

struct setting *setting_first(void)
{
    return all;
}

struct setting *setting_find(struct slice full)
{
    struct slice name = full;
    struct slice group = slice_cut(&name, '.');
    for (struct setting *s = all; s; s = s->next)
        if (slice_eq(group, slice_str(s->group)) && slice_eq(name, slice_str(s->name)))
            return s;
    return NULL;
}

struct unit {
    struct slice suffix;
    int64_t factor;
};

/* Longest suffix first where one ends in another. */
static const struct unit size_units[] = {
    {S_INIT("K"), KiB}, {S_INIT("M"), MiB}, {S_INIT("G"), GiB}, {S_INIT("T"), 1024 * GiB}, {{0}, 1},
};
static const struct unit time_units[] = {
    {S_INIT("ms"), MSEC}, {S_INIT("s"), SEC}, {S_INIT("m"), MIN},
    {S_INIT("h"), HOUR},  {S_INIT("d"), DAY}, {{0}, MSEC},
};
static const struct unit plain_units[] = {{{0}, 1}};

static const struct unit *units_of(const struct setting *s)
{
    if (s->type == SETTING_SIZE)
        return size_units;
    return s->type == SETTING_TIME ? time_units : plain_units;
}

static int parse_number(const struct setting *s, struct slice v, int64_t *ret, struct err *e)
{
    const struct unit *u = units_of(s);
    struct slice digits = v;
    bool negative = s->type == SETTING_INT && slice_starts(v, S("-"));
    if (negative)
        digits = slice_from(digits, 1);
    while (u->suffix.n && !(digits.n > u->suffix.n && slice_endsi(digits, u->suffix)))
        u++;
    uint64_t n;
    int64_t out;
    if (slice_u64(slice_sub(digits, 0, digits.n - u->suffix.n), &n) || n > INT64_MAX)
        return err_set(e, ERR_SYNTAX, "%s.%s: \"%.*s\" is not %s", s->group, s->name, SARG(v),
                       s->type == SETTING_SIZE   ? "a size (such as 512, 64K, 10M)"
                       : s->type == SETTING_TIME ? "a time (such as 500ms, 30s, 5m, 12h)"
                                                 : "a number");
    if (__builtin_mul_overflow((int64_t)n, u->factor, &out))
        out = INT64_MAX;
    if (negative)
        out = -out;
    if (out < s->min || out > s->max) {
        struct setting low = {.type = s->type, .number = s->min};
        struct setting high = {.type = s->type, .number = s->max};
        char a[32], b[32];
        setting_print(&low, false, a, sizeof(a));
        setting_print(&high, false, b, sizeof(b));
        return err_set(e, ERR_LIMIT, "%s.%s: %.*s is not between %s and %s", s->group, s->name,
                       SARG(v), a, b);
    }
    *ret = out;
    return 0;
}

static int parse_bool(const struct setting *s, struct slice v, int64_t *ret, struct err *e)
{
    static const struct slice words[2][4] = {
        {S_INIT("no"), S_INIT("off"), S_INIT("false"), S_INIT("0")},
        {S_INIT("yes"), S_INIT("on"), S_INIT("true"), S_INIT("1")},
    };
    for (int64_t truth = 0; truth < 2; truth++)
        for (int i = 0; i < 4; i++)
            if (slice_eqi(v, words[truth][i])) {
                *ret = truth;
                return 0;
            }
    return err_set(e, ERR_SYNTAX, "%s.%s: \"%.*s\" is neither yes nor no", s->group, s->name,
                   SARG(v));
}

static int check_text(const struct setting *s, struct slice v, struct err *e)
{
    for (size_t i = 0; i < v.n; i++)
        if ((unsigned char)v.p[i] < ' ')
            return err_set(e, ERR_SYNTAX, "%s.%s: control character in value", s->group, s->name);
    if (!s->choices)
        return 0;
    struct slice rest = slice_str(s->choices);
    while (rest.p)
        if (slice_eq(slice_cut(&rest, ' '), v))
            return 0;
    return err_set(e, ERR_SYNTAX, "%s.%s: \"%.*s\" is none of: %s", s->group, s->name, SARG(v),
                   s->choices);
}

static int parse_any(const struct setting *s, struct slice v, int64_t *ret, struct err *e)
{
    if (s->type == SETTING_TEXT)
        return check_text(s, v, e);
    if (s->type == SETTING_BOOL)
        return parse_bool(s, v, ret, e);
    return parse_number(s, v, ret, e);
}

/* Readers may hold an old text for ever, so none is freed; each distinct one is kept once, so that
   reloads to and fro cost nothing. Only the thread that loads settings comes here. */
static const char *keep_text(struct slice v)
{
    static struct kept {
        struct kept *next;
        char text[];
    } * texts;
    for (struct kept *k = texts; k; k = k->next)
        if (slice_eq(slice_str(k->text), v))
            return k->text;
    struct kept *k = calloc(1, sizeof(*k) + v.n + 1);
    BUG_IF(!k);
    if (v.n)
        memcpy(k->text, v.p, v.n);
    k->next = texts;
    texts = k;
    return k->text;
}

int setting_check(const struct setting *s, struct slice v, struct err *e)
{
    int64_t ignored;
    return parse_any(s, slice_trim(v), &ignored, e);
}

int setting_parse(struct setting *s, struct slice v, struct err *e)
{
    int64_t n = 0;
    v = slice_trim(v);
    if (parse_any(s, v, &n, e))
        return -1;
    if (s->type != SETTING_TEXT) {
        atomic_store(&s->number, n);
        return 0;
    }
    if (!slice_eq(v, slice_str(setting_text(s))))
        atomic_store(&s->string, keep_text(v));
    return 0;
}

void setting_reset(struct setting *s)
{
    atomic_store(&s->number, s->def);
    atomic_store(&s->string, s->def_text);
}

void setting_print(const struct setting *s, bool of_default, char *out, size_t n)
{
    int64_t v = of_default ? s->def : s->number;
    if (s->type == SETTING_TEXT) {
        snprintf(out, n, "%s", of_default ? s->def_text : s->string);
        return;
    }
    if (s->type == SETTING_BOOL) {
        snprintf(out, n, "%s", v ? "yes" : "no");
        return;
    }
    const struct unit *best = NULL;
    for (const struct unit *u = units_of(s); u->suffix.n; u++)
        if (v && v % u->factor == 0 && (!best || u->factor > best->factor))
            best = u;
    if (best)
        snprintf(out, n, "%" PRId64 "%.*s", v / best->factor, SARG(best->suffix));
    else
        snprintf(out, n, "%" PRId64 "%s", v, s->type == SETTING_TIME && v ? "ms" : "");
}
