/* idle_share.h - one look at a mailbox for all sessions of a loop that idle in it and know the same
   of it. The first one looks; those that come while it does so follow it, own no request, and are
   told what it was told. */
#pragma once

#include "imap/session.h"

struct notice;
struct request;

/* What one session found, for its followers. Lent to the request while its job runs. */
struct idle_share;

/* Before sessions look: what follows is one moment, in which nothing else comes to the loop. A look
   that is under way may have missed what was told since it began, so only sessions of the same
   moment share one. n: the notice that each of them has; NULL: this moment is a new one. */
void idle_share_moment(const struct notice *n);
/* With the session about to look: it follows somebody who is looking already. */
bool idle_share_follow(struct session *s);
/* Nobody is: others may follow this request. */
void idle_share_lead(struct request *r);
/* It follows nobody any more: it has something else to do. */
void idle_share_leave(struct session *s);

/* While the leader's updates are written (updates.c): the uids that came; the line of its own that
   is not for others; FETCH responses, in which its \Recent may be; all is told. */
void idle_share_added(struct request *r, const struct uidset *added);
void idle_share_own(struct request *r, size_t from);
void idle_share_fetches(struct request *r);
void idle_share_told(struct request *r, bool delayed);

/* On the loop: r->out is all that was told, or (`whole` false) it is not: each looks for itself. */
void idle_share_end(struct request *r, bool whole);
