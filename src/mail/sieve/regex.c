/* regex.c - POSIX extended regular expressions for the match type :regex. A pattern becomes a
   program for a machine that follows all paths at once (one thread an instruction), so that time is
   linear in value x program; counted repetitions are written out, and the program has a limit. The
   match is the leftmost, and the longest of those; groups as the first alternatives have them.
   Besides POSIX: \d \D \w \W \s \S, and *? +? ?? {n,m}? as the greedy ones. */
#include "mail/sieve/match.h"

enum { SAVES = SIEVE_REGEX_GROUPS * 2, NO_SAVE = SAVES, REPEAT_MAX = 255, DEPTH_MAX = 50 };

enum rx_op { RX_CHAR, RX_ANY, RX_SET, RX_BEGIN, RX_END, RX_SAVE, RX_SPLIT, RX_JUMP, RX_MATCH };

struct rx_range {
    uint32_t from, to;
};

struct rx_inst {
    enum rx_op op;
    bool negated;
    uint32_t c;    /* character; SAVE: which */
    uint32_t x, y; /* SPLIT: first and second way; JUMP: x; SET: ranges [x, y) */
};

struct rx_thread {
    uint32_t pc;
    size_t saves[SAVES];
};

struct rx_list {
    struct rx_thread *threads;
    uint32_t n;
};

struct sieve_regex {
    struct rx_inst *code;
    uint32_t n;
    struct rx_range *ranges;
    uint32_t n_ranges;
    enum sieve_fold fold;
    unsigned groups;
    struct rx_list now, next;
    uint32_t *mark, *stack; /* of add(): generation, ways to follow */
    uint32_t generation;
    size_t *undo;
};

struct rx_parser {
    struct slice in;
    size_t pos;
    struct sieve_regex *x;
    uint32_t cap_ranges, depth;
    struct arena *arena;
    struct err *e;
};

static int wrong(struct rx_parser *p, const char *what)
{
    return err_set(p->e, ERR_SYNTAX, "regular expression, character %zu: %s", p->pos + 1, what);
}

static int emit(struct rx_parser *p, struct rx_inst in)
{
    if (p->x->n >= SIEVE_REGEX_SIZE)
        return err_set(p->e, ERR_LIMIT, "regular expression is too large");
    p->x->code[p->x->n++] = in;
    return 0;
}

static bool more(const struct rx_parser *p)
{
    return p->pos < p->in.n;
}

static bool take(struct rx_parser *p, char c)
{
    if (!more(p) || p->in.p[p->pos] != c)
        return false;
    p->pos++;
    return true;
}

static int add_range(struct rx_parser *p, uint32_t from, uint32_t to)
{
    struct sieve_regex *x = p->x;
    if (x->n_ranges >= SIEVE_REGEX_SIZE * 4)
        return err_set(p->e, ERR_LIMIT, "regular expression is too large");
    if (x->n_ranges == p->cap_ranges) {
        uint32_t cap = p->cap_ranges ? p->cap_ranges * 2 : 32;
        struct rx_range *r = arena_new(p->arena, struct rx_range, cap);
        if (!r)
            return err_set(p->e, ERR_LIMIT, "regular expression needs too much memory");
        if (x->n_ranges)
            memcpy(r, x->ranges, x->n_ranges * sizeof(*r));
        x->ranges = r;
        p->cap_ranges = cap;
    }
    x->ranges[x->n_ranges++] = (struct rx_range){from, to};
    return 0;
}

static const struct rx_class {
    struct slice name;
    struct rx_range ranges[4];
} classes[] = {
    {S_INIT("alnum"), {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}},
    {S_INIT("alpha"), {{'A', 'Z'}, {'a', 'z'}}},
    {S_INIT("blank"), {{' ', ' '}, {'\t', '\t'}}},
    {S_INIT("cntrl"), {{1, 31}, {127, 127}}},
    {S_INIT("digit"), {{'0', '9'}}},
    {S_INIT("graph"), {{'!', '~'}}},
    {S_INIT("lower"), {{'a', 'z'}}},
    {S_INIT("print"), {{' ', '~'}}},
    {S_INIT("punct"), {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}},
    {S_INIT("space"), {{' ', ' '}, {'\t', '\r'}}},
    {S_INIT("upper"), {{'A', 'Z'}}},
    {S_INIT("xdigit"), {{'0', '9'}, {'A', 'F'}, {'a', 'f'}}},
    {S_INIT("d"), {{'0', '9'}}},
    {S_INIT("s"), {{' ', ' '}, {'\t', '\r'}}},
    {S_INIT("w"), {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}}},
};

