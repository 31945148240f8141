/* desk.h - what a session of SMTP, submission or LMTP asks of who holds the mail: is the password
   right, may they send as this, who is this recipient, take this message. A session has one desk,
   and one question at a time. The answer comes on the desk's loop and never from inside the call;
   one that is in memory is there when the call returns.

   What was proved stays with the desk: a log-in, the sender that was allowed, the recipients. A
   question never says for whom it is, so whoever asks needs not be trusted for more than what was
   proved over this desk. */
#pragma once

#include "auth/auth.h"
#include "mail/accept.h"

struct desk;

enum desk_verb {
    DESK_LOGIN,     /* peer, mechanism, has_in, in: a log-in begins */
    DESK_LOGIN_ON,  /* has_in, in */
    DESK_VERIFY,    /* recipient.address, expand: for who has logged in, with smtp.verify */
    DESK_SENDER,    /* from: submission, before the first recipient */
    DESK_RECIPIENT, /* recipient */
    DESK_BODY,      /* body: a piece of the message, when there is much of it already */
    DESK_ACCEPT,    /* message, body: the last piece. The mail is over after it, see DESK_RESET */
    /* without an answer */
    DESK_LOGIN_END, /* the log-in under way is given up */
    DESK_RESET,     /* sender, recipients and message are forgotten */
    DESK_VERBS
};

struct desk_recipient {
    struct slice address, orcpt;
    unsigned notify;
    uint64_t size; /* of the message, as MAIL said; 0: not said */
};

struct desk_message {
    struct trace trace;
    struct slice from, envid, received; /* as in struct mail_accept */
    bool ret_full, ret_hdrs, smtputf8, eight_bit, binary;
    uint64_t header_size;
};

struct desk_question {
    enum desk_verb verb;
    const struct auth_peer *peer;
    struct slice mechanism, in; /* in: not in base 64 */
    bool has_in;
    struct slice from;
    struct desk_recipient recipient;
    bool expand;        /* the members of a list too */
    struct spool *body; /* in memory; it is taken, and empty afterwards */
    struct desk_message message;
};

/* The slices live until the function that gets it returns. */
struct desk_answer {
    struct err err; /* texts begin with the enhanced status code, but for those of log-ins */
    struct spending spent;
    bool unqualified; /* recipient: of another domain, which is not whole (RFC 6409 4.2) */
    enum sasl_result result;
    struct slice challenge;
    struct slice text; /* verify: addresses in brackets, one a line; empty: too many */
    struct identity who;
    const struct mail_recipient *each; /* accept: their err, when err is none */
    size_t n;
};
typedef void desk_answered(void *user, const struct desk_answer *a);

/* user: for the answers. */
struct desk *desk_open(struct loop *l, enum mail_accept_kind kind, void *user);
/* Everything of q is copied, but for body, which is taken. true: *ret is the answer
   already, and answered is not called; its slices live until the desk is asked or told the next. */
bool desk_ask(struct desk *d, const struct desk_question *q, desk_answered *answered,
              struct desk_answer *ret);
void desk_tell(struct desk *d, enum desk_verb verb); /* not while a question is under way */
void desk_close(struct desk *d);                     /* the same; NULL is fine */
