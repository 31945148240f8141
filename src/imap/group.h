/* group.h - write commands that wait in the input together go to the writer together, up to
   GROUP_MAX, and share one commit. Replies come in order, each after the commit of its command.
   A member sees what those before it did; what it would see otherwise than alone keeps it out:

   - message numbers behind a command that may tell expunges;
   - uids that the client has not been told yet behind a command that adds messages;
   - removing messages behind a STORE that wants their flags told;
   - anything behind a command without CMD_JOIN, which is a group of its own.

   A command that is done in slices (CMD_AGAIN at WRITE) is a member too: those behind it wait until
   its last slice has run. While jobs are out the session is theirs; the updates begin when all are
   back. */
#pragma once

#include "imap/request.h"

enum { GROUP_MAX = 32 };

/* On the loop. True: r, whose text is parsed (or refused), is a member now. */
bool group_take(struct request *r);
bool group_is_full(const struct session *s);
void group_start(struct session *s); /* nothing more to join: to work */
void group_back(struct request *r);  /* the job of a member's own work is back */
void group_next(struct session *s);  /* the first member has been answered */
void group_free(struct session *s);  /* the session goes */

/* At WRITE: true when a member before this one is not finished, so that this one must wait. */
bool group_waits(const struct request *r);