static int add_class(struct rx_parser *p, struct slice name)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (!slice_eq(classes[i].name, name))
            continue;
        for (int k = 0; k < 4 && classes[i].ranges[k].from; k++)
            if (add_range(p, classes[i].ranges[k].from, classes[i].ranges[k].to))
                return -1;
        return 0;
    }
    return wrong(p, "no such class of characters");
}

/* [:name:], [=c=], [.c.] behind "[": the class, or one character in *ret. 1: a class. */
static int bracket_special(struct rx_parser *p, uint32_t *ret)
{
    char kind = p->in.p[p->pos++];
    size_t from = p->pos;
    while (p->pos + 1 < p->in.n && !(p->in.p[p->pos] == kind && p->in.p[p->pos + 1] == ']'))
        p->pos++;
    if (p->pos + 1 >= p->in.n)
        return wrong(p, "\"[\" is not closed");
    struct slice name = slice_sub(p->in, from, p->pos);
    p->pos += 2;
    if (kind == ':')
        return name.n > 1 ? (add_class(p, name) ? -1 : 1) : wrong(p, "no such class of characters");
    size_t at = 0;
    if (!name.n || (*ret = sieve_next_char(name, &at, false), at != name.n))
        return wrong(p, "no such character");
    return 0;
}

/* One end of a range; 1: it was a class. */
static int bracket_char(struct rx_parser *p, uint32_t *ret)
{
    if (p->in.p[p->pos] == '[' && p->pos + 1 < p->in.n && strchr(":=.", p->in.p[p->pos + 1]) &&
        p->in.p[p->pos + 1]) {
        p->pos++;
        return bracket_special(p, ret);
    }
    *ret = sieve_next_char(p->in, &p->pos, false);
    return 0;
}

static int parse_bracket(struct rx_parser *p)
{
    struct rx_inst in = {.op = RX_SET, .negated = take(p, '^'), .x = p->x->n_ranges};
    bool first = true;
    for (;; first = false) {
        uint32_t from, to;
        if (!more(p))
            return wrong(p, "\"[\" is not closed");
        if (!first && take(p, ']'))
            break;
        int r = bracket_char(p, &from);
        if (r < 0)
            return -1;
        if (r)
            continue;
        to = from;
        if (p->pos + 1 < p->in.n && p->in.p[p->pos] == '-' && p->in.p[p->pos + 1] != ']') {
            p->pos++;
            r = bracket_char(p, &to);
            if (r)
                return r < 0 ? -1 : wrong(p, "a class ends no range");
            if (to < from)
                return wrong(p, "a range ends before it begins");
        }
        if (add_range(p, from, to))
            return -1;
    }
    in.y = p->x->n_ranges;
    return emit(p, in);
}

static int parse_escape(struct rx_parser *p)
{
    if (!more(p))
        return wrong(p, "nothing behind \"\\\"");
    char c = p->in.p[p->pos];
    if (memchr("dDwWsS", c, 6)) {
        struct rx_inst in = {.op = RX_SET, .negated = c < 'a', .x = p->x->n_ranges};
        char lower = ascii_lower(c);
        p->pos++;
        if (add_class(p, slice_of(&lower, 1)))
            return -1;
        in.y = p->x->n_ranges;
        return emit(p, in);
    }
    if (ascii_alpha(c) || ascii_digit(c))
        return wrong(p, "that escape means nothing");
    uint32_t cp = sieve_next_char(p->in, &p->pos, false);
    return emit(p, (struct rx_inst){.op = RX_CHAR, .c = sieve_fold_char(cp, p->x->fold)});
}

static int parse_alternatives(struct rx_parser *p);

static int parse_group(struct rx_parser *p)
{
    unsigned group = ++p->x->groups;
    uint32_t save = group < SIEVE_REGEX_GROUPS ? group * 2 : NO_SAVE;
    if (++p->depth > DEPTH_MAX)
        return wrong(p, "groups are nested too deep");
    if (save != NO_SAVE && emit(p, (struct rx_inst){.op = RX_SAVE, .c = save}))
        return -1;
    if (parse_alternatives(p))
        return -1;
    if (!take(p, ')'))
        return wrong(p, "\"(\" is not closed");
    p->depth--;
    return save == NO_SAVE ? 0 : emit(p, (struct rx_inst){.op = RX_SAVE, .c = save + 1});
}

