/* expansion.c - three kinds of addresses that stand for others:
     - an alias of one address: the envelope goes on as it is (RFC 3461 5.2.7.2);
     - an alias of several, which a list without an owner is too: all goes on but SUCCESS, and who
       asked for that hears "expanded" now (5.2.7.3 c);
     - a list with an owner: it is the end of the message's way and "delivered" is said; what goes
   to the members has the owner as its sender and nothing of the old envelope (5.2.7.1). A message
   from <> stays from <>: nothing may come back for it, to the owner neither. */
#include "mail/expansion.h"

#include "base/buf.h"
#include "mail/dsn.h"
#include "mail/report.h"

enum { NEVER = 1, SUCCESS = 2 };

/* The metric's and the reports' order. */
static const enum dsn_action actions[MAIL_ACCEPT_REPORTS] = {DSN_DELIVERED, DSN_EXPANDED};

struct mail_envelope mail_envelope_of(const struct mail_accept *m, const struct mail_recipient *r,
                                      const struct delivery_target *t)
{
    if (t->owner.n && m->from.n)
        return (struct mail_envelope){.owner = t->owner};
    struct mail_envelope v = {.orcpt = r->orcpt, .notify = r->notify};
    if (r->n_targets > 1 && v.notify & SUCCESS) {
        v.notify &= ~(unsigned)SUCCESS;
        v.notify = v.notify ? v.notify : NEVER;
    }
    return v;
}

static bool is_owned(const struct mail_recipient *r)
{
    for (size_t i = 0; i < r->n_targets; i++)
        if (!r->targets[i].owner.n)
            return false;
    return r->n_targets != 0;
}

/* Does r end here, and with which word? */
static bool ends_with(const struct mail_recipient *r, enum dsn_action action)
{
    if (!(r->notify & SUCCESS))
        return false;
    bool owned = is_owned(r);
    return action == DSN_DELIVERED ? owned : !owned && r->n_targets > 1;
}

static struct outbox_message message_of(const struct mail_accept *m)
{
    return (struct outbox_message){.from = m->from,
                                   .envid = m->envid,
                                   .trace = slice_str(m->trace.id),
                                   .smtputf8 = m->smtputf8,
                                   .queued_at = m->trace_at};
}

static int make_one(struct mail_accept *m, enum dsn_action action, struct slice original,
                    struct err *e)
{
    struct outbox_recipient *to = arena_new(m->arena, struct outbox_recipient, m->n);
    struct dsn_recipient *list = arena_new(m->arena, struct dsn_recipient, m->n);
    struct outbox_message about = message_of(m);
    size_t n = 0;
    if (!to || !list)
        return err_set(e, ERR_BUSY, "4.3.1 Out of memory");
    for (size_t i = 0; i < m->n; i++) {
        const struct mail_recipient *r = &m->recipients[i];
        if (!ends_with(r, action))
            continue;
        to[n] = (struct outbox_recipient){.address = r->address, .orcpt = r->orcpt};
        list[n] =
            (struct dsn_recipient){.recipient = &to[n], .action = action, .status = S("2.0.0")};
        n++;
    }
    if (n == 0)
        return 0;
    struct outbox_report *report = &m->reports[m->n_reports];
    int made = report_make(&about, list, n, original, false, m->arena, report, e);
    if (made > 0)
        m->report_actions[m->n_reports++] = action;
    return made < 0 ? -1 : 0;
}

int mail_expansion_report(struct mail_accept *m, struct slice header, struct err *e)
{
    BUF_SCOPE original = {0};
    if (m->from.n == 0)
        return 0;
    buf_add(&original, m->received);
    buf_add(&original, header);
    for (size_t i = 0; i < MAIL_ACCEPT_REPORTS; i++)
        if (make_one(m, actions[i], buf_slice(&original), e))
            return -1;
    return 0;
}

int mail_expansion_write(struct mail_accept *m, struct txn *txn, struct err *e)
{
    uint64_t id;
    for (size_t i = 0; i < m->n_reports; i++)
        if (outbox_add(txn, m->reports[i].ready, &m->reports[i].row, &id, e))
            return -1;
    return 0;
}

void mail_expansion_log(const struct mail_accept *m)
{
    struct outbox_message about = message_of(m);
    for (size_t i = 0; i < m->n_reports; i++)
        report_log(&about, m->report_actions[i], &m->reports[i]);
}
