/* cmd_sort.c - SORT and UID SORT: RFC 5256 3, with RETURN (RFC 5267 3: ESORT; RFC 9394: PARTIAL;
   RFC 5182: SAVE). A search whose matches leave a key each; they are put in order at the end and
   written in steps. */
#include "base/list.h"
#include "imap/cmds.h"
#include "imap/settings.h"
#include "imap/sort.h"

struct sort {
    struct search search;
    struct imap_sort_args args;
    struct sort_rows rows;
    bool sorted;
    struct search_order order;
};

static void sort_free(void *state)
{
    struct sort *s = state;
    search_free(&s->search);
    sort_rows_done(&s->rows);
}

static int take(struct request *r, struct search *search)
{
    struct sort *s = list_entry(search, struct sort, search);
    size_t at = s->rows.keys.n;
    sort_key(&s->args, &search->msg.en, &s->rows.keys);
    return sort_rows_add(&s->rows, search->msg.en.uid, at, &r->job.err);
}

int cmd_sort_parse(struct request *r, struct imap_parser *p)
{
    struct sort *s = request_new_of(r, struct sort, 1);
    if (!s || imap_sort_args(p, &s->args))
        return -1;
    s->rows.keys.max = (size_t)setting_get(&set_imap_sort_memory);
    s->search.args = s->args.search;
    s->search.want = sort_want(&s->args);
    s->search.take = take;
    r->args = r->state = s;
    r->state_done = sort_free;
    return search_parsed(r, &s->search);
}

static uint32_t uid_at(const void *arg, size_t i)
{
    return sort_rows(arg)[i].uid;
}

enum cmd_next cmd_sort(struct request *r, struct txn *t)
{
    struct sort *s = r->args;
    if (!s->sorted) {
        enum cmd_next next = search_run(r, t, &s->search);
        if (next != CMD_DONE)
            return next;
        sort_rows_sort(&s->rows);
        s->sorted = true;
        s->order = (struct search_order){
            .name = S("SORT"), .uid = uid_at, .arg = &s->rows, .n = sort_rows_n(&s->rows)};
        search_save(r, &s->search, &s->order);
    }
    return search_order_write(r, &s->search, &s->order) ? CMD_AGAIN : CMD_DONE;
}
