/* dsn.h - delivery status notifications: RFC 3461, 3462 (6522), 3464, 6533. Never about a message
   from <>. */
#pragma once

#include "base/buf.h"
#include "store/outbox.h"

enum dsn_action { DSN_FAILED, DSN_DELAYED, DSN_DELIVERED, DSN_RELAYED, DSN_EXPANDED };

struct dsn_recipient {
    const struct outbox_recipient *recipient;
    enum dsn_action action;
    struct slice status;     /* "5.1.1" */
    struct slice diagnostic; /* the server's reply; empty: none */
    struct slice remote;     /* the server; empty: none */
};

/* May this recipient's sender be told of that? RFC 3461 4.1: without NOTIFY, failure and delay. */
bool dsn_wanted(const struct outbox_message *m, unsigned notify, enum dsn_action action);

/* The whole report. `original`: the message (returned whole) or its header. to: m->from. */
void dsn_write(const struct outbox_message *m, const struct dsn_recipient *r, size_t n,
               struct slice original, bool whole, struct buf *out);
