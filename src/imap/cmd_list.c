/* cmd_list.c - LIST and LSUB: RFC 9051 6.3.9 with RFC 5258 3, RFC 5819 2, RFC 6154 2 and RFC 3348
   3; RFC 3501 6.3.9. What exists is walked in order of paths, then the subscriptions for names that
   do not exist (\NonExistent), both in steps: neither the tree nor the answer is ever held whole.
 */
#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/status_write.h"
#include "proto/imap/write.h"
#include "store/collection_walk.h"

enum { ROLES_MAX = 16 };

struct name {
    struct slice path;
    const struct collection *c; /* NULL: does not exist */
    bool subscribed;
    bool child_subscribed, child_special; /* somewhere below */
};

struct lister {
    struct imap_list_args args;
    struct slice *patterns; /* the reference in front */
    bool begun, lsub;
    bool names_done; /* what exists is written; the subscriptions are next */
    struct collection_walk tree;
    struct subscription_walk subs;
    struct buf before;               /* the subscription before */
    struct slice special[ROLES_MAX]; /* paths, when SPECIAL-USE and RECURSIVEMATCH ask for them */
    size_t n_special;
};

static void list_free(void *state)
{
    struct lister *l = state;
    collection_walk_done(&l->tree);
    subscription_walk_done(&l->subs);
    buf_done(&l->before);
}

static struct lister *lister_new(struct request *r)
{
    struct lister *l = request_new_of(r, struct lister, 1);
    r->args = r->state = l;
    if (l)
        r->state_done = list_free;
    return l;
}

int cmd_list_parse(struct request *r, struct imap_parser *p)
{
    struct lister *l = lister_new(r);
    return l ? imap_list_args(p, &l->args) : -1;
}

int cmd_lsub_parse(struct request *r, struct imap_parser *p)
{
    struct lister *l = lister_new(r);
    if (!l)
        return -1;
    l->lsub = true;
    return imap_lsub_args(p, &l->args);
}

/* --- what is asked for ------------------------------------------------------------------------ */

static bool wants_children_special(const struct lister *l)
{
    return (l->args.select & IMAP_LIST_SPECIAL_USE) && (l->args.select & IMAP_LIST_RECURSIVEMATCH);
}

static bool wants_subscribed(const struct lister *l)
{
    return l->lsub || (l->args.select & IMAP_LIST_SUBSCRIBED) ||
           (l->args.returns & IMAP_LIST_RETURN_SUBSCRIBED);
}

static bool wants_child_subscribed(const struct lister *l)
{
    return l->lsub ||
           ((l->args.select & IMAP_LIST_SUBSCRIBED) && (l->args.select & IMAP_LIST_RECURSIVEMATCH));
}

/* The reference in front of the pattern, with one separator between them (RFC 2683 3.4.9). */
static struct slice canonical(struct request *r, struct slice reference, struct slice pattern)
{
    if (reference.n == 0)
        return pattern;
    bool ends = slice_ends(reference, S("/")), begins = slice_starts(pattern, S("/"));
    return arena_printf(&r->arena, "%.*s%s%.*s", SARG(reference), ends || begins ? "" : "/",
                        SARG(slice_from(pattern, ends && begins)));
}

static int begin(struct request *r, struct txn *t, struct lister *l)
{
    const struct imap_list_args *a = &l->args;
    l->begun = true;
    l->patterns = request_new_of(r, struct slice, a->n_patterns);
    if (!l->patterns)
        return -1;
    for (size_t i = 0; i < a->n_patterns; i++)
        if (a->patterns[i].n) /* else it is passed over: RFC 9051 6.3.9 */
            l->patterns[i] = canonical(r, a->reference, a->patterns[i]);
    for (int role = 0; wants_children_special(l) && role < ROLES_MAX; role++) {
        struct collection c;
        if (role_special_use((enum collection_role)role) &&
            collection_by_role(t, (enum collection_role)role, &r->arena, &c, NULL) == 0)
            l->special[l->n_special++] = c.path;
    }
    if (a->status & IMAP_STATUS_HIGHESTMODSEQ)
        condstore_enable(r);
    return 0;
}

