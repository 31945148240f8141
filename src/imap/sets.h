/* sets.h - what a sequence set means in the selected mailbox. */
#pragma once

#include "imap/request.h"
#include "proto/imap/partial.h"
#include "proto/imap/set.h"

/* Adds the uids. With r->uid (or `uid`) the numbers are uids, and what does not exist is left out;
   else sequence numbers, and one over the number of messages is BAD (RFC 9051 9 seq-number), but
   for
   "*" and ranges that begin within an empty mailbox. */
enum cmd_next set_uids(struct request *r, const struct imap_set *set, bool uid,
                       struct uidset *uids);
/* Leaves the page of the set that is meant. RFC 9394 */
void set_page(struct uidset *set, const struct imap_partial *page);
/* Of SEARCH: numbers that are not there match nothing. */
void set_uids_lenient(struct request *r, const struct imap_set *set, bool uid, struct uidset *uids);
