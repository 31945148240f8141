/* cmd_unauthenticate.c - UNAUTHENTICATE (RFC 8437): back to before the login on the same
   connection, for administrators who act for one person after another. It is not offered while the
   stream is compressed: section 4.1 wants the compression to end inside the client's pipeline,
   where its last compressed byte cannot be told from what comes behind it. */
#include "imap/capability.h"
#include "imap/cmds.h"
#include "imap/settings.h"

bool session_may_unauthenticate(struct session *s)
{
    return setting_get(&set_imap_unauthenticate) && !conn_is_compressed(s->conn);
}

/* RFC 8437 3: never NO. */
int cmd_unauthenticate_parse(struct request *r, struct imap_parser *p)
{
    if (session_may_unauthenticate(r->s))
        return 0;
    return imap_fail(p, "UNAUTHENTICATE is not offered here");
}

enum cmd_next cmd_unauthenticate(struct request *r, struct txn *t)
{
    (void)t;
    r->after = AFTER_UNAUTHENTICATE;
    r->text_ok = "Nobody is logged in";
    return CMD_DONE;
}
