/* header_edit.h - header fields that servers put before a message: Received, Return-Path,
   Delivered-To. Folded with CRLF at 78 columns; whatever comes from outside loses its controls, so
   that no field can be injected. */
#pragma once

#include "base/buf.h"
#include "format/date.h"

struct trace {
    struct slice helo;     /* what the client called itself */
    struct slice address;  /* its IP address as text: "192.0.2.1", "2001:db8::1"; may be empty */
    struct slice name;     /* its reverse name when verified, or empty */
    struct slice user;     /* authenticated as, or empty (then nothing is said) */
    struct slice by;       /* our name */
    struct slice protocol; /* "SMTP", "ESMTP", "ESMTPS", "ESMTPSA", "LMTP", "UTF8SMTP" ... */
    struct slice tls;      /* "TLSv1.3 TLS_AES_256_GCM_SHA384", or empty */
    struct slice id;       /* queue or trace id */
    struct slice rcpt;     /* the only recipient, or empty (RFC 5321 7.2: no blind copies shown) */
    struct date date;
};

/* Appends "Received: from ...;\r\n date\r\n". RFC 5321 4.4 */
void header_received(const struct trace *t, struct buf *out);
/* Appends "Return-Path: <sender>\r\n"; the empty sender gives "<>". */
void header_return_path(struct slice sender, struct buf *out);
/* Appends "Delivered-To: address\r\n". */
void header_delivered_to(struct slice address, struct buf *out);
/* Appends "Name: value\r\n", ASCII folded at blanks, the rest as RFC 2047 words. */
void header_text(struct slice name, struct slice utf8, struct buf *out);
