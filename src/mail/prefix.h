/* prefix.h - the lines that a hop puts on top of a message: Return-Path and Delivered-To at the
   final one (RFC 5321 4.4), Received at each. They are kept apart from the bytes, so that one
   message to a thousand people is stored once. */
#pragma once

#include "base/buf.h"

/* How the message came. Slices borrowed. */
struct mail_received {
    struct slice helo;      /* as the client named itself; empty: locally made */
    struct slice peer_name; /* from XCLIENT or XFORWARD; may be empty */
    struct slice peer;      /* address; empty: hidden */
    struct slice with;      /* "ESMTPS", RFC 3848, RFC 6531 4.3 */
    struct slice tls;       /* summary, empty in plain text */
    struct slice id;        /* trace id */
    struct slice recipient; /* the only one; empty when there are several */
    int64_t at;             /* seconds */
};
void mail_received_write(const struct mail_received *r, struct buf *out);

/* Return-Path and Delivered-To. */
void mail_final_write(struct slice from, struct slice recipient, struct buf *out);
void mail_delivered_to_write(struct slice recipient, struct buf *out);