static bool matches(const struct lister *l, struct slice path)
{
    for (size_t i = 0; i < l->args.n_patterns; i++)
        if (l->patterns[i].p && imap_list_match(l->patterns[i], path))
            return true;
    return false;
}

/* --- what is known of a name ------------------------------------------------------------------ */

static bool is_special(const struct name *n)
{
    return n->c && role_special_use(n->c->role);
}

static bool is_below(struct slice path, struct slice above)
{
    return path.n > above.n && slice_starts(path, above) && path.p[above.n] == '/';
}

static int look_up(struct request *r, struct txn *t, const struct lister *l, struct name *n)
{
    int rc = 0;
    if (wants_subscribed(l) && !n->subscribed) {
        if ((rc = subscription_is(t, n->path, &r->job.err)) < 0)
            return -1;
        n->subscribed = rc > 0;
    }
    if (wants_child_subscribed(l)) {
        if ((rc = subscription_below(t, n->path, &r->job.err)) < 0)
            return -1;
        n->child_subscribed = rc > 0;
    }
    for (size_t i = 0; i < l->n_special; i++)
        n->child_special |= is_below(l->special[i], n->path);
    return 0;
}

/* --- LIST ------------------------------------------------------------------------------------- */

static void attribute(struct buf *out, const char **space, const char *name)
{
    buf_addf(out, "%s%s", *space, name);
    *space = " ";
}

static void attributes(const struct lister *l, const struct name *n, struct buf *out)
{
    const struct imap_list_args *a = &l->args;
    const char *space = "";
    if (!n->c)
        attribute(out, &space, "\\NonExistent");
    else if (!n->c->selectable)
        attribute(out, &space, "\\Noselect");
    if (n->c || (a->returns & IMAP_LIST_RETURN_CHILDREN)) /* parents exist where children do */
        attribute(out, &space, n->c && n->c->has_children ? "\\HasChildren" : "\\HasNoChildren");
    if (n->subscribed &&
        ((a->select & IMAP_LIST_SUBSCRIBED) || (a->returns & IMAP_LIST_RETURN_SUBSCRIBED)))
        attribute(out, &space, "\\Subscribed");
    if (is_special(n))
        attribute(out, &space, role_special_use(n->c->role));
}

/* CHILDINFO (RFC 5258 3.5): only when something below matches what was selected by. */
static void childinfo(const struct lister *l, const struct name *n, struct buf *out)
{
    unsigned select = l->args.select;
    bool subscribed = (select & IMAP_LIST_SUBSCRIBED) && n->child_subscribed;
    bool special = (select & IMAP_LIST_SPECIAL_USE) && n->child_special;
    if (!(select & IMAP_LIST_RECURSIVEMATCH) || (!subscribed && !special))
        return;
    buf_adds(out, " (\"CHILDINFO\" (");
    if (subscribed)
        buf_adds(out, "\"SUBSCRIBED\"");
    if (special)
        buf_adds(out, subscribed ? " \"SPECIAL-USE\"" : "\"SPECIAL-USE\"");
    buf_adds(out, "))");
}

/* Does it match the selection options, or (recursive) does something below it? */
static bool selected_by(const struct lister *l, const struct name *n, bool recursive)
{
    unsigned select = l->args.select;
    if (!(select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE)))
        return n->c;
    bool subscribed = n->subscribed || (recursive && n->child_subscribed);
    bool special = is_special(n) || (recursive && n->child_special);
    if ((select & IMAP_LIST_SUBSCRIBED) && !subscribed)
        return false;
    return !(select & IMAP_LIST_SPECIAL_USE) || special;
}

static void write_list(struct request *r, const struct lister *l, const struct name *n)
{
    buf_adds(&r->out, "* LIST (");
    attributes(l, n, &r->out);
    buf_adds(&r->out, ") \"/\" ");
    imap_write_mailbox(n->path, session_utf8(r->s), &r->out);
    childinfo(l, n, &r->out);
    buf_adds(&r->out, "\r\n");
    /* Not of one that is only there for its children: RFC 5819 2, RFC 9051 6.3.9.8. */
    if ((l->args.returns & IMAP_LIST_RETURN_STATUS) && n->c && n->c->selectable &&
        selected_by(l, n, false))
        status_write(r, n->c, l->args.status, &r->out);
}

