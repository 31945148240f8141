/* set.c - reads sequence sets. How many ranges there may be follows from the line's length. */
#include "proto/imap/set.h"

static int set_number(struct imap_parser *p, bool plain, uint32_t *ret)
{
    if (!plain && imap_accept(p, '*')) {
        *ret = 0;
        return 0;
    }
    return imap_nz_u32(p, ret);
}

static int ranges(struct imap_parser *p, bool plain, struct imap_set *ret)
{
    size_t cap = 1;
    for (size_t i = p->at; i < p->text.n; i++) {
        char c = p->text.p[i];
        if (c == ',')
            cap++;
        else if (!ascii_digit(c) && c != ':' && c != '*')
            break;
    }
    struct imap_range *r = arena_new(p->arena, struct imap_range, cap);
    if (!r)
        return err_set(p->e, ERR_LIMIT, "the set is too long");
    size_t n = 0;
    do {
        BUG_IF(n == cap);
        if (set_number(p, plain, &r[n].first))
            return -1;
        r[n].last = r[n].first;
        if (imap_accept(p, ':') && set_number(p, plain, &r[n].last))
            return -1;
        n++;
    } while (imap_accept(p, ','));
    *ret = (struct imap_set){.r = r, .n = n};
    return 0;
}

int imap_set(struct imap_parser *p, struct imap_set *ret)
{
    if (imap_accept(p, '$')) {
        *ret = (struct imap_set){.saved = true};
        return 0;
    }
    return ranges(p, false, ret);
}

int imap_plain_set(struct imap_parser *p, struct imap_set *ret)
{
    return ranges(p, true, ret);
}
