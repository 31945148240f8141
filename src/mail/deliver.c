/* deliver.c - choosing the mailbox and adding the message. Runs inside the writer: one lookup at
   most, everything else was made before. */
#include "mail/deliver.h"

#include "base/setting.h"
#include "mail/prefix.h"
#include "store/collection.h"

SETTING(mail, detail_folder, BOOL, 0, 0, 1,
        "Mail for user+name@domain goes to the user's mailbox of that name when there is one, "
        "instead of INBOX.");

enum { INBOX = 1 };

static uint64_t choose_mailbox(struct txn *t, const struct delivery_target *target)
{
    ARENA_SCOPE a = {.limit = 64 * 1024};
    struct collection c;
    if (target->detail.n && setting_get(&set_mail_detail_folder) &&
        collection_by_path(t, target->detail, &a, &c, NULL) == 0 && c.selectable)
        return c.id;
    return INBOX;
}

int mail_deliver(struct txn *t, const struct mail_delivery *d, struct err *e)
{
    BUF_SCOPE prefix = {.max = 16 * 1024};
    uint32_t uid;
    uint64_t item;
    if (d->filter)
        return mail_filter_apply(t, d->filter, d->spool, e);
    mail_final_write(d->from, d->target->address, &prefix);
    buf_add(&prefix, d->received);
    if (prefix.failed)
        return err_set(e, ERR_LIMIT, "trace lines are too long");
    struct message_add how = {
        .collection = choose_mailbox(t, d->target),
        .prefix = buf_slice(&prefix),
        .spool = d->spool,
        .recipient = d->target->address,
    };
    return message_add(t, d->ready, &how, &uid, &item, e);
}

enum job_next mail_deliver_job(struct job *job, struct txn *t, const struct mail_delivery *d)
{
    if (mail_deliver(t, d, &job->err) == 0 || !mail_filter_give_up(d->filter, &job->err))
        return JOB_DONE;
    return JOB_MOVE; /* what was done is rolled back: job->err is set */
}
