/* channel.h - an outgoing connection that a thread of the queue uses as if it blocked. The
   connection itself lives on a loop; every call posts there and waits. One thread at a time. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct channel;
struct sockaddr;

/* Errors: ERR_IO (refused, closed), ERR_BUSY (too slow), ERR_LIMIT (the peer sends without end). */
int channel_open(const struct sockaddr *to, int64_t ms, struct channel **ret, struct err *e);
void channel_close(struct channel *c); /* at once; NULL is fine */

/* Takes the bytes of b; comes back when the peer has taken most of what is unsent. */
int channel_write(struct channel *c, struct buf *b, int64_t ms, struct err *e);
/* Appends what has come in, waiting for it up to ms. */
int channel_read(struct channel *c, struct buf *out, int64_t ms, struct err *e);
/* ERR_IO when something came in plain text and is not yet read: it must not be believed. */
int channel_starttls(struct channel *c, struct slice name, bool verify, int64_t ms, struct err *e);
struct slice channel_local(struct channel *c); /* our address: "192.0.2.1" */
struct slice channel_tls(struct channel *c);   /* summary; empty in plain text */

/* Every wait, now and later, ends with ERR_BUSY: the server stops. */
void channels_interrupt(bool on);