static int parse_atom(struct rx_parser *p)
{
    char c = p->in.p[p->pos];
    if (take(p, '('))
        return parse_group(p);
    if (take(p, '['))
        return parse_bracket(p);
    if (take(p, '.'))
        return emit(p, (struct rx_inst){.op = RX_ANY});
    if (take(p, '^'))
        return emit(p, (struct rx_inst){.op = RX_BEGIN});
    if (take(p, '$'))
        return emit(p, (struct rx_inst){.op = RX_END});
    if (take(p, '\\'))
        return parse_escape(p);
    if (c == '*' || c == '+' || c == '?')
        return wrong(p, "nothing there to repeat");
    uint32_t cp = sieve_next_char(p->in, &p->pos, false);
    return emit(p, (struct rx_inst){.op = RX_CHAR, .c = sieve_fold_char(cp, p->x->fold)});
}

/* {n}, {n,}, {n,m}; *ret_max UINT32_MAX: no limit. 0: it is none, and `{` stands for itself. */
static int parse_counts(struct rx_parser *p, uint32_t *ret_min, uint32_t *ret_max)
{
    size_t at = p->pos + 1, from = at;
    while (at < p->in.n && (ascii_digit(p->in.p[at]) || p->in.p[at] == ','))
        at++;
    if (at == from || at >= p->in.n || p->in.p[at] != '}' || !ascii_digit(p->in.p[from]))
        return 0;
    struct slice rest = slice_sub(p->in, from, at);
    struct slice low = slice_cut(&rest, ',');
    *ret_max = UINT32_MAX;
    if (slice_u32(low, ret_min) || *ret_min > REPEAT_MAX ||
        (rest.n && (slice_u32(rest, ret_max) || *ret_max > REPEAT_MAX)))
        return wrong(p, "a count is over 255");
    if (!rest.p)
        *ret_max = *ret_min;
    if (*ret_max < *ret_min)
        return wrong(p, "the counts are the wrong way round");
    p->pos = at + 1;
    return 1;
}

/* Appends a copy of code[from, to), where jumps inside it lead to the copy. */
static int copy_code(struct rx_parser *p, uint32_t from, uint32_t to)
{
    uint32_t shift = p->x->n - from;
    for (uint32_t i = from; i < to; i++) {
        struct rx_inst in = p->x->code[i];
        if (in.op == RX_SPLIT || in.op == RX_JUMP) {
            in.x += shift;
            in.y += shift;
        }
        if (emit(p, in))
            return -1;
    }
    return 0;
}

/* Room for one instruction at `at`; what is behind moves, and jumps to there with it. */
static int insert(struct rx_parser *p, uint32_t at, struct rx_inst in)
{
    struct sieve_regex *x = p->x;
    if (emit(p, in))
        return -1;
    memmove(&x->code[at + 1], &x->code[at], (x->n - 1 - at) * sizeof(*x->code));
    x->code[at] = in;
    for (uint32_t i = at + 1; i < x->n; i++)
        if (x->code[i].op == RX_SPLIT || x->code[i].op == RX_JUMP) {
            x->code[i].x += x->code[i].x >= at;
            x->code[i].y += x->code[i].y >= at;
        }
    return 0;
}

/* The atom code[from, n) is to come min to max times. */
static int repeat(struct rx_parser *p, uint32_t from, uint32_t min, uint32_t max)
{
    struct sieve_regex *x = p->x;
    uint32_t size = x->n - from;
    if (max == 0) {
        x->n = from;
        return 0;
    }
    if (min == 0) { /* split over it */
        if (insert(p, from, (struct rx_inst){.op = RX_SPLIT, .x = from + 1, .y = 0}))
            return -1;
        if (max == UINT32_MAX && emit(p, (struct rx_inst){.op = RX_JUMP, .x = from}))
            return -1;
        uint32_t atom = from + 1, first = from;
        for (uint32_t i = 1; max != UINT32_MAX && i < max; i++) {
            uint32_t split = x->n;
            if (emit(p, (struct rx_inst){.op = RX_SPLIT, .x = split + 1}) ||
                copy_code(p, atom, atom + size))
                return -1;
        }
        x->code[first].y = x->n;
        for (uint32_t i = 1; max != UINT32_MAX && i < max; i++)
            x->code[first + i * (size + 1)].y = x->n;
        return 0;
    }
    uint32_t last = from;
    for (uint32_t i = 1; i < min; i++) {
        last = x->n;
        if (copy_code(p, from, from + size))
            return -1;
    }
    if (max == UINT32_MAX)
        return emit(p, (struct rx_inst){.op = RX_SPLIT, .x = last, .y = x->n + 1});
    uint32_t first = x->n;
    for (uint32_t i = min; i < max; i++)
        if (emit(p, (struct rx_inst){.op = RX_SPLIT, .x = x->n + 1}) ||
            copy_code(p, from, from + size))
            return -1;
    for (uint32_t i = min; i < max; i++)
        x->code[first + (i - min) * (size + 1)].y = x->n;
    return 0;
}

