/* filter_apply.c - the plan of the scripts, carried out inside the writer: the message into its
   mailboxes (one item, however many they are, as long as nobody changed it), letters into the
   outbox, what is remembered into its rows. One savepoint holds all of it. */
#include "base/clock.h"
#include "base/setting.h"
#include "mail/filter_internal.h"
#include "mail/prefix.h"
#include "store/collection.h"
#include "store/entry.h"

SETTING(sieve, create_mailboxes, BOOL, 0, 0, 1,
        "Make the mailbox that a Sieve script files into when there is none. Otherwise the message "
        "goes to INBOX, unless the script says :create.");

enum { INBOX = 1, STORES_MAX = 1024 };

struct applying {
    struct txn *t;
    const struct mail_filter *f;
    struct slice prefix, final; /* all lines in front; those that an edited message lacks */
    uint64_t done[STORES_MAX];  /* mailboxes that have the message */
    size_t n_done;
    uint64_t first; /* mailbox and uid of the item that the others share; 0: not yet */
    uint32_t first_uid;
};

/* 1: found, 0: not, -1: an error that is none of the name. */
static int settled(int bad, const struct err *why, const struct collection *c, struct err *e)
{
    if (!bad)
        return c->selectable;
    if (why->code == ERR_NOTFOUND || why->code == ERR_SYNTAX || why->code == ERR_LIMIT)
        return 0;
    return err_set(e, why->code, "%s", why->text);
}

static int find_mailbox(struct txn *t, const struct sieve_mailbox *m, struct arena *a,
                        struct collection *c, struct err *e)
{
    struct err why = {0};
    uint64_t id;
    int got = 0;
    if (m->id.p && slice_starts(m->id, S("F")) && !slice_u64(slice_from(m->id, 1), &id))
        got = settled(collection_by_id(t, id, a, c, &why), &why, c, e);
    if (!got && m->special_use.p && role_from_special_use(m->special_use) != ROLE_NONE) {
        why = (struct err){0};
        got = settled(collection_by_role(t, role_from_special_use(m->special_use), a, c, &why),
                      &why, c, e);
    }
    if (got)
        return got;
    why = (struct err){0};
    return settled(collection_by_path(t, m->name, a, c, &why), &why, c, e);
}

/* RFC 5490 3.2, RFC 8579 4.1: what is made gets the use that was asked for, when nobody has it. */
static int make_mailbox(struct txn *t, const struct sieve_mailbox *m, uint64_t *ret, struct err *e)
{
    struct err why = {0};
    enum collection_role role =
        m->special_use.p ? role_from_special_use(m->special_use) : ROLE_NONE;
    if (collection_create(t, m->name, COLLECTION_MAILBOX, role, ret, &why) == 0)
        return 0;
    if (why.code == ERR_IO || why.code == ERR_BUSY)
        return err_set(e, why.code, "%s", why.text);
    *ret = INBOX;
    return 0;
}

static int choose(struct txn *t, const struct sieve_mailbox *m, uint64_t *ret, struct err *e)
{
    ARENA_SCOPE a = {.limit = 1 << 20};
    struct collection c = {.id = INBOX};
    *ret = INBOX;
    if (!m)
        return 0;
    int got = find_mailbox(t, m, &a, &c, e);
    if (got < 0)
        return -1;
    if (got > 0)
        *ret = c.id;
    else if (m->create || setting_get(&set_sieve_create_mailboxes))
        return make_mailbox(t, m, ret, e);
    return 0;
}

static int copy_entry(struct applying *p, uint64_t to, const struct flagset *flags, struct err *e)
{
    UIDSET_SCOPE uids = {0}, copied = {0}, stored = {0}, changed = {0};
    uint32_t uid = 0;
    uidset_add(&uids, p->first_uid, p->first_uid);
    if (entry_copy(p->t, p->first, &uids, to, &copied, &uid, e))
        return -1;
    uidset_add(&stored, uid, uid);
    return entry_store_flags(p->t, to, p->f->in.account, &stored, FLAGS_SET, flags, UINT64_MAX,
                             &changed, NULL, e);
}

static int store_one(struct applying *p, const struct filter_store *s, struct err *e)
{
    uint64_t to, item;
    if (choose(p->t, s->where, &to, e))
        return -1;
    for (size_t i = 0; i < p->n_done; i++)
        if (p->done[i] == to) /* RFC 5228 2.10.3 */
            return 0;
    if (p->n_done < STORES_MAX)
        p->done[p->n_done++] = to;
    if (!s->ready && p->first)
        return copy_entry(p, to, &s->flags, e);
    struct message_add how = {.collection = to,
                              .prefix = s->ready ? p->final : p->prefix,
                              .flags = s->flags,
                              .recipient = p->f->in.address};
    uint32_t uid;
    if (message_add(p->t, s->ready ? s->ready : p->f->in.ready, &how, &uid, &item, e))
        return -1;
    if (!s->ready) {
        p->first = to;
        p->first_uid = uid;
    }
    return 0;
}

/* 1: it is new, 0: it was there, or there is nothing to remember. */
static int remember(struct txn *t, const struct filter_memory *m, struct err *e)
{
    if (!m->expires_at)
        return 0;
    if (m->renew)
        return memory_renew(t, m->key, m->expires_at, e) ? -1 : 0;
    return memory_take(t, m->key, m->expires_at, e);
}

/* RFC 8580 4: a copy of what is sent, seen. */
static int keep_copy(struct txn *t, const struct filter_letter *l, struct err *e)
{
    uint64_t to, item;
    uint32_t uid;
    if (choose(t, l->fcc, &to, e))
        return -1;
    struct message_add how = {.collection = to, .flags = l->fcc_flags};
    how.flags.system |= l->fcc->has_flags ? 0 : FLAG_SEEN;
    return message_add(t, l->ready, &how, &uid, &item, e);
}

static int send_one(struct applying *p, const struct filter_letter *l, struct err *e)
{
    uint64_t id;
    int fresh = remember(p->t, &l->memory, e);
    if (fresh < 0)
        return -1;
    if (!fresh && l->once) /* somebody was quicker */
        return 0;
    if (outbox_add(p->t, l->ready ? l->ready : p->f->in.ready, &l->row, &id, e))
        return -1;
    return l->fcc ? keep_copy(p->t, l, e) : 0;
}

static int carry_out(struct applying *p, struct err *e)
{
    const struct mail_filter *f = p->f;
    for (size_t i = 0; i < f->n_stores; i++)
        if (store_one(p, &f->stores[i], e))
            return -1;
    for (size_t i = 0; i < f->n_letters; i++)
        if (send_one(p, &f->letters[i], e))
            return -1;
    for (size_t i = 0; i < f->n_memories; i++)
        if (remember(p->t, &f->memories[i], e) < 0)
            return -1;
    return 0;
}

int mail_filter_apply(struct txn *t, struct mail_filter *f, uint64_t spool, struct err *e)
{
    static const struct filter_store inbox;
    BUF_SCOPE prefix = {.max = 16 * 1024};
    mail_final_write(f->in.from, f->in.address, &prefix);
    size_t final = prefix.n;
    buf_add(&prefix, f->in.received);
    if (prefix.failed)
        return err_set(e, ERR_LIMIT, "trace lines are too long");
    struct applying p = {.t = t,
                         .f = f,
                         .prefix = buf_slice(&prefix),
                         .final = slice_sub(buf_slice(&prefix), 0, final)};
    int first = spool ? message_once(t, spool, f->in.address, e) : 1;
    if (first <= 0)
        return first;
    return f->given_up ? store_one(&p, &inbox, e) : carry_out(&p, e);
}
