/* thread_tree.c - ORDEREDSUBJECT and REFERENCES of RFC 5256 3, and REFS: REFERENCES without its
   fifth step, by INTERNALDATE, the threads in order of their newest message
   (draft-ietf-morg-inthread). The numbers in brackets are the steps of the RFC. */
#include "imap/thread_tree.h"

#include <stdlib.h>

struct thread_node {
    uint32_t uid; /* 0: a dummy */
    uint32_t parent, child, next;
    uint32_t subject, children;
    bool reply, dropped;
    int64_t date;
    uint32_t tie; /* uid by which equal dates are ordered */
};

enum { WALK_MAX = 1 << 27 }; /* steps along references, of all messages together: half a second */

static struct thread_node *node(const struct thread_tree *t, uint32_t i)
{
    return (struct thread_node *)(void *)t->nodes.p + i;
}

static uint32_t count(const struct thread_tree *t)
{
    return (uint32_t)(t->nodes.n / sizeof(struct thread_node));
}

static int full(struct err *e)
{
    return err_set(e, ERR_LIMIT, "There are too many messages to thread at once");
}

/* 0: there is no room */
static uint32_t node_new(struct thread_tree *t, struct err *e)
{
    static const struct thread_node empty;
    size_t used =
        t->arena.used + t->nodes.n + (t->ids.cap + t->subjects.cap) * sizeof(struct hmap_slot);
    t->nodes.max = t->limit;
    if (t->nodes.n == 0)
        buf_add(&t->nodes, slice_of(&empty, sizeof(empty)));
    uint32_t i = count(t);
    if (used > t->limit || buf_add(&t->nodes, slice_of(&empty, sizeof(empty)))) {
        full(e);
        return 0;
    }
    return i;
}

static void *number_in(uint32_t i)
{
    return (void *)(uintptr_t)i; /* a map's value that is no pointer */
}

/* The message with that id, or a dummy for it. */
static uint32_t node_of(struct thread_tree *t, struct slice id, struct err *e)
{
    uint32_t i = (uint32_t)(uintptr_t)hmap_get(&t->ids, id);
    if (i)
        return i;
    struct slice kept = arena_dup(&t->arena, id);
    i = kept.p ? node_new(t, e) : 0;
    if (i)
        hmap_set(&t->ids, kept, number_in(i));
    else
        full(e);
    return i;
}

static int subject_of(struct thread_tree *t, struct slice subject, uint32_t *ret, struct err *e)
{
    *ret = 0;
    if (!subject.n)
        return 0;
    *ret = (uint32_t)(uintptr_t)hmap_get(&t->subjects, subject);
    if (*ret)
        return 0;
    struct slice kept = arena_dup(&t->arena, subject);
    if (!kept.p)
        return full(e);
    *ret = ++t->n_subjects;
    hmap_set(&t->subjects, kept, number_in(*ret));
    return 0;
}

/* Would `parent` above `child` make a loop? 1, 0, -1 */
static int loops(struct thread_tree *t, uint32_t parent, uint32_t child, struct err *e)
{
    for (uint32_t i = parent; i; i = node(t, i)->parent) {
        if (i == child)
            return 1;
        if (++t->walked > WALK_MAX)
            return err_set(e, ERR_LIMIT, "The references lead through too many messages");
    }
    return 0;
}

/* (1) */
static int link_refs(struct thread_tree *t, uint32_t self, const struct msgid_list *refs,
                     struct err *e)
{
    uint32_t before = 0;
    for (size_t i = 0; i < refs->n; i++) {
        uint32_t at = node_of(t, refs->items[i], e);
        if (!at)
            return -1;
        if (before && !node(t, at)->parent) {
            int loop = loops(t, before, at, e);
            if (loop < 0)
                return -1;
            if (!loop)
                node(t, at)->parent = before;
        }
        before = at;
    }
    node(t, self)->parent = 0;
    int loop = before ? loops(t, before, self, e) : 0;
    if (loop == 0)
        node(t, self)->parent = before;
    return loop < 0 ? -1 : 0;
}

int thread_add(struct thread_tree *t, const struct thread_message *m, struct err *e)
{
    uint32_t self = 0, subject;
    t->arena.limit = t->limit;
    if (m->id.n && t->way != IMAP_THREAD_ORDEREDSUBJECT) {
        self = node_of(t, m->id, e);
        if (!self)
            return -1;
        if (node(t, self)->uid) /* the id is taken: this one has none */
            self = 0;
    }
    if (!self && !(self = node_new(t, e)))
        return -1;
    if (subject_of(t, m->subject, &subject, e))
        return -1;
    struct thread_node *n = node(t, self);
    n->uid = n->tie = m->uid;
    n->date = m->date;
    n->subject = subject;
    n->reply = m->reply;
    return t->way == IMAP_THREAD_ORDEREDSUBJECT ? 0 : link_refs(t, self, &m->refs, e);
}