static int parse_repeats(struct rx_parser *p, uint32_t from)
{
    while (more(p)) {
        uint32_t min, max;
        char c = p->in.p[p->pos];
        if (c == '{') {
            int r = parse_counts(p, &min, &max);
            if (r <= 0)
                return r;
        } else if (c == '*' || c == '+' || c == '?') {
            p->pos++;
            min = c == '+';
            max = c == '?' ? 1 : UINT32_MAX;
        } else {
            return 0;
        }
        take(p, '?');
        if (repeat(p, from, min, max))
            return -1;
    }
    return 0;
}

static int parse_branch(struct rx_parser *p)
{
    while (more(p) && p->in.p[p->pos] != '|' && !(p->in.p[p->pos] == ')' && p->depth)) {
        uint32_t from = p->x->n;
        if (parse_atom(p) || parse_repeats(p, from))
            return -1;
    }
    return 0;
}

static int parse_alternatives(struct rx_parser *p)
{
    struct sieve_regex *x = p->x;
    uint32_t jumps = 0; /* to the end, linked through x, + 1 */
    for (;;) {
        uint32_t from = x->n;
        if (parse_branch(p))
            return -1;
        if (!take(p, '|'))
            break;
        if (insert(p, from, (struct rx_inst){.op = RX_SPLIT, .x = from + 1}) ||
            emit(p, (struct rx_inst){.op = RX_MATCH, .c = jumps}))
            return -1;
        jumps = x->n;
        x->code[from].y = x->n;
    }
    while (jumps) {
        struct rx_inst *j = &x->code[jumps - 1];
        jumps = j->c;
        *j = (struct rx_inst){.op = RX_JUMP, .x = x->n};
    }
    return 0;
}

int sieve_regex_compile(struct slice pattern, enum sieve_fold fold, struct arena *a,
                        struct sieve_regex **ret, struct err *e)
{
    struct sieve_regex *x = arena_new(a, struct sieve_regex, 1);
    struct rx_inst *scratch = arena_new(a, struct rx_inst, SIEVE_REGEX_SIZE);
    if (!x || !scratch)
        return err_set(e, ERR_LIMIT, "regular expression needs too much memory");
    struct rx_parser p = {.in = pattern, .x = x, .arena = a, .e = e};
    x->code = scratch;
    x->fold = fold;
    if (parse_alternatives(&p) || emit(&p, (struct rx_inst){.op = RX_MATCH}))
        return -1;
    x->now.threads = arena_new(a, struct rx_thread, x->n);
    x->next.threads = arena_new(a, struct rx_thread, x->n);
    x->mark = arena_new(a, uint32_t, x->n);
    x->stack = arena_new(a, uint32_t, x->n * 2 + 2);
    x->undo = arena_new(a, size_t, x->n);
    if (!x->now.threads || !x->next.threads || !x->mark || !x->stack || !x->undo)
        return err_set(e, ERR_LIMIT, "regular expression needs too much memory");
    *ret = x;
    return 0;
}

static bool in_ranges(const struct sieve_regex *x, const struct rx_inst *in, uint32_t c)
{
    for (uint32_t i = in->x; i < in->y; i++)
        if (c >= x->ranges[i].from && c <= x->ranges[i].to)
            return true;
    return false;
}

static bool in_set(const struct sieve_regex *x, const struct rx_inst *in, uint32_t c)
{
    bool is = in_ranges(x, in, c);
    if (!is && x->fold != SIEVE_FOLD_NONE) {
        uint32_t folded = sieve_fold_char(c, x->fold);
        is = in_ranges(x, in, folded) ||
             (folded >= 'a' && folded <= 'z' && in_ranges(x, in, folded - 32));
    }
    return is != in->negated;
}

