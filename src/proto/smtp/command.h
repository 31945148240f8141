/* command.h - SMTP and LMTP commands as the server reads them: a verb and its arguments, and for
   each verb with arguments a parser that knows its extensions. RFC 5321 4.1.1 and the RFCs named
   below.

   Errors: the text begins with the enhanced status code to answer. ERR_SYNTAX answers 501,
   ERR_UNSUPPORTED 555 (unknown or not offered parameter), ERR_LIMIT 552. Strings live in the arena
   unless said otherwise. */
#pragma once

#include "proto/smtp/path.h"

struct smtp_command {
    struct slice verb; /* as written */
    struct slice args; /* without the blanks around; may be empty */
};

/* Points into the line. ERR_SYNTAX: no verb, or NUL and other controls in the line; 8-bit text is
   allowed here and judged by each parser. */
int smtp_command_parse(struct slice line, struct smtp_command *ret, struct err *e);

/* What the server offers now: parameters of others are refused with ERR_UNSUPPORTED. */
enum smtp_offer {
    SMTP_OFFER_SIZE = 1,       /* RFC 1870 */
    SMTP_OFFER_8BITMIME = 2,   /* RFC 6152 */
    SMTP_OFFER_SMTPUTF8 = 4,   /* RFC 6531 */
    SMTP_OFFER_BINARYMIME = 8, /* RFC 3030 */
    SMTP_OFFER_DSN = 16,       /* RFC 3461 */
    SMTP_OFFER_AUTH = 32,      /* RFC 4954 5 */
};

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME, SMTP_BODY_BINARYMIME };
enum smtp_ret { SMTP_RET_NONE, SMTP_RET_FULL, SMTP_RET_HDRS };
enum smtp_notify {
    SMTP_NOTIFY_NEVER = 1,
    SMTP_NOTIFY_SUCCESS = 2,
    SMTP_NOTIFY_FAILURE = 4,
    SMTP_NOTIFY_DELAY = 8,
};

struct smtp_mail {
    struct smtp_path from; /* address.n == 0: <> */
    uint64_t size;         /* 0: not said */
    enum smtp_body body;
    bool utf8;
    enum smtp_ret ret;
    struct slice envid; /* decoded; empty: none */
    struct slice auth;  /* decoded; "<>" or a mailbox; empty: none */
};
/* args: "FROM:<...> SIZE=..." */
int smtp_mail_parse(struct slice args, unsigned offer, struct arena *a, struct smtp_mail *ret,
                    struct err *e);

struct smtp_rcpt {
    struct smtp_path to;
    unsigned notify;    /* enum smtp_notify; 0: default */
    struct slice orcpt; /* decoded "rfc822;user@example"; empty: none */
};
/* args: "TO:<...> NOTIFY=..."; utf8: MAIL had SMTPUTF8 */
int smtp_rcpt_parse(struct slice args, unsigned offer, bool utf8, struct arena *a,
                    struct smtp_rcpt *ret, struct err *e);

/* The name of EHLO, HELO and LHLO: a domain or an address literal. HELO in the wild says anything
   printable: what the grammar does not allow is cut to `ret` all the same when `lenient`. */
int smtp_helo_parse(struct slice args, bool lenient, struct slice *ret, struct err *e);

/* RFC 3030 2: "1024 LAST". */
int smtp_bdat_parse(struct slice args, uint64_t *ret_size, bool *ret_last, struct err *e);

/* RFC 4954 4: "PLAIN =" or "PLAIN dGVzdA==": ret_initial.p == NULL when there is none; "=" gives an
   empty one. Not decoded; points into args. */
int smtp_auth_parse(struct slice args, struct slice *ret_mechanism, struct slice *ret_initial,
                    struct err *e);

/* XCLIENT and XFORWARD: "NAME=mail.example ADDR=192.0.2.1", values in xtext. One at a time off
   *args: 1 and the pair (value in the arena, empty for [UNAVAILABLE] and [TEMPUNAVAIL]), 0 at the
   end, -1. */
int smtp_attribute_next(struct slice *args, struct arena *a, struct slice *ret_name,
                        struct slice *ret_value, struct err *e);
