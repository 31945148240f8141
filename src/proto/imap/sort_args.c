/* sort_args.c - the arguments of SORT and THREAD. */
#include "proto/imap/sort_args.h"

static const struct slice keys[IMAP_SORT_KEYS] = {
    [IMAP_SORT_ARRIVAL] = S_INIT("ARRIVAL"),
    [IMAP_SORT_CC] = S_INIT("CC"),
    [IMAP_SORT_DATE] = S_INIT("DATE"),
    [IMAP_SORT_DISPLAYFROM] = S_INIT("DISPLAYFROM"),
    [IMAP_SORT_DISPLAYTO] = S_INIT("DISPLAYTO"),
    [IMAP_SORT_FROM] = S_INIT("FROM"),
    [IMAP_SORT_SIZE] = S_INIT("SIZE"),
    [IMAP_SORT_SUBJECT] = S_INIT("SUBJECT"),
    [IMAP_SORT_TO] = S_INIT("TO"),
};

static int criterion(struct imap_parser *p, struct imap_sort_args *s)
{
    bool reverse = imap_accept_word(p, S("REVERSE"));
    if (reverse && imap_space(p))
        return -1;
    size_t key = 0, at = 0;
    while (key < IMAP_SORT_KEYS && !imap_accept_word(p, keys[key]))
        key++;
    if (key == IMAP_SORT_KEYS)
        return imap_fail(p, "expected a sort criterion");
    while (at < s->n && s->by[at].key != (enum imap_sort_key)key)
        at++;
    if (at == s->n)
        s->by[s->n++] = (struct imap_sort_by){(enum imap_sort_key)key, reverse};
    return 0;
}

/* search-criteria = charset 1*(SP search-key) */
static int program(struct imap_parser *p, struct imap_search_args *s)
{
    if (imap_space(p) || imap_astring(p, &s->charset))
        return -1;
    return imap_search_keys(p, s);
}

int imap_sort_args(struct imap_parser *p, struct imap_sort_args *ret)
{
    struct imap_sort_args s = {0};
    if (imap_accept_space_word(p, S("RETURN")) && imap_search_returns(p, &s.search))
        return -1;
    if (imap_space(p) || imap_expect(p, '('))
        return -1;
    do
        if (criterion(p, &s))
            return -1;
    while (imap_accept(p, ' '));
    if (imap_expect(p, ')') || program(p, &s.search))
        return -1;
    *ret = s;
    return 0;
}

int imap_thread_args(struct imap_parser *p, struct imap_thread_args *ret)
{
    static const struct slice ways[] = {
        [IMAP_THREAD_ORDEREDSUBJECT] = S_INIT("ORDEREDSUBJECT"),
        [IMAP_THREAD_REFERENCES] = S_INIT("REFERENCES"),
        [IMAP_THREAD_REFS] = S_INIT("REFS"),
    };
    struct imap_thread_args t = {0};
    size_t i = 0, n = sizeof(ways) / sizeof(ways[0]);
    if (imap_space(p))
        return -1;
    while (i < n && !imap_accept_word(p, ways[i]))
        i++;
    if (i == n)
        return imap_fail(p, "unknown threading algorithm");
    t.way = (enum imap_thread_way)i;
    if (program(p, &t.search))
        return -1;
    *ret = t;
    return 0;
}
