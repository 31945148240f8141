/* search_write.c - the answer of SEARCH: "* SEARCH" (RFC 3501 7.2.5, RFC 7162 3.1.5) or "* ESEARCH"
   (RFC 9051 7.3.4, RFC 4731), in steps, for it may be millions of numbers. */
#include "imap/search.h"

static uint64_t modseq_of(const struct search *s)
{
    unsigned want = s->args.returns;
    if (!s->args.has_return || (want & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT)))
        return s->modseq_all;
    uint64_t first = want & SEARCH_RETURN_MIN ? s->modseq_first : 0;
    uint64_t last = want & SEARCH_RETURN_MAX ? s->modseq_last : 0;
    return first > last ? first : last;
}

static bool tells_modseq(const struct search *s)
{
    return s->args.uses_modseq && !uidset_empty(&s->found);
}

static void write_extended(struct request *r, struct search *s)
{
    struct buf *out = &r->out;
    unsigned want = s->args.has_return ? s->args.returns : SEARCH_RETURN_ALL;
    bool any = !uidset_empty(&s->numbers);
    buf_addf(out, "* ESEARCH (TAG \"%.*s\")%s", SARG(r->tag), r->uid ? " UID" : "");
    if (any && (want & SEARCH_RETURN_MIN))
        buf_addf(out, " MIN %u", s->numbers.r[0].first);
    if (any && (want & SEARCH_RETURN_MAX))
        buf_addf(out, " MAX %u", s->numbers.r[s->numbers.n - 1].last);
    if (want & SEARCH_RETURN_COUNT)
        buf_addf(out, " COUNT %llu", (unsigned long long)uidset_count(&s->numbers));
    if (tells_modseq(s))
        buf_addf(out, " MODSEQ %llu", (unsigned long long)modseq_of(s));
    if (any && (want & SEARCH_RETURN_ALL)) {
        buf_adds(out, " ALL ");
        uidset_print(&s->numbers, out);
    }
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
