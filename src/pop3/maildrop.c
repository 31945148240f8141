/* maildrop.c - what INBOX held when the session began, and what is marked. An item that stands in
   INBOX twice (by COPY) has its uid behind its second UIDL, because unique-ids must differ. */
#include "pop3/maildrop.h"

#include <stdlib.h>

#include "base/setting.h"
#include "base/uidset.h"

SETTING(pop3, messages_max, INT, 500000, 100, 10000000,
        "Messages of INBOX that a session shows; those after are shown when some are deleted.");

void maildrop_done(struct maildrop *d)
{
    free(d->list);
    *d = (struct maildrop){0};
}

static int add(struct maildrop *d, const struct desk_row *row, struct err *e)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 64;
        struct pop3_message *more = reallocarray(d->list, cap, sizeof(*more));
        if (!more)
            return err_set(e, ERR_BUSY, "out of memory");
        d->list = more;
        d->cap = cap;
    }
    d->list[d->n++] = (struct pop3_message){.item = row->item, .size = row->size, .uid = row->uid};
    d->bytes += row->size;
    return 0;
}

static int by_item(const void *a, const void *b)
{
    const struct pop3_message *x = *(struct pop3_message *const *)a,
                              *y = *(struct pop3_message *const *)b;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return x->uid < y->uid ? -1 : x->uid > y->uid;
}

static int find_copies(struct maildrop *d, struct err *e)
{
    struct pop3_message **sorted = calloc(d->n + 1, sizeof(struct pop3_message *));
    if (!sorted)
        return err_set(e, ERR_BUSY, "out of memory");
    for (size_t i = 0; i < d->n; i++)
        sorted[i] = &d->list[i];
    qsort(sorted, d->n, sizeof(*sorted), by_item);
    for (size_t i = 1; i < d->n; i++)
        if (sorted[i]->item == sorted[i - 1]->item)
            sorted[i]->copy = sorted[i]->uid;
    free(sorted);
    return 0;
}

static bool is_full(const struct maildrop *d)
{
    return d->n >= (size_t)setting_get(&set_pop3_messages_max);
}

/* 1 when there may be more, 0, -1 */
static int ask(struct maildrop *d, struct desk *desk, struct err *e)
{
    BUF_SCOPE rows = {0};
    struct desk_question q = {.verb = DESK_MAILDROP, .into = &rows};
    struct desk_row row;
    if (d->n)
        q.uid = d->list[d->n - 1].uid;
    if (desk_call(desk, &q, e))
        return -1;
    for (size_t at = 0; at + sizeof(row) <= rows.n && !is_full(d); at += sizeof(row)) {
        memcpy(&row, rows.p + at, sizeof(row));
        if (add(d, &row, e))
            return -1;
    }
    return rows.n && !is_full(d);
}

int maildrop_open(struct maildrop *d, struct desk *desk, struct err *e)
{
    int more;
    *d = (struct maildrop){0};
    do
        more = ask(d, desk, e);
    while (more > 0);
    if (more < 0 || find_copies(d, e)) {
        maildrop_done(d);
        return -1;
    }
    d->kept = d->n;
    return 0;
}

void maildrop_marked(const struct maildrop *d, struct buf *uids)
{
    UIDSET_SCOPE set = {0};
    for (size_t i = 0; i < d->n; i++)
        if (d->list[i].deleted)
            uidset_add(&set, d->list[i].uid, d->list[i].uid);
    uidset_pack(&set, uids);
}

void maildrop_mark(struct maildrop *d, size_t i)
{
    d->list[i].deleted = true;
    d->kept--;
    d->bytes -= d->list[i].size;
}

void maildrop_reset(struct maildrop *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->list[i].deleted) {
            d->list[i].deleted = false;
            d->kept++;
            d->bytes += d->list[i].size;
        }
}

void maildrop_uidl(const struct pop3_message *m, struct buf *out)
{
    buf_addc(out, 'M');
    buf_addu(out, m->item);
    if (m->copy) {
        buf_addc(out, '.');
        buf_addu(out, m->copy);
    }
}
