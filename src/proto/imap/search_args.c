/* search_args.c - reads the search program by a table of keys. It descends once per NOT, OR and
   parenthesis, at most IMAP_SEARCH_DEPTH_MAX levels. */
#include "proto/imap/search_args.h"

#include "proto/imap/flag_args.h"

enum arg {
    ARG_NONE,
    ARG_TEXT,
    ARG_DATE,
    ARG_SIZE,
    ARG_SET,
    ARG_HEADER,
    ARG_MODSEQ,
    ARG_SECONDS,
    ARG_KEYWORD,
    ARG_ID,
    ARG_ONE_KEY,
    ARG_TWO_KEYS,
    ARG_NEW
};

static const struct key_word {
    struct slice name;
    enum imap_search_op op;
    enum arg arg;
    uint64_t bit;
    bool want;
} key_words[] = {
    {S_INIT("ALL"), SEARCH_ALL, ARG_NONE, 0, true},
    {S_INIT("ANSWERED"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_ANSWERED, true},
    {S_INIT("BCC"), SEARCH_BCC, ARG_TEXT, 0, true},
    {S_INIT("BEFORE"), SEARCH_BEFORE, ARG_DATE, 0, true},
    {S_INIT("BODY"), SEARCH_BODY, ARG_TEXT, 0, true},
    {S_INIT("CC"), SEARCH_CC, ARG_TEXT, 0, true},
    {S_INIT("DELETED"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_DELETED, true},
    {S_INIT("DRAFT"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_DRAFT, true},
    {S_INIT("EMAILID"), SEARCH_EMAILID, ARG_ID, 0, true},
    {S_INIT("FLAGGED"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_FLAGGED, true},
    {S_INIT("FROM"), SEARCH_FROM, ARG_TEXT, 0, true},
    {S_INIT("HEADER"), SEARCH_HEADER, ARG_HEADER, 0, true},
    {S_INIT("KEYWORD"), SEARCH_KEYWORD, ARG_KEYWORD, 0, true},
    {S_INIT("LARGER"), SEARCH_LARGER, ARG_SIZE, 0, true},
    {S_INIT("MODSEQ"), SEARCH_MODSEQ, ARG_MODSEQ, 0, true},
    {S_INIT("NEW"), SEARCH_AND, ARG_NEW, 0, true},
    {S_INIT("NOT"), SEARCH_NOT, ARG_ONE_KEY, 0, true},
    {S_INIT("OLD"), SEARCH_RECENT, ARG_NONE, 0, false},
    {S_INIT("OLDER"), SEARCH_OLDER, ARG_SECONDS, 0, true},
    {S_INIT("ON"), SEARCH_ON, ARG_DATE, 0, true},
    {S_INIT("OR"), SEARCH_OR, ARG_TWO_KEYS, 0, true},
    {S_INIT("RECENT"), SEARCH_RECENT, ARG_NONE, 0, true},
    {S_INIT("SAVEDATESUPPORTED"), SEARCH_ALL, ARG_NONE, 0, true},
    {S_INIT("SAVEDBEFORE"), SEARCH_SAVEDBEFORE, ARG_DATE, 0, true},
    {S_INIT("SAVEDON"), SEARCH_SAVEDON, ARG_DATE, 0, true},
    {S_INIT("SAVEDSINCE"), SEARCH_SAVEDSINCE, ARG_DATE, 0, true},
    {S_INIT("SEEN"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_SEEN, true},
    {S_INIT("SENTBEFORE"), SEARCH_SENTBEFORE, ARG_DATE, 0, true},
    {S_INIT("SENTON"), SEARCH_SENTON, ARG_DATE, 0, true},
    {S_INIT("SENTSINCE"), SEARCH_SENTSINCE, ARG_DATE, 0, true},
    {S_INIT("SINCE"), SEARCH_SINCE, ARG_DATE, 0, true},
    {S_INIT("SMALLER"), SEARCH_SMALLER, ARG_SIZE, 0, true},
    {S_INIT("SUBJECT"), SEARCH_SUBJECT, ARG_TEXT, 0, true},
    {S_INIT("TEXT"), SEARCH_TEXT, ARG_TEXT, 0, true},
    {S_INIT("THREADID"), SEARCH_THREADID, ARG_ID, 0, true},
    {S_INIT("TO"), SEARCH_TO, ARG_TEXT, 0, true},
    {S_INIT("UID"), SEARCH_UID, ARG_SET, 0, true},
    {S_INIT("UNANSWERED"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_ANSWERED, false},
    {S_INIT("UNDELETED"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_DELETED, false},
    {S_INIT("UNDRAFT"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_DRAFT, false},
    {S_INIT("UNFLAGGED"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_FLAGGED, false},
    {S_INIT("UNKEYWORD"), SEARCH_KEYWORD, ARG_KEYWORD, 0, false},
    {S_INIT("UNSEEN"), SEARCH_FLAG, ARG_NONE, IMAP_FLAG_SEEN, false},
    {S_INIT("YOUNGER"), SEARCH_YOUNGER, ARG_SECONDS, 0, true},
};

struct reader {
    struct imap_parser *p;
    unsigned depth, keys;
    bool uses_modseq, uses_numbers;
};

static int key_read(struct reader *r, struct imap_search_key **ret);

static struct imap_search_key *key_new(struct reader *r, enum imap_search_op op)
{
    struct imap_search_key *k = NULL;
    if (r->keys++ < IMAP_SEARCH_KEYS_MAX)
        k = arena_new(r->p->arena, struct imap_search_key, 1);
    if (!k) {
        err_set(r->p->e, ERR_LIMIT, "the search has too many keys");
        return NULL;
    }
    k->op = op;
    k->want = true;
    return k;
}

/* NEW is RECENT UNSEEN (RFC 3501 6.4.4). */
static int key_new_and(struct reader *r, struct imap_search_key *k)
{
    k->sub = key_new(r, SEARCH_RECENT);
    if (!k->sub)
        return -1;
    k->sub->next = key_new(r, SEARCH_FLAG);
    if (!k->sub->next)
        return -1;
    k->sub->next->bit = IMAP_FLAG_SEEN;
    k->sub->next->want = false;
    return 0;
}

/* RFC 7162 3.1.5: SP [entry-name SP entry-type SP] mod-sequence-valzer. */
static int key_modseq(struct reader *r, struct imap_search_key *k)
{
    struct imap_parser *p = r->p;
    r->uses_modseq = true;
    if (imap_peek(p) == '"') {
        struct slice name;
        if (imap_take_string(p, &name))
            return -1;
        if (!slice_startsi(name, S("/flags/")))
            return imap_fail(p, "expected \"/flags/...\"");
        if (imap_space(p))
            return -1;
        if (!imap_accept_word(p, S("all")) && !imap_accept_word(p, S("priv")) &&
            !imap_accept_word(p, S("shared")))
            return imap_fail(p, "expected all, priv or shared");
        if (imap_space(p))
            return -1;
    }
    return imap_u63(p, &k->number);
}

static int key_children(struct reader *r, struct imap_search_key *k, unsigned n)
{
    struct imap_search_key **at = &k->sub;
    for (unsigned i = 0; i < n; i++) {
        if (i && imap_space(r->p))
            return -1;
        if (key_read(r, at))
            return -1;
        at = &(*at)->next;
    }
    return 0;
}

static int key_args(struct reader *r, const struct key_word *w, struct imap_search_key *k)
{
    struct imap_parser *p = r->p;
    uint32_t v;
    if (w->arg == ARG_NONE)
        return 0;
    if (w->arg == ARG_NEW)
        return key_new_and(r, k);
    if (imap_space(p))
        return -1;
    switch (w->arg) {
    case ARG_TEXT:
        return imap_astring(p, &k->text);
    case ARG_HEADER:
        if (imap_astring(p, &k->name) || imap_space(p))
            return -1;
        return imap_astring(p, &k->text);
    case ARG_DATE:
        return imap_date(p, &k->day);
    case ARG_SIZE:
        return imap_u63(p, &k->number);
    case ARG_SECONDS:
        if (imap_nz_u32(p, &v))
            return -1;
        k->number = v;
        return 0;
    case ARG_SET:
        return imap_set(p, &k->set);
    case ARG_MODSEQ:
        return key_modseq(r, k);
    case ARG_KEYWORD:
        return imap_atom(p, &k->text);
    case ARG_ID:
        return imap_atom(p, &k->text);
    default:
        return key_children(r, k, w->arg == ARG_ONE_KEY ? 1 : 2);
    }
}

static int key_list(struct reader *r, struct imap_search_key *k)
{
    struct imap_search_key **at = &k->sub;
    do {
        if (key_read(r, at))
            return -1;
        at = &(*at)->next;
    } while (imap_accept(r->p, ' '));
    return 0;
}

static int key_any(struct reader *r, struct imap_search_key **ret)
{
    struct imap_parser *p = r->p;
    char c = imap_peek(p);
    struct imap_search_key *k;
    if (c == '(') {
        p->at++;
        k = *ret = key_new(r, SEARCH_AND);
        return !k || key_list(r, k) ? -1 : imap_expect(p, ')');
    }
    if (ascii_digit(c) || c == '*' || c == '$') {
        k = *ret = key_new(r, SEARCH_SEQ);
        r->uses_numbers |= c != '$';
        return k ? imap_set(p, &k->set) : -1;
    }
    for (size_t i = 0; i < sizeof(key_words) / sizeof(key_words[0]); i++) {
        const struct key_word *w = &key_words[i];
        if (!imap_accept_word(p, w->name))
            continue;
        k = *ret = key_new(r, w->op);
        if (!k)
            return -1;
        k->bit = w->bit;
        k->want = w->want;
        return key_args(r, w, k);
    }
    return imap_fail(p, "expected a search key");
}

static int key_read(struct reader *r, struct imap_search_key **ret)
{
    if (r->depth == IMAP_SEARCH_DEPTH_MAX)
        return err_set(r->p->e, ERR_LIMIT, "the search nests over %d levels deep",
                       IMAP_SEARCH_DEPTH_MAX);
    r->depth++;
    int rc = key_any(r, ret);
    r->depth--;
    return rc;
}

/* search-return-opts: RFC 9051 6.4.4, RFC 4731 3.1, RFC 5182 2.1, RFC 9394 3.1. */
int imap_search_returns(struct imap_parser *p, struct imap_search_args *s)
{
    static const struct {
        struct slice name;
        unsigned bit;
    } options[] = {
        {S_INIT("MIN"), SEARCH_RETURN_MIN},   {S_INIT("MAX"), SEARCH_RETURN_MAX},
        {S_INIT("ALL"), SEARCH_RETURN_ALL},   {S_INIT("COUNT"), SEARCH_RETURN_COUNT},
        {S_INIT("SAVE"), SEARCH_RETURN_SAVE}, {S_INIT("PARTIAL"), SEARCH_RETURN_PARTIAL},
    };
    s->has_return = true;
    if (imap_space(p) || imap_expect(p, '('))
        return -1;
    if (imap_accept(p, ')')) {
        s->returns = SEARCH_RETURN_ALL;
        return 0;
    }
    do {
        size_t i = 0, n = sizeof(options) / sizeof(options[0]);
        while (i < n && !imap_accept_word(p, options[i].name))
            i++;
        if (i == n)
            return imap_fail(p, "unknown search return option");
        if (options[i].bit == SEARCH_RETURN_PARTIAL) {
            if (s->partial.given)
                return imap_fail(p, "a second PARTIAL");
            if (imap_space(p) || imap_partial(p, &s->partial))
                return -1;
        }
        s->returns |= options[i].bit;
    } while (imap_accept(p, ' '));
    if ((s->returns & SEARCH_RETURN_ALL) && s->partial.given)
        return imap_fail(p, "PARTIAL and ALL exclude each other");
    return imap_expect(p, ')');
}

int imap_search_keys(struct imap_parser *p, struct imap_search_args *s)
{
    struct reader r = {.p = p};
    if (imap_space(p))
        return -1;
    s->key = key_new(&r, SEARCH_AND);
    if (!s->key || key_list(&r, s->key))
        return -1;
    s->uses_modseq = r.uses_modseq;
    s->uses_numbers = r.uses_numbers;
    return 0;
}

int imap_search_args(struct imap_parser *p, struct imap_search_args *ret)
{
    struct imap_search_args s = {0};
    if (imap_accept_space_word(p, S("RETURN")) && imap_search_returns(p, &s))
        return -1;
    if (imap_accept_space_word(p, S("CHARSET")) && (imap_space(p) || imap_astring(p, &s.charset)))
        return -1;
    if (imap_search_keys(p, &s))
        return -1;
    *ret = s;
    return 0;
}
