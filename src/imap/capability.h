/* capability.h - what this server says it can do, which differs before and after login. */
#pragma once

#include "auth/auth.h"
#include "imap/session.h"

void capability_init(void);

/* The words behind "CAPABILITY ". */
void capability_write(struct session *s, struct buf *out);

/* Is UNAUTHENTICATE offered now? */
bool session_may_unauthenticate(struct session *s);

/* The peer as auth/ wants to know it. Channel binding data goes into the arena (NULL: none). */
void session_peer(struct session *s, struct arena *a, struct auth_peer *ret);
