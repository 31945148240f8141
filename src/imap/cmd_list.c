/* cmd_list.c - LIST and LSUB: RFC 9051 6.3.9 with RFC 5258 3, RFC 5819 2, RFC 6154 2 and RFC 3348
   3; RFC 3501 6.3.9. The tree and the subscriptions are read whole and walked together in order of
   names; a name that is only subscribed is \NonExistent. */
#include <stdlib.h>

#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/status_write.h"
#include "proto/imap/write.h"

struct name {
    struct slice path;
    const struct collection *c; /* NULL: does not exist */
    bool subscribed;
    bool child_subscribed, child_special; /* somewhere below */
};

struct lister {
    struct request *r;
    const struct imap_list_args *args;
    struct name *names;
    size_t n;
};

int cmd_list_parse(struct request *r, struct imap_parser *p)
{
    r->args = request_new_of(r, struct imap_list_args, 1);
    return r->args ? imap_list_args(p, r->args) : -1;
}

int cmd_lsub_parse(struct request *r, struct imap_parser *p)
{
    r->args = request_new_of(r, struct imap_list_args, 1);
    return r->args ? imap_lsub_args(p, r->args) : -1;
}

static int by_path(const void *a, const void *b)
{
    return collection_path_cmp(((const struct name *)a)->path, ((const struct name *)b)->path);
}

static struct name *find(struct lister *l, struct slice path)
{
    struct name key = {.path = path};
    return bsearch(&key, l->names, l->n, sizeof(key), by_path);
}

/* Every name above this one learns of what is below it. */
static void tell_parents(struct lister *l, const struct name *n, bool subscribed, bool special)
{
    struct slice path = n->path;
    ptrdiff_t cut;
    while ((cut = slice_rfind(path, '/')) > 0) {
        path = slice_sub(path, 0, (size_t)cut);
        struct name *above = find(l, path);
        if (!above)
            continue;
        above->child_subscribed |= subscribed;
        above->child_special |= special;
    }
}

static bool is_special(const struct name *n)
{
    return n->c && role_special_use(n->c->role);
}

/* Names above a subscribed one that exist in neither list: RECURSIVEMATCH and LSUB "%" show them.
 */
static size_t missing_parents(struct slice path)
{
    size_t n = 0;
    for (size_t i = 0; i < path.n; i++)
        n += path.p[i] == '/';
    return n;
}

static int load(struct lister *l, struct txn *t)
{
    struct request *r = l->r;
    struct collection *list;
    struct slice *subs;
    size_t n_list, n_subs, extra = 0;
    if (collection_list(t, &r->arena, &list, &n_list, &r->job.err) ||
        subscription_list(t, &r->arena, &subs, &n_subs, &r->job.err))
        return -1;
    for (size_t i = 0; i < n_subs; i++)
        extra += 1 + missing_parents(subs[i]);
    l->names = request_new_of(r, struct name, n_list + extra);
    if (!l->names)
        return -1;
    for (size_t i = 0; i < n_list; i++)
        if (list[i].kind == COLLECTION_MAILBOX)
            l->names[l->n++] = (struct name){.path = list[i].path, .c = &list[i]};
    qsort(l->names, l->n, sizeof(*l->names), by_path);
    size_t existing = l->n;
    for (size_t i = 0; i < n_subs; i++) {
        struct slice path = subs[i];
        struct name *n = find(&(struct lister){.names = l->names, .n = existing}, path);
        if (n)
            n->subscribed = true;
        else
            l->names[l->n++] = (struct name){.path = path, .subscribed = true};
        for (ptrdiff_t cut; (cut = slice_rfind(path, '/')) > 0;) {
            path = slice_sub(path, 0, (size_t)cut);
            if (!find(&(struct lister){.names = l->names, .n = existing}, path))
                l->names[l->n++] = (struct name){.path = path};
        }
    }
    qsort(l->names, l->n, sizeof(*l->names), by_path);
    size_t kept = 0; /* one row a name */
    for (size_t i = 0; i < l->n; i++) {
        if (kept && slice_eq(l->names[kept - 1].path, l->names[i].path))
            l->names[kept - 1].subscribed |= l->names[i].subscribed;
        else
            l->names[kept++] = l->names[i];
    }
    l->n = kept;
    for (size_t i = 0; i < l->n; i++)
        if (l->names[i].subscribed || is_special(&l->names[i]))
            tell_parents(l, &l->names[i], l->names[i].subscribed, is_special(&l->names[i]));
    return 0;
}

