/* mailbox.h - mailboxes by name, for the commands that take one, and their ids on the wire. */
#pragma once

#include "imap/request.h"
#include "store/collection.h"

/* The mailbox of that name, selectable. CMD_FAIL with NONEXISTENT, or with TRYCREATE (`target`). */
enum cmd_next mailbox_find(struct request *r, struct txn *t, struct slice path, bool target,
                           struct collection *ret);

/* MAILBOXID: RFC 8474 4. */
void mailbox_id_write(uint64_t collection, struct buf *out);
