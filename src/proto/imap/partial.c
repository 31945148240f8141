/* partial.c - reads partial-range. */
#include "proto/imap/partial.h"

/* RFC 9394 4: a range may stand either way round. */
int imap_partial(struct imap_parser *p, struct imap_partial *ret)
{
    size_t at = p->at;
    struct imap_partial a = {.given = true};
    a.from_end = imap_accept(p, '-');
    if (imap_nz_u32(p, &a.from) || imap_expect(p, ':') || (a.from_end && imap_expect(p, '-')) ||
        imap_nz_u32(p, &a.to))
        return -1;
    a.text = slice_sub(p->text, at, p->at);
    if (a.from > a.to) {
        uint32_t from = a.to;
        a.to = a.from;
        a.from = from;
    }
    *ret = a;
    return 0;
}

bool imap_partial_of(const struct imap_partial *a, uint64_t n, uint64_t *first, uint64_t *end)
{
    if (a->from > n)
        return false;
    uint64_t to = a->to < n ? a->to : n;
    *first = a->from_end ? n - to : a->from - 1;
    *end = *first + (to - a->from + 1);
    return true;
}