/* --- the shape ------------------------------------------------------------------------------- */

static int by_date(const void *x, const void *y, void *arg)
{
    const struct thread_node *all = arg, *a = &all[*(const uint32_t *)x],
                             *b = &all[*(const uint32_t *)y];
    if (a->date != b->date)
        return a->date < b->date ? -1 : 1;
    return a->tie < b->tie ? -1 : a->tie > b->tie;
}

static int by_subject(const void *x, const void *y, void *arg)
{
    const struct thread_node *all = arg;
    uint32_t a = all[*(const uint32_t *)x].subject, b = all[*(const uint32_t *)y].subject;
    return a != b ? (a < b ? -1 : 1) : by_date(x, y, arg);
}

/* A dummy stands where its first child would. */
static void date_dummies(struct thread_tree *t)
{
    uint32_t n = count(t);
    for (uint32_t i = 1; i < n; i++)
        if (!node(t, i)->uid)
            node(t, i)->tie = 0;
    for (uint32_t i = 1; i < n; i++) {
        const struct thread_node *c = node(t, i);
        struct thread_node *p = node(t, c->parent);
        if (!c->uid || !c->parent || p->uid)
            continue;
        if (!p->tie || c->date < p->date || (c->date == p->date && c->tie < p->tie)) {
            p->date = c->date;
            p->tie = c->tie;
        }
    }
}

/* The lists of children, in order. (2), (4), (6) */
static int link_children(struct thread_tree *t, struct err *e)
{
    uint32_t n = count(t), kept = 0;
    uint32_t *order = malloc((size_t)n * sizeof(*order) + 1);
    if (!order)
        return full(e);
    for (uint32_t i = 1; i < n; i++) {
        node(t, i)->child = node(t, i)->next = 0;
        if (!node(t, i)->dropped)
            order[kept++] = i;
    }
    qsort_r(order, kept, sizeof(*order), by_date, t->nodes.p);
    t->first = 0;
    while (kept--) {
        struct thread_node *c = node(t, order[kept]);
        uint32_t *list = c->parent ? &node(t, c->parent)->child : &t->first;
        c->next = *list;
        *list = order[kept];
    }
    free(order);
    return 0;
}

/* (3): dummies go, and their children come up; at the top one stays that has several. */
static void prune(struct thread_tree *t)
{
    uint32_t n = count(t);
    for (uint32_t i = 1; i < n; i++) {
        uint32_t top = node(t, i)->parent;
        while (top && !node(t, top)->uid && node(t, top)->parent)
            top = node(t, top)->parent;
        /* All dummies on the way know it now, so that each is passed once. */
        for (uint32_t at = node(t, i)->parent, up; at != top; at = up) {
            up = node(t, at)->parent;
            node(t, at)->parent = top;
        }
        if (!node(t, i)->uid)
            continue;
        node(t, i)->parent = top;
        if (top && !node(t, top)->uid)
            node(t, top)->children++;
    }
    for (uint32_t i = 1; i < n; i++) {
        struct thread_node *c = node(t, i), *p = node(t, c->parent);
        if (!c->uid)
            c->dropped = c->children < 2;
        else if (c->parent && !p->uid && p->children < 2)
            c->parent = 0;
    }
}

/* (5.B.i) */
static uint32_t thread_subject(const struct thread_tree *t, uint32_t i)
{
    const struct thread_node *n = node(t, i);
    return n->uid ? n->subject : node(t, n->child)->subject;
}

/* (5.B) */
static void fill_table(const struct thread_tree *t, uint32_t *table)
{
    for (uint32_t i = t->first; i; i = node(t, i)->next) {
        uint32_t subject = thread_subject(t, i);
        if (!subject)
            continue;
        const struct thread_node *c = node(t, i), *old = node(t, table[subject]);
        if (!table[subject] || (old->uid && (!c->uid || (old->reply && !c->reply))))
            table[subject] = i;
    }
}

/* (5.C) for one that is not in the table itself */
static int merge(struct thread_tree *t, uint32_t i, uint32_t *table, struct err *e)
{
    struct thread_node *c = node(t, i), *old = node(t, *table);
    if (!old->uid && !c->uid) {
        for (uint32_t k = c->child; k; k = node(t, k)->next)
            node(t, k)->parent = *table;
        c->dropped = true;
    } else if (!old->uid || (c->reply && !old->reply)) {
        c->parent = *table;
    } else {
        uint32_t dummy = node_new(t, e);
        if (!dummy)
            return -1;
        node(t, i)->parent = node(t, *table)->parent = dummy;
        *table = dummy;
    }
    return 0;
}

