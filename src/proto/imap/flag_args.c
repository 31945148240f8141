/* flag_args.c - flags and STORE. RFC 9051 6.4.6. */
#include "proto/imap/flag_args.h"

const struct slice imap_system_flags[6] = {
    S_INIT("\\Seen"),    S_INIT("\\Answered"), S_INIT("\\Flagged"),
    S_INIT("\\Deleted"), S_INIT("\\Draft"),    {NULL, 0},
};

enum { KEYWORD_LENGTH_MAX = 250, KEYWORDS_MAX = 1000 };

static int flag(struct imap_parser *p, struct imap_flags *f, struct slice *keywords)
{
    size_t from = p->at;
    struct slice name;
    if (imap_accept(p, '\\')) {
        if (imap_atom(p, &name))
            return -1;
        name = slice_sub(p->text, from, p->at);
        for (size_t i = 0; imap_system_flags[i].p; i++)
            if (slice_eqi(name, imap_system_flags[i])) {
                f->system |= 1ULL << i;
                return 0;
            }
        if (!slice_eqi(name, S("\\Recent")))
            return 0; /* flag-extension: not in PERMANENTFLAGS, so it is passed over (RFC 9051 7.1)
                       */
        p->at = from;
        return imap_fail(p, "\\Recent cannot be set");
    }
    if (imap_atom(p, &name))
        return -1;
    if (name.n > KEYWORD_LENGTH_MAX)
        return err_set(p->e, ERR_LIMIT, "a keyword is over %d bytes long", KEYWORD_LENGTH_MAX);
    if (f->n == KEYWORDS_MAX)
        return err_set(p->e, ERR_LIMIT, "over %d keywords at once", KEYWORDS_MAX);
    keywords[f->n++] = name;
    return 0;
}

static int flags_until(struct imap_parser *p, char end, struct imap_flags *ret)
{
    struct imap_flags f = {0};
    size_t cap = 1;
    for (size_t i = p->at; i < p->text.n && p->text.p[i] != ')'; i++)
        cap += p->text.p[i] == ' ';
    if (cap > KEYWORDS_MAX)
        cap = KEYWORDS_MAX;
    struct slice *keywords = arena_new(p->arena, struct slice, cap);
    if (!keywords)
        return err_set(p->e, ERR_LIMIT, "too many flags");
    f.keywords = keywords;
    if (end && imap_accept(p, end)) {
        *ret = f;
        return 0;
    }
    do
        if (flag(p, &f, keywords))
            return -1;
    while (imap_accept(p, ' '));
    *ret = f;
    return end ? imap_expect(p, end) : 0;
}

int imap_flag_list(struct imap_parser *p, struct imap_flags *ret)
{
    return imap_expect(p, '(') ? -1 : flags_until(p, ')', ret);
}

int imap_flags(struct imap_parser *p, struct imap_flags *ret)
{
    return imap_peek(p) == '(' ? imap_flag_list(p, ret) : flags_until(p, '\0', ret);
}

int imap_store_args(struct imap_parser *p, struct imap_store_args *ret)
{
    struct imap_store_args s = {.op = '='};
    if (imap_accept(p, '(')) {
        if (!imap_accept_word(p, S("UNCHANGEDSINCE")))
            return imap_fail(p, "expected UNCHANGEDSINCE");
        if (imap_space(p) || imap_u63(p, &s.since) || imap_expect(p, ')') || imap_space(p))
            return -1;
        s.has_since = true;
    }
    if (imap_accept(p, '+'))
        s.op = '+';
    else if (imap_accept(p, '-'))
        s.op = '-';
    s.silent = imap_accept_word(p, S("FLAGS.SILENT"));
    if (!s.silent && !imap_accept_word(p, S("FLAGS")))
        return imap_fail(p, "expected FLAGS or FLAGS.SILENT");
    if (imap_space(p) || imap_flags(p, &s.flags))
        return -1;
    *ret = s;
    return 0;
}
