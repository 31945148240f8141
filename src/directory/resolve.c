/* resolve.c - where mail for an address goes. A walk over aliases and lists that visits every
   address once (which cuts loops and doubles), to a depth and a number that settings bound. */
#include <stdlib.h>

#include "base/hash.h"
#include "base/setting.h"
#include "directory/rules.h"

SETTING_DECLARE(directory, list_max);
SETTING_STR(directory, detail_delimiter, "+", NULL,
            "Characters that end the local part and begin a detail (user+detail@); the detail is "
            "ignored when looking for the account. Empty: none.");

bool rules_cut_detail(const struct address_normal *n, struct arena *a, struct slice *ret_base,
                      struct slice *ret_detail)
{
    const char *marks = setting_text(&set_directory_detail_delimiter);
    bool quoted = n->local.n && n->local.p[0] == '"';
    for (size_t i = 1; i < n->local.n && !quoted; i++)
        if (strchr(marks, n->local.p[i])) {
            *ret_base = arena_printf(a, "%.*s@%.*s", (int)i, n->local.p, SARG(n->domain));
            *ret_detail = slice_from(n->as_is, i + 1);
            return ret_base->p;
        }
    return false;
}

struct walk {
    struct arena *a;
    struct delivery_target *targets;
    size_t n, cap, max;
    struct hmap visited;
    bool disabled; /* somebody was, and got nothing */
};

/* true the first time. */
static int visit(struct walk *w, struct slice key, struct err *e)
{
    static char mark;
    if (hmap_get(&w->visited, key))
        return 0;
    if (w->visited.n > 2 * w->max)
        return err_set(e, ERR_LIMIT, "the address stands for over %zu others", w->max);
    hmap_set(&w->visited, key, &mark);
    return 1;
}

static int add_target(struct walk *w, const struct delivery_target *t, struct err *e)
{
    if (w->n >= w->max)
        return err_set(e, ERR_LIMIT, "the address stands for over %zu recipients", w->max);
    if (w->n == w->cap) {
        size_t cap = w->cap ? w->cap * 2 : 8;
        struct delivery_target *more = arena_new(w->a, struct delivery_target, cap);
        if (!more)
            return err_set(e, ERR_BUSY, "directory: out of memory");
        if (w->n)
            memcpy(more, w->targets, w->n * sizeof(*more));
        w->targets = more;
        w->cap = cap;
    }
    w->targets[w->n++] = *t;
    return 0;
}

/* The outermost list on the way. */
struct via {
    struct slice list, owner;
};

static int add_account(struct walk *w, uint64_t id, struct slice detail, const struct via *via,
                       struct err *e)
{
    struct account_info info;
    int r = lookup_account(id, w->a, &info, e);
    if (r <= 0)
        return r;
    if (info.flags & ACCOUNT_DISABLED) {
        w->disabled = true;
        return 0;
    }
    struct slice key = arena_printf(w->a, "=%llu+%.*s", (unsigned long long)id, SARG(detail));
    if (!key.p)
        return err_set(e, ERR_BUSY, "directory: out of memory");
    r = visit(w, key, e);
    if (r <= 0)
        return r;
    return add_target(w,
                      &(struct delivery_target){.account = id,
                                                .address = info.address,
                                                .detail = detail,
                                                .list = via->list,
                                                .owner = via->owner},
                      e);
}

static int follow(struct walk *w, struct slice address, struct slice detail, const struct via *via,
                  int depth, struct err *e);

struct members {
    struct arena *a;
    struct slice *p;
    size_t n, cap, max;
    bool over;
};

static int take_member(struct slice member, void *arg)
{
    struct members *m = arg;
    if (m->n == m->max) {
        m->over = true;
        return 1;
    }
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 16;
        m->p = reallocarray(m->p, m->cap, sizeof(*m->p));
        BUG_IF(!m->p);
    }
    m->p[m->n] = arena_dup(m->a, member);
    return m->p[m->n++].p == NULL;
}

/* RFC 5321 3.9.2: who gets what comes back from the members. owner-LIST, an address of any kind, is
   what other mail systems call it too; a list without it is an alias with several targets (3.9.1).
   1, 0, -1. */
static int find_owner(struct walk *w, struct slice list, struct slice *ret, struct err *e)
{
    struct address_row row;
    if (slice_starts(list, S("\"")))
        return 0;
    *ret = arena_printf(w->a, "owner-%.*s", SARG(list));
    if (!ret->p)
        return err_set(e, ERR_BUSY, "directory: out of memory");
    int r = lookup_address(*ret, w->a, &row, e);
    if (r <= 0)
        *ret = SNONE;
    return r;
}

