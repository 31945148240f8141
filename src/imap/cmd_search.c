/* cmd_search.c - SEARCH: RFC 9051 6.4.4, RFC 5182 (SAVE), RFC 6855 3. SORT and THREAD
   search with the same hands; one that takes long says so (RFC 9585). The candidates are walked in
   steps of 200 ms; the whole has imap.search_time. */
#include "imap/cmds.h"
#include "imap/condstore.h"
#include "imap/search.h"
#include "imap/settings.h"
#include "base/clock.h"

void search_free(struct search *s)
{
    search_message_done(&s->msg);
    buf_done(&s->msg.raw);
    buf_done(&s->msg.text);
    uidset_done(&s->candidates);
    uidset_done(&s->found);
    uidset_done(&s->numbers);
}

static void free_state(void *state)
{
    search_free(state);
}

int search_parsed(struct request *r, const struct search *s)
{
    r->by_number = s->args.uses_numbers;
    if (s->args.uses_numbers && (r->s->enabled & ENABLED_UIDONLY))
        return request_uid_required(r);
    return 0;
}

int cmd_search_parse(struct request *r, struct imap_parser *p)
{
    struct search *s = request_new_of(r, struct search, 1);
    if (!s || imap_search_args(p, &s->args))
        return -1;
    if (s->args.charset.p && (r->s->enabled & ENABLED_UTF8))
        return imap_fail(p, "with UTF8=ACCEPT a search has no CHARSET");
    r->args = r->state = s;
    r->state_done = free_state;
    return search_parsed(r, s);
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

static int take(struct request *r, struct search *s)
{
    const struct entry *en = &s->msg.en;
    if (uidset_empty(&s->found))
        s->modseq_first = en->modseq;
    s->modseq_last = en->modseq;
    if (en->modseq > s->modseq_all)
        s->modseq_all = en->modseq;
    uidset_add(&s->found, en->uid, en->uid);
    return s->take ? s->take(r, s) : 0;
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
        s->looked_at++;
        s->next = s->msg.en.uid == UINT32_MAX ? UINT32_MAX : s->msg.en.uid + 1;
        int match = search_decide(r, s);
        if (match > 0 && take(r, s))
            match = -1;
        search_message_done(&s->msg);
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
    s->told_ms = s->began_ms;
    s->now_ms = clock_now_ms();
    if (s->args.uses_modseq)
        condstore_enable(r);
    return search_prepare(r, s);
}

/* RFC 9585: that it is still at work, and how far it is. */
static void tell_progress(struct request *r, struct search *s)
{
    int64_t now = clock_mono_ms();
    uint64_t all = uidset_count(&s->candidates);
    if (now - s->told_ms < setting_get(&set_imap_progress_interval) || s->looked_at >= all)
        return;
    s->told_ms = now;
    buf_addf(&r->out, "* OK [INPROGRESS (\"%.*s\" %llu %llu)] Searching\r\n", SARG(r->tag),
             (unsigned long long)s->looked_at, (unsigned long long)all);
}

enum cmd_next search_run(struct request *r, struct txn *t, struct search *s)
{
    if (!s->prepared && begin(r, s) != CMD_DONE)
        return fail(r, s);
    int more = step(r, t, s);
    if (more < 0)
        return fail(r, s);
    if (more && clock_mono_ms() - s->began_ms > setting_get(&set_imap_search_time)) {
        request_fail(r, ERR_LIMIT, "The search takes too long");
        return fail(r, s);
    }
    if (more)
        tell_progress(r, s);
    return more ? CMD_AGAIN : CMD_DONE;
}

enum cmd_next cmd_search(struct request *r, struct txn *t)
{
    struct search *s = r->args;
    if (!s->reading_done) {
        enum cmd_next next = search_run(r, t, s);
        if (next != CMD_DONE)
            return next;
        s->reading_done = true;
        search_save(r, s, NULL);
        if (r->uid)
            uidset_copy(&s->numbers, &s->found);
        else
            view_uids_to_seqs(r->s->sel->view, &s->found, &s->numbers);
    }
    return search_write(r, s) ? CMD_AGAIN : CMD_DONE;
}
