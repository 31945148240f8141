/* search_write.c - the answer of SEARCH: "* SEARCH" (RFC 3501 7.2.5, RFC 7162 3.1.5) or "* ESEARCH"
   (RFC 9051 7.3.4, RFC 4731, RFC 9394), in steps, for it may be millions of numbers. */
#include "imap/search.h"

#include <stdlib.h>

#include "imap/sets.h"

static uint64_t modseq_of(const struct search *s)
{
    unsigned want = s->args.returns;
    if (!s->args.has_return || s->take || s->args.partial.given ||
        (want & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT)))
        return s->modseq_all;
    uint64_t first = want & SEARCH_RETURN_MIN ? s->modseq_first : 0;
    uint64_t last = want & SEARCH_RETURN_MAX ? s->modseq_last : 0;
    return first > last ? first : last;
}

static bool tells_modseq(const struct search *s)
{
    return s->args.uses_modseq && !uidset_empty(&s->found);
}

static void write_partial(struct search *s, struct buf *out)
{
    UIDSET_SCOPE part = {0};
    uidset_copy(&part, &s->numbers);
    set_page(&part, &s->args.partial);
    buf_addf(out, " PARTIAL (%.*s ", SARG(s->args.partial.text));
    if (uidset_empty(&part))
        buf_adds(out, "NIL");
    else
        uidset_print(&part, out);
    buf_addc(out, ')');
}

/* min, max: 0 when nothing was found. */
static void extended_head(struct request *r, const struct search *s, uint32_t min, uint32_t max,
                          uint64_t count)
{
    struct buf *out = &r->out;
    unsigned want = s->args.has_return ? s->args.returns : SEARCH_RETURN_ALL;
    buf_addf(out, "* ESEARCH (TAG \"%.*s\")%s", SARG(r->tag), r->uid ? " UID" : "");
    if (count && (want & SEARCH_RETURN_MIN))
        buf_addf(out, " MIN %u", min);
    if (count && (want & SEARCH_RETURN_MAX))
        buf_addf(out, " MAX %u", max);
    if (want & SEARCH_RETURN_COUNT)
        buf_addf(out, " COUNT %llu", (unsigned long long)count);
    if (tells_modseq(s))
        buf_addf(out, " MODSEQ %llu", (unsigned long long)modseq_of(s));
}

static void write_extended(struct request *r, struct search *s)
{
    struct buf *out = &r->out;
    unsigned want = s->args.has_return ? s->args.returns : SEARCH_RETURN_ALL;
    bool any = !uidset_empty(&s->numbers);
    extended_head(r, s, any ? s->numbers.r[0].first : 0,
                  any ? s->numbers.r[s->numbers.n - 1].last : 0, uidset_count(&s->numbers));
    if (any && (want & SEARCH_RETURN_ALL)) {
        buf_adds(out, " ALL ");
        uidset_print(&s->numbers, out);
    }
    if (s->args.partial.given)
        write_partial(s, out);
    buf_adds(out, "\r\n");
}

/* 1 more */
static int write_numbers(struct request *r, struct search *s)
{
    const struct uidset *set = &s->numbers;
    if (s->write_range == 0 && s->write_next == 0)
        buf_adds(&r->out, "* SEARCH");
    for (; s->write_range < set->n; s->write_range++, s->write_next = 0) {
        struct uidrange at = set->r[s->write_range];
        uint64_t number = s->write_next ? s->write_next : at.first;
        for (; number <= at.last; number++) {
            if (r->out.n >= OUTPUT_STEP) {
                s->write_next = (uint32_t)number;
                return 1;
            }
            buf_addc(&r->out, ' ');
            buf_addu(&r->out, number);
        }
    }
    if (tells_modseq(s))
        buf_addf(&r->out, " (MODSEQ %llu)", (unsigned long long)modseq_of(s));
    buf_adds(&r->out, "\r\n");
    return 0;
}

int search_write(struct request *r, struct search *s)
{
    if (s->args.has_return && s->args.returns == SEARCH_RETURN_SAVE)
        return 0;
    if (s->args.has_return || (r->s->enabled & ENABLED_REV2)) {
        write_extended(r, s);
        return 0;
    }
    return write_numbers(r, s);
}

/* --- in another order ------------------------------------------------------------------------ */

static uint32_t number_at(struct request *r, const struct search_order *o, uint64_t i)
{
    uint32_t uid = o->uid(o->arg, (size_t)i);
    return r->uid ? uid : view_seq(r->s->sel->view, uid);
}

static void end_run(struct search_order *o, struct buf *out)
{
    if (!o->run_last)
        return;
    buf_addf(out, o->listed ? ",%u" : "%u", o->run_first);
    if (o->run_last > o->run_first)
        buf_addf(out, ":%u", o->run_last);
    o->listed = true;
}

