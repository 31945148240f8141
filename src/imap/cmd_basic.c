/* cmd_basic.c - commands that need only memory: CAPABILITY, NOOP (and CHECK), LOGOUT, NAMESPACE.
   RFC 9051 6.1, 6.3.10; RFC 2342 5; RFC 3501 6.4.1. What NOOP is good for comes behind it: the
   updates. */
#include "imap/capability.h"
#include "imap/cmds.h"

enum cmd_next cmd_capability(struct request *r, struct txn *t)
{
    (void)t;
    buf_adds(&r->out, "* CAPABILITY ");
    capability_write(r->s, &r->out);
    buf_adds(&r->out, "\r\n");
    return CMD_DONE;
}

enum cmd_next cmd_noop(struct request *r, struct txn *t)
{
    (void)r;
    (void)t;
    return CMD_DONE;
}

enum cmd_next cmd_logout(struct request *r, struct txn *t)
{
    (void)t;
    buf_adds(&r->out, "* BYE Logging out\r\n");
    r->after = AFTER_LOGOUT;
    return CMD_DONE;
}

/* One personal namespace, and no others yet. */
enum cmd_next cmd_namespace(struct request *r, struct txn *t)
{
    (void)t;
    buf_adds(&r->out, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
    return CMD_DONE;
}