/* The members are read first and followed then, so that no query stays open on the way down. */
static int follow_list(struct walk *w, struct slice list, struct slice detail,
                       const struct via *via, int depth, struct err *e)
{
    struct via own = {.list = list};
    if (!via->list.p && find_owner(w, list, &own.owner, e) < 0)
        return -1;
    if (lookup_blocked(e))
        return -1;
    struct members m = {.a = w->a, .max = w->max};
    int r = directory_backend()->each_member(list, take_member, &m, e);
    if (r == 0 && m.over)
        r = err_set(e, ERR_LIMIT, "%.*s has over %zu members", SARG(list), w->max);
    if (r == 0)
        r = rules_sure(w->a, e);
    for (size_t i = 0; i < m.n && r == 0; i++)
        r = follow(w, m.p[i], detail, via->list.p ? via : &own, depth + 1, e);
    free(m.p);
    return r;
}

/* An address inside: of ours, which may be nothing any more, or somebody else's. A detail given
   here wins over one from the way. */
static int follow(struct walk *w, struct slice address, struct slice detail, const struct via *via,
                  int depth, struct err *e)
{
    struct address_normal n;
    struct domain_row domain;
    struct address_row row;
    struct slice base = SNONE, own = SNONE;
    if (depth > RULES_DEPTH_MAX)
        return 0;
    if (address_normal(address, w->a, &n, e))
        return -1;
    int r = rules_own_domain(&n, w->a, &domain, e);
    if (r < 0)
        return -1;
    if (r == 0) {
        r = visit(w, n.given, e);
        return r <= 0 ? r
                      : add_target(w,
                                   &(struct delivery_target){
                                       .address = n.given, .list = via->list, .owner = via->owner},
                                   e);
    }
    r = lookup_address(n.whole, w->a, &row, e);
    if (r == 0 && rules_cut_detail(&n, w->a, &base, &own)) {
        r = lookup_address(base, w->a, &row, e);
        if (r > 0) {
            n.whole = base;
            detail = own;
        }
    }
    if (r < 0 || (r == 0 && rules_sure(w->a, e)))
        return -1;
    if (r == 0)
        return domain.catch_all.n ? follow(w, domain.catch_all, detail, via, depth + 1, e) : 0;
    if (row.kind == ROW_ACCOUNT)
        return add_account(w, row.account, detail, via, e);
    struct slice key = arena_printf(w->a, "%.*s+%.*s", SARG(n.whole), SARG(detail));
    if (!key.p)
        return err_set(e, ERR_BUSY, "directory: out of memory");
    r = visit(w, key, e);
    if (r <= 0)
        return r;
    if (row.kind == ROW_ALIAS)
        return follow(w, row.target, detail, via, depth + 1, e);
    return follow_list(w, n.whole, detail, via, depth, e);
}

int directory_resolve(struct slice recipient, struct arena *a, struct delivery_target **ret,
                      size_t *ret_n, struct err *e)
{
    struct address_normal n;
    struct domain_row domain;
    struct err why = {0};
    ptrdiff_t at = slice_rfind(recipient, '@');
    if (at >= 0 && at + 1 < (ptrdiff_t)recipient.n && recipient.p[at + 1] == '[')
        return err_set(e, ERR_UNSUPPORTED, "address literals are not ours");
    if (address_normal(recipient, a, &n, e))
        return -1;
    int r = rules_own_domain(&n, a, &domain, e);
    if (r == 0)
        return err_set(e, ERR_UNSUPPORTED, "%.*s is not a domain of ours", SARG(n.domain));
    if (r < 0)
        return -1;
    struct walk w = {.a = a, .max = (size_t)setting_get(&set_directory_list_max)};
    r = follow(&w, recipient, SNONE, &(struct via){0}, 0, &why);
    hmap_done(&w.visited);
    if (r) {
        if (e)
            *e = why;
        return -1;
    }
    if (!w.n && w.disabled)
        return err_set(e, ERR_NOPERM, "%.*s does not take mail", SARG(n.whole));
    if (!w.n)
        return err_set(e, ERR_NOTFOUND, "%.*s: no such recipient", SARG(n.whole));
    *ret = w.targets;
    *ret_n = w.n;
    return 0;
}

int directory_resolve_known(struct slice recipient, struct arena *a, struct delivery_target **ret,
                            size_t *ret_n)
{
    struct err e = {0};
    lookup_known_only = true;
    int rc = directory_resolve(recipient, a, ret, ret_n, &e);
    lookup_known_only = false;
    return rc;
}
