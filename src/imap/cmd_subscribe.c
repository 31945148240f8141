/* cmd_subscribe.c - SUBSCRIBE and UNSUBSCRIBE: RFC 9051 6.3.7, 6.3.8. Names that do not exist
   cannot be newly subscribed, but a subscription outlives its mailbox. */
#include "imap/cmds.h"
#include "imap/mailbox.h"

enum cmd_next cmd_subscribe(struct request *r, struct txn *t)
{
    const struct slice *path = r->args;
    struct collection c;
    if (collection_by_path(t, *path, &r->arena, &c, &r->job.err) ||
        subscription_set(t, c.path, true, &r->job.err))
        return CMD_FAIL;
    return CMD_DONE;
}

enum cmd_next cmd_unsubscribe(struct request *r, struct txn *t)
{
    const struct slice *path = r->args;
    return subscription_set(t, *path, false, &r->job.err) ? CMD_FAIL : CMD_DONE;
}
