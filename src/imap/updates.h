/* updates.h - what other sessions, deliveries and the command itself did to the selected mailbox,
   told in untagged responses: EXPUNGE or VANISHED, EXISTS, RECENT, FLAGS, FETCH. RFC 9051 5.2, 5.3,
   7.5.1; RFC 7162 3.2.10. */
#pragma once

#include "imap/request.h"

/* One step, in a snapshot: 1 when there is more to write, 0 when all is told, -1 when the mailbox
   is gone or cannot be read (r->gone tells). */
int updates_step(struct request *r, struct txn *t);
void updates_free(struct updates *u);

/* "* n FETCH (UID ... FLAGS ... MODSEQ ...)" */
struct entry;
void updates_write_flags(struct request *r, uint32_t seq, const struct entry *en, bool flags,
                         struct buf *out);
