/* cmd_search.c - SEARCH: RFC 9051 6.4.4, RFC 5182 (SAVE), RFC 6855 3. The candidates are walked in
   steps of 200 ms; the whole has imap.search_time. */
#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/search.h"
#include "imap/settings.h"
#include "base/clock.h"

static void search_free(void *state)
{
    struct search *s = state;
    search_message_done(&s->msg);
    buf_done(&s->msg.raw);
    buf_done(&s->msg.text);
    uidset_done(&s->candidates);
    uidset_done(&s->found);
    uidset_done(&s->numbers);
}

int cmd_search_parse(struct request *r, struct imap_parser *p)
{
    struct search *s = request_new_of(r, struct search, 1);
    if (!s || imap_search_args(p, &s->args))
        return -1;
    if (s->args.charset.p && (r->s->enabled & ENABLED_UTF8))
        return imap_fail(p, "with UTF8=ACCEPT a search has no CHARSET");
    r->by_number = s->args.uses_numbers;
    r->args = r->state = s;
    r->state_done = search_free;
    return 0;
}

static bool candidates_left(struct search *s, struct uidset *ret)
{
    for (; s->range < s->candidates.n; s->range++) {
        struct uidrange at = s->candidates.r[s->range];
        if (s->next < at.first)
            s->next = at.first;
        if (s->next > at.last)
            continue;
        uidset_add(ret, s->next, at.last);
        uidset_add_set(ret, &(struct uidset){.r = s->candidates.r + s->range + 1,
                                             .n = s->candidates.n - s->range - 1});
        return true;
    }
    return false;
}

static void take(struct request *r, struct search *s)
{
    const struct entry *en = &s->msg.en;
    (void)r;
    if (uidset_empty(&s->found))
        s->modseq_first = en->modseq;
    s->modseq_last = en->modseq;
    if (en->modseq > s->modseq_all)
        s->modseq_all = en->modseq;
    uidset_add(&s->found, en->uid, en->uid);
}

/* 1 more to do, 0 done, -1 */
static int step(struct request *r, struct txn *t, struct search *s)
{
    struct entry_walk *w;
    int got;
    UIDSET_SCOPE left = {0};
    if (!candidates_left(s, &left))
        return 0;
    if (s->want & ENTRY_KEYWORDS) {
        if (flags_load(r, t, &r->job.err))
            return -1;
        search_keywords(r, s->args.key);
    }
    if (entry_walk_open(t, r->s->sel->collection, r->s->account, &left, s->want, &w, &r->job.err))
        return -1;
    int more = 0;
    while ((got = entry_walk_next(w, &s->msg.en, &r->job.err)) > 0) {
        s->next = s->msg.en.uid == UINT32_MAX ? UINT32_MAX : s->msg.en.uid + 1;
        int match = search_decide(r, s);
        if (match > 0)
            take(r, s);
        if (match < 0) {
            more = -1;
            break;
        }
        if (request_step_full(r)) {
            more = 1;
            break;
        }
    }
    entry_walk_close(w);
    return got < 0 ? -1 : more;
}

/* RFC 5182 2.1: with MIN or MAX and neither ALL nor COUNT only these are saved. */
static void save(struct request *r, struct search *s)
{
    struct selected *sel = r->s->sel;
    unsigned want = s->args.returns;
    uidset_clear(&sel->saved);
    sel->saved_valid = true;
    if (uidset_empty(&s->found))
        return;
    uint32_t first = s->found.r[0].first, last = s->found.r[s->found.n - 1].last;
    if (!(want & (SEARCH_RETURN_MIN | SEARCH_RETURN_MAX)) ||
        (want & (SEARCH_RETURN_ALL | SEARCH_RETURN_COUNT))) {
        uidset_copy(&sel->saved, &s->found);
        return;
    }
    if (want & SEARCH_RETURN_MIN)
        uidset_add(&sel->saved, first, first);
    if (want & SEARCH_RETURN_MAX)
        uidset_add(&sel->saved, last, last);
}

static enum cmd_next fail(struct request *r, struct search *s)
{
    if (s->args.returns & SEARCH_RETURN_SAVE) /* RFC 5182 2.1: NO empties it */
        uidset_clear(&r->s->sel->saved);
    return CMD_FAIL;
}

static enum cmd_next begin(struct request *r, struct search *s)
{
    s->prepared = true;
    s->began_ms = clock_mono_ms();
    s->now_ms = clock_now_ms();
    if (s->args.uses_modseq)
        condstore_enable(r);
    return search_prepare(r, s);
}

static void done_reading(struct request *r, struct search *s)
{
    s->reading_done = true;
    if (s->args.returns & SEARCH_RETURN_SAVE)
        save(r, s);
    if (r->uid)
        uidset_copy(&s->numbers, &s->found);
    else
        view_uids_to_seqs(r->s->sel->view, &s->found, &s->numbers);
}

enum cmd_next cmd_search(struct request *r, struct txn *t)
{
    struct search *s = r->args;
    if (!s->prepared && begin(r, s) != CMD_DONE)
        return fail(r, s);
    if (!s->reading_done) {
        int more = step(r, t, s);
        if (more < 0)
            return fail(r, s);
        if (more && clock_mono_ms() - s->began_ms > setting_get(&set_imap_search_time)) {
            request_fail(r, ERR_LIMIT, "The search takes too long");
            return fail(r, s);
        }
        if (more)
            return CMD_AGAIN;
        done_reading(r, s);
    }
    return search_write(r, s) ? CMD_AGAIN : CMD_DONE;
}
