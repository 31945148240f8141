/* imap.h - the IMAP server: IMAP4rev1 (RFC 3501) and IMAP4rev2 (RFC 9051) with the extensions that
   capability.c names. node/ gives imap_ops to the listeners. */
#pragma once

#include "base/err.h"

struct conn_ops;

extern const struct conn_ops imap_ops;

/* Before the first connection, after settings are loaded. */
int imap_init(struct err *e);