/* --- LSUB ------------------------------------------------------------------------------------- */

/* With a pattern that ends in %, a name that is not subscribed but has subscribed ones below it is
   shown as \Noselect (RFC 3501 6.3.9). */
static bool in_lsub(const struct lister *l, const struct name *n)
{
    return n->subscribed || (n->child_subscribed && slice_ends(l->patterns[0], S("%")));
}

static void write_lsub(struct request *r, const struct name *n)
{
    buf_adds(&r->out, "* LSUB (");
    if (!n->subscribed || (n->c && !n->c->selectable))
        buf_adds(&r->out, "\\Noselect");
    buf_adds(&r->out, ") \"/\" ");
    imap_write_mailbox(n->path, session_utf8(r->s), &r->out);
    buf_adds(&r->out, "\r\n");
}

/* --- the walk --------------------------------------------------------------------------------- */

static int one(struct request *r, struct txn *t, const struct lister *l, struct name *n)
{
    if (!matches(l, n->path))
        return 0;
    if (look_up(r, t, l, n))
        return -1;
    if (l->lsub) {
        if (in_lsub(l, n))
            write_lsub(r, n);
    } else if (selected_by(l, n, l->args.select & IMAP_LIST_RECURSIVEMATCH)) {
        write_list(r, l, n);
    }
    return 0;
}

/* 1 more to come, 0 done, -1 */
static int names_step(struct request *r, struct txn *t, struct lister *l)
{
    struct collection c;
    int got;
    while ((got = collection_walk_next(&l->tree, t, &c, &r->job.err)) > 0) {
        struct name n = {.path = c.path, .c = &c};
        if (c.kind == COLLECTION_MAILBOX && one(r, t, l, &n))
            return -1;
        if (request_step_full(r))
            return 1;
    }
    l->names_done = got == 0;
    return got;
}

/* A name that does not exist: subscribed, or above a subscribed one. Those above are told with the
   first subscription below them; all of these stand together. */
static int missing(struct request *r, struct txn *t, struct lister *l, struct slice path,
                   bool subscribed)
{
    struct name n = {.path = path, .subscribed = subscribed};
    if (!subscribed &&
        (is_below(buf_slice(&l->before), path) || slice_eq(buf_slice(&l->before), path)))
        return 0;
    int rc = collection_exists(t, path, &r->job.err);
    if (rc == 0 && !subscribed)
        rc = subscription_is(t, path, &r->job.err);
    return rc < 0 ? -1 : rc > 0 ? 0 : one(r, t, l, &n);
}

static int subscriptions_step(struct request *r, struct txn *t, struct lister *l)
{
    int got;
    struct slice path;
    while ((got = subscription_walk_next(&l->subs, t, &path, &r->job.err)) > 0) {
        for (size_t i = 0; i < path.n; i++)
            if (path.p[i] == '/' && missing(r, t, l, slice_sub(path, 0, i), false))
                return -1;
        if (missing(r, t, l, path, true))
            return -1;
        buf_reset(&l->before);
        buf_add(&l->before, path);
        if (request_step_full(r))
            return 1;
    }
    return got;
}

static enum cmd_next walk(struct request *r, struct txn *t, struct lister *l)
{
    int more = 0;
    if (!l->begun && begin(r, t, l))
        return CMD_FAIL;
    if (!l->names_done)
        more = names_step(r, t, l);
    if (more == 0 && (l->lsub || (l->args.select & IMAP_LIST_SUBSCRIBED)))
        more = subscriptions_step(r, t, l);
    return more < 0 ? CMD_FAIL : more ? CMD_AGAIN : CMD_DONE;
}

enum cmd_next cmd_list(struct request *r, struct txn *t)
{
    struct lister *l = r->args;
    /* An empty pattern asks for the separator (RFC 9051 6.3.9.5). */
    if (!l->args.extended && l->args.patterns[0].n == 0) {
        buf_adds(&r->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
        return CMD_DONE;
    }
    return walk(r, t, l);
}

enum cmd_next cmd_lsub(struct request *r, struct txn *t)
{
    return walk(r, t, r->args);
}
