/* sets.c - sequence sets against the announced view. RFC 9051 9, RFC 5182 ("$"). */
#include "imap/sets.h"

/* 0 is "*": the last number there is. False for "*" in an empty mailbox. */
static bool bounds(const struct imap_range *in, uint32_t star, uint32_t *first, uint32_t *last)
{
    uint32_t a = in->first ? in->first : star, b = in->last ? in->last : star;
    if (a == 0 || b == 0)
        return false;
    *first = a < b ? a : b;
    *last = a < b ? b : a;
    return true;
}

static uint32_t star_of(const struct selected *sel, bool uid)
{
    uint32_t count = view_count(sel->view);
    return uid && count ? view_uid(sel->view, count) : count;
}

static enum cmd_next resolve(struct request *r, const struct imap_set *set, bool uid, bool strict,
                             struct uidset *uids)
{
    const struct selected *sel = r->s->sel;
    uint32_t star = star_of(sel, uid), count = view_count(sel->view);
    UIDSET_SCOPE all = {0};
    if (set->saved) {
        view_all(sel->view, &all);
        uidset_intersect(&all, &sel->saved);
        uidset_add_set(uids, &all);
        return CMD_DONE;
    }
    UIDSET_SCOPE numbers = {0};
    for (size_t i = 0; i < set->n; i++) {
        uint32_t first, last;
        if (!bounds(&set->r[i], star, &first, &last))
            continue;
        if (!uid && strict && last > count && (count || set->r[i].first == set->r[i].last))
            return request_bad(r, "There is no message %u", last);
        uidset_add(&numbers, first, last);
    }
    if (!uid) {
        view_seqs_to_uids(sel->view, &numbers, uids);
        return CMD_DONE;
    }
    view_all(sel->view, &all);
    uidset_intersect(&numbers, &all);
    uidset_add_set(uids, &numbers);
    return CMD_DONE;
}

enum cmd_next set_uids(struct request *r, const struct imap_set *set, bool uid, struct uidset *uids)
{
    return resolve(r, set, uid, true, uids);
}

void set_uids_lenient(struct request *r, const struct imap_set *set, bool uid, struct uidset *uids)
{
    resolve(r, set, uid, false, uids);
}

void set_page(struct uidset *set, const struct imap_partial *page)
{
    uint64_t first, end;
    if (!imap_partial_of(page, uidset_count(set), &first, &end)) {
        uidset_clear(set);
        return;
    }
    uint32_t low = uidset_nth(set, first), high = uidset_nth(set, end - 1);
    if (low > 1)
        uidset_remove(set, 1, low - 1);
    if (high < UINT32_MAX)
        uidset_remove(set, high + 1, UINT32_MAX);
}
