/* reply.h - SMTP replies, written by the server and read by the client. RFC 5321 4.2, RFC 2034. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

/* Appends a reply of one or more lines (cut at '\n' in text), each with the code and, unless it is
   empty, the enhanced status code. What is not printable ASCII becomes '?', so that nothing a
   stranger sent can begin a line (RFC 6531 3.7.4 allows no UTF-8 here). Lines are cut to 510
   octets. */
void smtp_reply_write(struct buf *out, unsigned code, struct slice enhanced, struct slice text);

/* One whole reply as the client reads it. Zeroed at the start; text grows to SMTP_REPLY_MAX. */
enum { SMTP_REPLY_MAX = 64 * 1024, SMTP_REPLY_LINE_MAX = 2048 };

struct smtp_reply {
    unsigned code;     /* 250 */
    char enhanced[12]; /* "5.1.1" of the first line, or empty */
    struct buf text;   /* the lines' texts joined by '\n', enhanced code left in */
    bool done;
    /* the line in hand */
    char line[SMTP_REPLY_LINE_MAX];
    size_t n;
};
void smtp_reply_done(struct smtp_reply *r);  /* frees */
void smtp_reply_reset(struct smtp_reply *r); /* for the next one */

/* Returns how many bytes were taken (all, unless done), or -1: not SMTP, or too long. */
ptrdiff_t smtp_reply_feed(struct smtp_reply *r, struct slice in, struct err *e);

/* What a server offers in its EHLO reply. */
enum smtp_cap {
    SMTP_CAP_PIPELINING = 1,
    SMTP_CAP_SIZE = 2,
    SMTP_CAP_8BITMIME = 4,
    SMTP_CAP_SMTPUTF8 = 8,
    SMTP_CAP_CHUNKING = 16,
    SMTP_CAP_BINARYMIME = 32,
    SMTP_CAP_DSN = 64,
    SMTP_CAP_ENHANCED = 128,
    SMTP_CAP_STARTTLS = 256,
    SMTP_CAP_AUTH = 512,
    SMTP_CAP_LIMITS = 1024,
    SMTP_CAP_XCLIENT = 2048,
};
enum smtp_auth_mechanism { SMTP_AUTH_PLAIN = 1, SMTP_AUTH_LOGIN = 2 };

struct smtp_caps {
    unsigned bits;
    uint64_t size_max; /* 0: not said */
    unsigned auth;     /* enum smtp_auth_mechanism */
    uint64_t mail_max; /* RFC 9422 MAILMAX, RCPTMAX; 0: not said */
    uint64_t rcpt_max;
};
/* text: of the EHLO reply. Unknown lines are passed over. */
void smtp_caps_parse(struct slice text, struct smtp_caps *ret);