static int merge_subjects(struct thread_tree *t, struct err *e)
{
    uint32_t *table = calloc((size_t)t->n_subjects + 1, sizeof(*table));
    int rc = 0;
    if (!table)
        return full(e);
    fill_table(t, table);
    for (uint32_t i = t->first, next; i && rc == 0; i = next) {
        next = node(t, i)->next;
        uint32_t subject = thread_subject(t, i);
        if (subject && table[subject] != i)
            rc = merge(t, i, &table[subject], e);
    }
    free(table);
    return rc;
}

/* A thread stands where its newest message would. */
static void date_threads(struct thread_tree *t)
{
    for (uint32_t root = t->first; root; root = node(t, root)->next) {
        int64_t newest = node(t, root)->date;
        uint32_t tie = node(t, root)->tie;
        for (uint32_t at = node(t, root)->child; at;) {
            const struct thread_node *n = node(t, at);
            if (n->date > newest || (n->date == newest && n->tie > tie)) {
                newest = n->date;
                tie = n->tie;
            }
            if (n->child) {
                at = n->child;
                continue;
            }
            while (at != root && !node(t, at)->next)
                at = node(t, at)->parent;
            at = at == root ? 0 : node(t, at)->next;
        }
        node(t, root)->date = newest;
        node(t, root)->tie = tie;
    }
}

/* The second message of a subject and all later ones are children of the first. */
static int group_subjects(struct thread_tree *t, struct err *e)
{
    uint32_t n = count(t), first = 0;
    uint32_t *order = malloc((size_t)n * sizeof(*order) + 1);
    if (!order)
        return full(e);
    for (uint32_t i = 1; i < n; i++)
        order[i - 1] = i;
    if (n > 1)
        qsort_r(order, n - 1, sizeof(*order), by_subject, t->nodes.p);
    for (uint32_t k = 0; k + 1 < n; k++) {
        if (k && node(t, order[k])->subject == node(t, first)->subject)
            node(t, order[k])->parent = first;
        else
            first = order[k];
    }
    free(order);
    return link_children(t, e);
}

int thread_finish(struct thread_tree *t, struct err *e)
{
    if (count(t) == 0)
        return 0;
    if (t->way == IMAP_THREAD_ORDEREDSUBJECT)
        return group_subjects(t, e);
    prune(t);
    date_dummies(t);
    if (link_children(t, e))
        return -1;
    if (t->way == IMAP_THREAD_REFS) {
        date_threads(t);
    } else {
        if (merge_subjects(t, e))
            return -1;
        date_dummies(t);
    }
    return link_children(t, e);
}

/* --- the response ---------------------------------------------------------------------------- */

static void push(struct thread_tree *t, uint32_t i)
{
    t->open.max = SIZE_MAX / 2;
    BUG_IF(buf_add(&t->open, slice_of(&i, sizeof(i))));
}

static uint32_t *top(struct thread_tree *t)
{
    return (uint32_t *)(void *)(t->open.p + t->open.n - sizeof(uint32_t));
}

int thread_write(struct thread_tree *t, uint32_t (*number)(void *arg, uint32_t uid), void *arg,
                 size_t out_full, struct buf *out)
{
    if (t->first) {
        buf_addc(out, ' ');
        push(t, t->first);
        t->first = 0;
    }
    while (t->open.n) {
        if (out->n >= out_full)
            return 1;
        uint32_t at = *top(t);
        if (!at) { /* the end of these children is the end of what holds them */
            t->open.n -= sizeof(uint32_t);
            if (t->open.n)
                buf_addc(out, ')');
            continue;
        }
        *top(t) = node(t, at)->next;
        buf_addc(out, '(');
        bool some = false;
        for (;;) {
            const struct thread_node *n = node(t, at);
            if (some)
                buf_addc(out, ' ');
            if (n->uid)
                buf_addu(out, number(arg, n->uid));
            some = n->uid;
            if (!n->child || node(t, n->child)->next)
                break;
            at = n->child;
        }
        if (!node(t, at)->child) {
            buf_addc(out, ')');
            continue;
        }
        if (some)
            buf_addc(out, ' ');
        push(t, node(t, at)->child);
    }
    return 0;
}

void thread_tree_done(struct thread_tree *t)
{
    arena_reset(&t->arena);
    buf_done(&t->nodes);
    buf_done(&t->open);
    hmap_done(&t->ids);
    hmap_done(&t->subjects);
}