/* RFC 5267 3.2: ranges only where the numbers go up one by one. 1: more. */
static int write_set(struct request *r, struct search_order *o)
{
    while (o->at < o->end) {
        if (r->out.n >= OUTPUT_STEP)
            return 1;
        uint32_t n = number_at(r, o, o->at++);
        if (o->run_last && n == o->run_last + 1) {
            o->run_last = n;
            continue;
        }
        end_run(o, &r->out);
        o->run_first = o->run_last = n;
    }
    end_run(o, &r->out);
    return 0;
}

static void begin_set(struct request *r, struct search *s, struct search_order *o)
{
    const struct imap_partial *part = &s->args.partial;
    extended_head(r, s, o->n ? number_at(r, o, 0) : 0, o->n ? number_at(r, o, o->n - 1) : 0, o->n);
    if (part->given) {
        buf_addf(&r->out, " PARTIAL (%.*s ", SARG(part->text));
        if (!imap_partial_of(part, o->n, &o->at, &o->end))
            buf_adds(&r->out, "NIL");
    } else if (o->n && (s->args.returns & SEARCH_RETURN_ALL)) {
        buf_adds(&r->out, " ALL ");
        o->end = o->n;
    }
}

/* 1: more */
static int write_list(struct request *r, struct search *s, struct search_order *o)
{
    for (; o->at < o->n; o->at++) {
        if (r->out.n >= OUTPUT_STEP)
            return 1;
        buf_addc(&r->out, ' ');
        buf_addu(&r->out, number_at(r, o, o->at));
    }
    if (tells_modseq(s)) /* RFC 7162 3.1.6 */
        buf_addf(&r->out, " (MODSEQ %llu)", (unsigned long long)modseq_of(s));
    buf_adds(&r->out, "\r\n");
    return 0;
}

int search_order_write(struct request *r, struct search *s, struct search_order *o)
{
    if (s->args.has_return && s->args.returns == SEARCH_RETURN_SAVE)
        return 0;
    if (!o->began && s->args.has_return)
        begin_set(r, s, o);
    else if (!o->began)
        buf_addf(&r->out, "* %.*s", SARG(o->name));
    o->began = true;
    if (!s->args.has_return)
        return write_list(r, s, o);
    if (write_set(r, o))
        return 1;
    buf_adds(&r->out, s->args.partial.given ? ")\r\n" : "\r\n");
    return 0;
}

/* --- "$" ------------------------------------------------------------------------------------- */

static int by_number(const void *x, const void *y)
{
    uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return a < b ? -1 : a > b;
}

/* Of an order: its uids [first, end), brought into the mailbox's order. */
static void save_some(struct selected *sel, const struct search_order *o, uint64_t first,
                      uint64_t end)
{
    size_t n = (size_t)(end - first);
    uint32_t *uids = malloc(n * sizeof(*uids));
    BUG_IF(!uids);
    for (size_t i = 0; i < n; i++)
        uids[i] = o->uid(o->arg, (size_t)first + i);
    qsort(uids, n, sizeof(*uids), by_number);
    for (size_t i = 0; i < n; i++)
        uidset_add(&sel->saved, uids[i], uids[i]);
    free(uids);
}

static uint32_t found_at(const struct search *s, const struct search_order *o, uint64_t i)
{
    return o ? o->uid(o->arg, (size_t)i) : uidset_nth(&s->found, i);
}

void search_save(struct request *r, const struct search *s, const struct search_order *o)
{
    struct selected *sel = r->s->sel;
    unsigned want = s->args.returns;
    uint64_t n = o ? o->n : uidset_count(&s->found), first, end;
    if (!(want & SEARCH_RETURN_SAVE))
        return;
    uidset_clear(&sel->saved);
    sel->saved_valid = true;
    if (!n)
        return;
    if (!(want & (SEARCH_RETURN_MIN | SEARCH_RETURN_MAX | SEARCH_RETURN_PARTIAL)) ||
        (want & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT))) {
        uidset_copy(&sel->saved, &s->found);
        return;
    }
    if (s->args.partial.given && !o) {
        uidset_copy(&sel->saved, &s->found);
        set_page(&sel->saved, &s->args.partial);
    } else if (s->args.partial.given && imap_partial_of(&s->args.partial, n, &first, &end)) {
        save_some(sel, o, first, end);
    }
    if (want & SEARCH_RETURN_MIN)
        uidset_add(&sel->saved, found_at(s, o, 0), found_at(s, o, 0));
    if (want & SEARCH_RETURN_MAX)
        uidset_add(&sel->saved, found_at(s, o, n - 1), found_at(s, o, n - 1));
}
