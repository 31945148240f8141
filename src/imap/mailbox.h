/* mailbox.h - mailboxes by name, for the commands that take one, and their ids on the wire. */
#pragma once

#include "imap/request.h"
#include "store/collection.h"

/* The mailbox of that name, selectable. CMD_FAIL with NONEXISTENT, or with TRYCREATE (`target`). */
enum cmd_next mailbox_find(struct request *r, struct txn *t, struct slice path, bool target,
                           struct collection *ret);

/* An untagged LIST of it. `supplied`: the name that the client used; when it is not the normalised
   one, or was another (RENAME), it stands there as OLDNAME (RFC 9051 6.3.9.7). */
void mailbox_list_write(const struct collection *c, struct slice supplied, struct buf *out);
/* The same, only in a session that speaks IMAP4rev2 and only when the names differ. */
void mailbox_tell_oldname(struct request *r, struct txn *t, uint64_t collection,
                          struct slice supplied, bool renamed);

/* Of DELETE: \NonExistent, with the name that was given when it was not the normalised one. */
void mailbox_tell_deleted(struct request *r, const struct collection *c, struct slice supplied);

/* MAILBOXID: RFC 8474 4. */
void mailbox_id_write(uint64_t collection, struct buf *out);