static bool matches(const struct lister *l, struct slice path)
{
    const struct imap_list_args *a = l->args;
    for (size_t i = 0; i < a->n_patterns; i++) {
        struct slice pattern = a->patterns[i];
        if (a->reference.n)
            pattern = arena_printf(&l->r->arena, "%.*s%.*s", SARG(a->reference), SARG(pattern));
        if (pattern.p && imap_list_match(pattern, path))
            return true;
    }
    return false;
}

static void attribute(struct buf *out, const char **space, const char *name)
{
    buf_addf(out, "%s%s", *space, name);
    *space = " ";
}

static void attributes(const struct lister *l, const struct name *n, struct buf *out)
{
    const struct imap_list_args *a = l->args;
    const char *space = "";
    if (!n->c)
        attribute(out, &space, "\\NonExistent");
    else if (!n->c->selectable)
        attribute(out, &space, "\\Noselect");
    if (n->c)
        attribute(out, &space, n->c->has_children ? "\\HasChildren" : "\\HasNoChildren");
    if (n->subscribed &&
        ((a->select & IMAP_LIST_SUBSCRIBED) || (a->returns & IMAP_LIST_RETURN_SUBSCRIBED)))
        attribute(out, &space, "\\Subscribed");
    if (is_special(n))
        attribute(out, &space, role_special_use(n->c->role));
}

/* CHILDINFO (RFC 5258 3.5): only when something below matches what was selected by. */
static void childinfo(const struct lister *l, const struct name *n, struct buf *out)
{
    unsigned select = l->args->select;
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

static bool selected_by(const struct lister *l, const struct name *n)
{
    unsigned select = l->args->select;
    bool recursive = select & IMAP_LIST_RECURSIVEMATCH;
    if (!(select & (IMAP_LIST_SUBSCRIBED | IMAP_LIST_SPECIAL_USE)))
        return n->c;
    bool subscribed = n->subscribed || (recursive && n->child_subscribed);
    bool special = is_special(n) || (recursive && n->child_special);
    if ((select & IMAP_LIST_SUBSCRIBED) && !subscribed)
        return false;
    return !(select & IMAP_LIST_SPECIAL_USE) || special;
}

static void write_name(const struct lister *l, const struct name *n)
{
    struct request *r = l->r;
    buf_adds(&r->out, "* LIST (");
    attributes(l, n, &r->out);
    buf_adds(&r->out, ") \"/\" ");
    imap_write_mailbox(n->path, session_utf8(r->s), &r->out);
    childinfo(l, n, &r->out);
    buf_adds(&r->out, "\r\n");
    if ((l->args->returns & IMAP_LIST_RETURN_STATUS) && n->c && n->c->selectable)
        status_write(r, n->c, l->args->status, &r->out);
}

enum cmd_next cmd_list(struct request *r, struct txn *t)
{
    struct lister l = {.r = r, .args = r->args};
    /* An empty pattern asks for the separator (RFC 9051 6.3.9.5). */
    if (!l.args->extended && l.args->patterns[0].n == 0) {
        buf_adds(&r->out, "* LIST (\\Noselect) \"/\" \"\"\r\n");
        return CMD_DONE;
    }
    if (load(&l, t))
        return CMD_FAIL;
    if (l.args->status & IMAP_STATUS_HIGHESTMODSEQ)
        condstore_enable(r);
    for (size_t i = 0; i < l.n; i++)
        if (selected_by(&l, &l.names[i]) && matches(&l, l.names[i].path))
            write_name(&l, &l.names[i]);
    return CMD_DONE;
}

/* With a pattern that ends in %, a name that is not subscribed but has subscribed ones below it is
   shown as \Noselect (RFC 3501 6.3.9). */
enum cmd_next cmd_lsub(struct request *r, struct txn *t)
{
    struct lister l = {.r = r, .args = r->args};
    if (load(&l, t))
        return CMD_FAIL;
    bool percent = slice_ends(l.args->patterns[0], S("%"));
    for (size_t i = 0; i < l.n; i++) {
        const struct name *n = &l.names[i];
        if ((!n->subscribed && !(percent && n->child_subscribed)) || !matches(&l, n->path))
            continue;
        buf_adds(&r->out, "* LSUB (");
        if (!n->subscribed || (n->c && !n->c->selectable))
            buf_adds(&r->out, "\\Noselect");
        buf_adds(&r->out, ") \"/\" ");
        imap_write_mailbox(n->path, session_utf8(r->s), &r->out);
        buf_adds(&r->out, "\r\n");
    }
    return CMD_DONE;
}
