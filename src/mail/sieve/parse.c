/* parse.c - the grammar of Sieve: RFC 5228 8.2. Recursive, with a limit on the depth. */
#include "mail/sieve/lex.h"
#include "mail/sieve/tree.h"

struct parser {
    struct sieve_lexer lexer;
    struct sieve_token token; /* the one ahead */
    const struct sieve_limits *limits;
    struct arena *arena;
    uint32_t depth, nodes;
    struct sieve_place *ret_at;
    struct err *e;
};

static int next(struct parser *p)
{
    return sieve_lexer_next(&p->lexer, &p->token, p->ret_at, p->e);
}

static bool is_punct(const struct parser *p, char c)
{
    return p->token.kind == SIEVE_TOKEN_PUNCT && p->token.punct == c;
}

static int expected(struct parser *p, const char *what)
{
    char found[64];
    sieve_token_describe(&p->token, found, sizeof(found));
    return sieve_error_at(p->token.at, p->ret_at, p->e, ERR_SYNTAX, "expected %s, found %s", what,
                          found);
}

static int take_punct(struct parser *p, char c, const char *what)
{
    return is_punct(p, c) ? next(p) : expected(p, what);
}

static int out_of_memory(struct parser *p)
{
    return sieve_error_at(p->token.at, p->ret_at, p->e, ERR_LIMIT, "script needs too much memory");
}

static int deeper(struct parser *p)
{
    if (++p->depth > p->limits->nesting)
        return sieve_error_at(p->token.at, p->ret_at, p->e, ERR_LIMIT,
                              "blocks and tests are nested over %u deep", p->limits->nesting);
    return 0;
}

struct item {
    struct slice text;
    struct sieve_place at;
    struct item *next;
};

static int parse_list(struct parser *p, struct sieve_arg *arg)
{
    struct item *first = NULL, **last = &first;
    arg->kind = SIEVE_ARG_LIST;
    if (next(p))
        return -1;
    do {
        if (arg->n && next(p))
            return -1;
        if (p->token.kind != SIEVE_TOKEN_STRING)
            return expected(p, "a string");
        struct item *it = arena_new(p->arena, struct item, 1);
        if (!it)
            return out_of_memory(p);
        *it = (struct item){p->token.text, p->token.at, NULL};
        *last = it;
        last = &it->next;
        if (++arg->n > p->limits->code)
            return sieve_error_at(p->token.at, p->ret_at, p->e, ERR_LIMIT,
                                  "over %u strings in a list", p->limits->code);
        if (next(p))
            return -1;
    } while (is_punct(p, ','));
    if (take_punct(p, ']', "\",\" or \"]\""))
        return -1;
    arg->items = arena_new(p->arena, struct slice, arg->n);
    arg->items_at = arena_new(p->arena, struct sieve_place, arg->n);
    if (!arg->items || !arg->items_at)
        return out_of_memory(p);
    uint32_t i = 0;
    for (struct item *it = first; it; it = it->next, i++) {
        arg->items[i] = it->text;
        arg->items_at[i] = it->at;
    }
    return 0;
}

/* 1: there was one. */
static int parse_arg(struct parser *p, struct sieve_arg **ret)
{
    if (p->token.kind != SIEVE_TOKEN_TAG && p->token.kind != SIEVE_TOKEN_NUMBER &&
        p->token.kind != SIEVE_TOKEN_STRING && !is_punct(p, '['))
        return 0;
    struct sieve_arg *arg = arena_new(p->arena, struct sieve_arg, 1);
    if (!arg)
        return out_of_memory(p);
    arg->at = p->token.at;
    *ret = arg;
    if (is_punct(p, '['))
        return parse_list(p, arg) ? -1 : 1;
    arg->kind = p->token.kind == SIEVE_TOKEN_TAG      ? SIEVE_ARG_TAG
                : p->token.kind == SIEVE_TOKEN_NUMBER ? SIEVE_ARG_NUMBER
                                                      : SIEVE_ARG_STRING;
    arg->text = p->token.text;
    arg->number = p->token.number;
    return next(p) ? -1 : 1;
}

static int new_node(struct parser *p, const char *what, struct sieve_node **ret)
{
    if (p->token.kind != SIEVE_TOKEN_WORD)
        return expected(p, what);
    if (++p->nodes > p->limits->code)
        return sieve_error_at(p->token.at, p->ret_at, p->e, ERR_LIMIT,
                              "script is over %u commands and tests", p->limits->code);
    struct sieve_node *n = arena_new(p->arena, struct sieve_node, 1);
    if (!n)
        return out_of_memory(p);
    n->name = p->token.text;
    n->at = p->token.at;
    if (next(p))
        return -1;
    struct sieve_arg **last = &n->args;
    int r;
    while ((r = parse_arg(p, last)) > 0)
        last = &(*last)->next;
    n->end = p->token.at;
    *ret = n;
    return r;
}

static int parse_tests(struct parser *p, struct sieve_node *of);

static int parse_test(struct parser *p, struct sieve_node **ret)
{
    if (deeper(p) || new_node(p, "a test", ret) || parse_tests(p, *ret))
        return -1;
    p->depth--;
    return 0;
}

/* [test / test-list] */
static int parse_tests(struct parser *p, struct sieve_node *of)
{
    struct sieve_node **last = &of->tests;
    if (p->token.kind == SIEVE_TOKEN_WORD) {
        of->n_tests = 1;
        return parse_test(p, last);
    }
    if (!is_punct(p, '('))
        return 0;
    do {
        if (next(p) || parse_test(p, last))
            return -1;
        last = &(*last)->next;
        of->n_tests++;
    } while (is_punct(p, ','));
    return take_punct(p, ')', "\",\" or \")\"");
}

static int parse_commands(struct parser *p, bool inner, struct sieve_node **ret)
{
    while (!(inner ? is_punct(p, '}') : p->token.kind == SIEVE_TOKEN_END)) {
        if (new_node(p, inner ? "a command or \"}\"" : "a command", ret) || parse_tests(p, *ret))
            return -1;
        if (is_punct(p, '{')) {
            (*ret)->has_block = true;
            if (deeper(p) || next(p) || parse_commands(p, true, &(*ret)->block) ||
                take_punct(p, '}', "a command or \"}\""))
                return -1;
            p->depth--;
        } else if (take_punct(p, ';',
                              (*ret)->n_tests ? "\"{\" or \";\"" : "an argument, \"{\" or \";\"")) {
            return -1;
        }
        ret = &(*ret)->next;
    }
    return 0;
}

int sieve_parse(struct slice script, const struct sieve_limits *limits, struct arena *a,
                struct sieve_node **ret, struct sieve_place *ret_at, struct err *e)
{
    struct parser p = {.limits = limits, .arena = a, .ret_at = ret_at, .e = e};
    struct sieve_place top = {1, 1};
    if (script.n > limits->script)
        return sieve_error_at(top, ret_at, e, ERR_LIMIT, "script is over %zu bytes",
                              limits->script);
    *ret = NULL;
    sieve_lexer_init(&p.lexer, script, a);
    return next(&p) || parse_commands(&p, false, ret) ? -1 : 0;
}