/* A way to follow is an instruction, or with this set the undoing of a save. */
#define SAVE_BACK (UINT32_C(1) << 31)

/* Adds a thread and all that it leads to without a character, first ways first. */
static void add(struct sieve_regex *x, struct rx_list *l, uint32_t pc, const size_t *saves,
                size_t at, size_t end)
{
    size_t now[SAVES], *old = x->undo;
    uint32_t n = 0, depth = 0;
    memcpy(now, saves, sizeof(now));
    x->stack[n++] = pc;
    while (n) {
        uint32_t way = x->stack[--n];
        if (way & SAVE_BACK) {
            now[way & ~SAVE_BACK] = old[--depth];
            continue;
        }
        if (x->mark[way] == x->generation)
            continue;
        x->mark[way] = x->generation;
        const struct rx_inst *in = &x->code[way];
        switch (in->op) {
        case RX_JUMP:
            x->stack[n++] = in->x;
            break;
        case RX_SPLIT:
            x->stack[n++] = in->y;
            x->stack[n++] = in->x;
            break;
        case RX_SAVE:
            old[depth++] = now[in->c];
            now[in->c] = at;
            x->stack[n++] = SAVE_BACK | in->c;
            x->stack[n++] = way + 1;
            break;
        case RX_BEGIN:
            if (at == 0)
                x->stack[n++] = way + 1;
            break;
        case RX_END:
            if (at == end)
                x->stack[n++] = way + 1;
            break;
        default:
            l->threads[l->n].pc = way;
            memcpy(l->threads[l->n++].saves, now, sizeof(now));
        }
    }
}

static void result(const struct rx_thread *t, const struct sieve_regex *x, struct sieve_span *spans,
                   size_t *n_spans, size_t room)
{
    size_t groups = x->groups + 1 < SIEVE_REGEX_GROUPS ? x->groups + 1 : SIEVE_REGEX_GROUPS;
    *n_spans = groups < room ? groups : room;
    for (size_t i = 0; i < *n_spans; i++) {
        size_t from = t->saves[i * 2], to = t->saves[i * 2 + 1];
        spans[i] = from == SIZE_MAX || to == SIZE_MAX ? (struct sieve_span){1, 0}
                                                      : (struct sieve_span){from, to};
    }
}

int sieve_regex_match(struct sieve_regex *x, struct slice value, struct sieve_span *spans,
                      size_t *n_spans, uint64_t max, uint64_t *work)
{
    size_t start[SAVES], room = *n_spans;
    bool found = false;
    struct rx_thread best = {0};
    for (int i = 0; i < SAVES; i++)
        start[i] = SIZE_MAX;
    x->now.n = 0;
    x->generation++;
    for (size_t pos = 0;; x->generation++) {
        if (!found) {
            start[0] = pos;
            add(x, &x->now, 0, start, pos, value.n);
        }
        *work += ((uint64_t)x->now.n + 1) * 4;
        if (*work > max)
            return -1;
        if (!x->now.n && found)
            break;
        size_t next = pos;
        uint32_t c = pos < value.n ? sieve_next_char(value, &next, false) : 0;
        uint32_t folded = sieve_fold_char(c, x->fold);
        x->next.n = 0;
        x->generation++;
        for (uint32_t i = 0; i < x->now.n; i++) {
            struct rx_thread *t = &x->now.threads[i];
            const struct rx_inst *in = &x->code[t->pc];
            if (found && t->saves[0] > best.saves[0])
                continue;
            if (in->op == RX_MATCH) {
                if (!found || t->saves[0] < best.saves[0] || pos > best.saves[1]) {
                    found = true;
                    best = *t;
                    best.saves[1] = pos;
                }
                continue;
            }
            bool step =
                pos < value.n && (in->op == RX_ANY || (in->op == RX_CHAR && in->c == folded) ||
                                  (in->op == RX_SET && in_set(x, in, c)));
            if (step)
                add(x, &x->next, t->pc + 1, t->saves, next, value.n);
        }
        if (pos >= value.n)
            break;
        pos = next;
        struct rx_list swap = x->now;
        x->now = x->next;
        x->next = swap;
        x->generation--; /* the marks of the threads that go on count for the one that starts */
    }
    if (found)
        result(&best, x, spans, n_spans, room);
    return found;
}
