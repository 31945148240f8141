/* maildrop.c - reading INBOX once, and the expunge at the end. An item that stands in INBOX twice
   (by COPY) has its uid behind its second UIDL, because unique-ids must differ. */
#include "pop3/maildrop.h"

#include <stdlib.h>

#include "base/setting.h"

SETTING(pop3, messages_max, INT, 500000, 100, 10000000,
        "Messages of INBOX that a session shows; those after are shown when some are deleted.");

enum { INBOX = 1 };

void maildrop_done(struct maildrop *d)
{
    free(d->list);
    *d = (struct maildrop){0};
}

static int add(struct maildrop *d, const struct entry *en, struct err *e)
{
    if (d->n == d->cap) {
        size_t cap = d->cap ? 2 * d->cap : 64;
        struct pop3_message *more = reallocarray(d->list, cap, sizeof(*more));
        if (!more)
            return err_set(e, ERR_BUSY, "out of memory");
        d->list = more;
        d->cap = cap;
    }
    d->list[d->n++] =
        (struct pop3_message){.item = en->item, .size = (uint64_t)en->size, .uid = en->uid};
    d->bytes += (uint64_t)en->size;
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

int maildrop_open(struct maildrop *d, uint64_t account, struct err *e)
{
    struct txn *t;
    struct entry_walk *w;
    struct entry en;
    int more = -1;
    *d = (struct maildrop){.account = account};
    if (txn_read(account, &t, e))
        return -1;
    if (entry_walk_open(t, INBOX, account, NULL, ENTRY_ITEM, &w, e) == 0) {
        while (d->n < (size_t)setting_get(&set_pop3_messages_max) &&
               (more = entry_walk_next(w, &en, e)) > 0)
            if (add(d, &en, e)) {
                more = -1;
                break;
            }
        entry_walk_close(w);
    }
    txn_end(t);
    if (more < 0 || find_copies(d, e)) {
        maildrop_done(d);
        return -1;
    }
    d->kept = d->n;
    return 0;
}

static int open_message(const struct entry *en, struct message_bytes **ret,
                        struct surrogate **ret_surrogate, struct err *e)
{
    if (message_open(en, ret, e))
        return -1;
    if (ret_surrogate && surrogate_make(en, *ret, ret_surrogate, e)) {
        message_close(*ret);
        *ret = NULL;
        return -1;
    }
    return 0;
}

int maildrop_message(const struct maildrop *d, struct txn *t, size_t i, struct message_bytes **ret,
                     struct surrogate **ret_surrogate, struct err *e)
{
    UIDSET_SCOPE uids = {0};
    struct entry_walk *w;
    struct entry en;
    int bad = -1;
    uidset_add(&uids, d->list[i].uid, d->list[i].uid);
    if (entry_walk_open(t, INBOX, d->account, &uids, ENTRY_BYTES, &w, e) == 0) {
        int more = entry_walk_next(w, &en, e);
        if (more == 0)
            err_set(e, ERR_NOTFOUND, "message was removed by another session");
        if (more > 0)
            bad = open_message(&en, ret, ret_surrogate, e);
        entry_walk_close(w);
    }
    return bad;
}

int maildrop_expunge(const struct maildrop *d, struct txn *t, struct err *e)
{
    UIDSET_SCOPE uids = {0}, gone = {0};
    for (size_t i = 0; i < d->n; i++)
        if (d->list[i].deleted)
            uidset_add(&uids, d->list[i].uid, d->list[i].uid);
    return entry_expunge(t, INBOX, &uids, false, &gone, e);
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
