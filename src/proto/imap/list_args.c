/* list_args.c - the arguments of LIST and STATUS, and pattern matching. */
#include "proto/imap/list_args.h"

const struct slice imap_status_names[12] = {
    S_INIT("MESSAGES"),    S_INIT("RECENT"),          S_INIT("UIDNEXT"),
    S_INIT("UIDVALIDITY"), S_INIT("UNSEEN"),          S_INIT("DELETED"),
    S_INIT("SIZE"),        S_INIT("HIGHESTMODSEQ"),   S_INIT("MAILBOXID"),
    S_INIT("APPENDLIMIT"), S_INIT("DELETED-STORAGE"), {NULL, 0},
};

struct option {
    struct slice name;
    unsigned bit;
};

static const struct option select_options[] = {
    {S_INIT("SUBSCRIBED"), IMAP_LIST_SUBSCRIBED},
    {S_INIT("REMOTE"), IMAP_LIST_REMOTE},
    {S_INIT("RECURSIVEMATCH"), IMAP_LIST_RECURSIVEMATCH},
    {S_INIT("SPECIAL-USE"), IMAP_LIST_SPECIAL_USE},
    {{NULL, 0}, 0},
};

static const struct option return_options[] = {
    {S_INIT("SUBSCRIBED"), IMAP_LIST_RETURN_SUBSCRIBED},
    {S_INIT("CHILDREN"), IMAP_LIST_RETURN_CHILDREN},
    {S_INIT("SPECIAL-USE"), IMAP_LIST_RETURN_SPECIAL_USE},
    {S_INIT("STATUS"), IMAP_LIST_RETURN_STATUS},
    {{NULL, 0}, 0},
};

int imap_status_items(struct imap_parser *p, unsigned *ret)
{
    unsigned items = 0;
    if (imap_expect(p, '('))
        return -1;
    do {
        size_t i = 0;
        while (imap_status_names[i].p && !imap_accept_word(p, imap_status_names[i]))
            i++;
        if (!imap_status_names[i].p)
            return imap_fail(p, "unknown STATUS item");
        items |= 1U << i;
    } while (imap_accept(p, ' '));
    *ret = items;
    return imap_expect(p, ')');
}

/* "(" [option *(SP option)] ")" */
static int options(struct imap_parser *p, const struct option *table, unsigned *bits,
                   unsigned *status)
{
    if (imap_expect(p, '('))
        return -1;
    if (imap_accept(p, ')'))
        return 0;
    do {
        const struct option *o = table;
        while (o->name.p && !imap_accept_word(p, o->name))
            o++;
        if (!o->name.p)
            return imap_fail(p, "unknown LIST option");
        *bits |= o->bit;
        if (table == return_options && o->bit == IMAP_LIST_RETURN_STATUS &&
            (imap_space(p) || imap_status_items(p, status)))
            return -1;
    } while (imap_accept(p, ' '));
    return imap_expect(p, ')');
}

static int patterns(struct imap_parser *p, struct imap_list_args *l)
{
    struct slice *list = arena_new(p->arena, struct slice, IMAP_LIST_PATTERNS_MAX);
    if (!list)
        return err_set(p->e, ERR_LIMIT, "LIST needs too much memory");
    l->patterns = list;
    if (!imap_accept(p, '(')) {
        l->n_patterns = 1;
        return imap_list_mailbox(p, &list[0]);
    }
    l->extended = true;
    do {
        if (l->n_patterns == IMAP_LIST_PATTERNS_MAX)
            return err_set(p->e, ERR_LIMIT, "over %d patterns", IMAP_LIST_PATTERNS_MAX);
        if (imap_list_mailbox(p, &list[l->n_patterns++]))
            return -1;
    } while (imap_accept(p, ' '));
    return imap_expect(p, ')');
}

int imap_list_args(struct imap_parser *p, struct imap_list_args *ret)
{
    struct imap_list_args l = {0};
    if (imap_space(p))
        return -1;
    if (imap_peek(p) == '(') {
        size_t from = p->at;
        l.extended = true;
        if (options(p, select_options, &l.select, NULL) || imap_space(p))
            return -1;
        /* RFC 5258 3: RECURSIVEMATCH alone (or with REMOTE only) is an error. */
        if ((l.select & IMAP_LIST_RECURSIVEMATCH) &&
            !(l.select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE))) {
            p->at = from;
            return imap_fail(p, "RECURSIVEMATCH needs another selection option");
        }
    }
    if (imap_mailbox(p, &l.reference) || imap_space(p) || patterns(p, &l))
        return -1;
    if (imap_accept_space_word(p, S("RETURN"))) {
        l.extended = true;
        if (imap_space(p) || options(p, return_options, &l.returns, &l.status))
            return -1;
    }
    *ret = l;
    return 0;
}

int imap_lsub_args(struct imap_parser *p, struct imap_list_args *ret)
{
    struct imap_list_args l = {0};
    struct slice *pattern = arena_new(p->arena, struct slice, 1);
    if (!pattern)
        return err_set(p->e, ERR_LIMIT, "LSUB needs too much memory");
    if (imap_space(p) || imap_mailbox(p, &l.reference) || imap_space(p) ||
        imap_list_mailbox(p, pattern))
        return -1;
    l.patterns = pattern;
    l.n_patterns = 1;
    *ret = l;
    return 0;
}

/* at[i]: the path so far matches the first i bytes of the pattern. One pass over the path, so that
   no pattern makes it try again. */
static bool match(struct slice pattern, struct slice path)
{
    bool at[IMAP_LIST_PATTERN_BYTES + 1];
    if (pattern.n > IMAP_LIST_PATTERN_BYTES)
        return false;
    at[0] = true;
    for (size_t i = 0; i < pattern.n; i++)
        at[i + 1] = at[i] && (pattern.p[i] == '*' || pattern.p[i] == '%');
    for (size_t j = 0; j < path.n; j++) {
        bool before = at[0]; /* at[i] as it was before this byte */
        at[0] = false;
        for (size_t i = 0; i < pattern.n; i++) {
            char c = pattern.p[i];
            bool old = at[i + 1];
            if (c == '*' || (c == '%' && path.p[j] != '/'))
                at[i + 1] = at[i] || old;
            else
                at[i + 1] = c == '%' ? at[i] : before && c == path.p[j];
            before = old;
        }
    }
    return at[pattern.n];
}

bool imap_list_match(struct slice pattern, struct slice path)
{
    /* INBOX is one name in every case (RFC 9051 5.1); the store writes it in capitals. */
    struct slice inbox = S("INBOX");
    if (slice_eq(slice_sub(path, 0, 5), inbox) && (path.n == 5 || path.p[5] == '/') &&
        slice_startsi(pattern, inbox) &&
        (pattern.n == 5 || !imap_is_atom_char(pattern.p[5]) || pattern.p[5] == '/'))
        return match(slice_from(pattern, 5), slice_from(path, 5));
    return match(pattern, path);
}
