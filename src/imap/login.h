/* login.h - what LOGIN and AUTHENTICATE share, from the moment it is known who it is. */
#pragma once

#include "auth/auth.h"
#include "imap/request.h"

/* At CPU, with the identity: takes the connection's place among the account's and finds its INBOX.
 */
enum cmd_next login_accept(struct request *r, const struct identity *id);
/* The table's done(): state, greeting, counting of failures. */
void login_done(struct request *r);
/* RFC 8437: of all that belonged to somebody nothing is left; the connection is as new. */
void login_undo(struct session *s);
