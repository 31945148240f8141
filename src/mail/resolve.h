/* resolve.h - from a recipient to the mailboxes and addresses that its mail goes to. Blocks: READ
   or CPU jobs and the queue's threads. */
#pragma once

#include "directory/directory.h"

/* directory_resolve, and two rules of mail on top: <postmaster> without a domain is that of the
   first domain here, and mail for a postmaster that nobody made goes to mail.postmaster (RFC
   5321 4.5.1). With `relay`, an address of another domain is its own target with account 0. Errors
   as directory_resolve's, texts begin with the enhanced status code. */
int mail_resolve(struct slice recipient, bool relay, struct arena *a, struct delivery_target **ret,
                 size_t *ret_n, struct err *e);
