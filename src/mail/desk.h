/* desk.h - what a session of SMTP, submission, LMTP or POP3 asks of who holds the mail: is the
   password right, may they send as this, who is this recipient, take this message, what is in
   INBOX. A session has one desk, and one question at a time. The answer comes on the desk's loop
   and never from inside the call; one that is in memory is there when the call returns.

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
    DESK_PASSWORD,  /* peer, name, in: name and password, in place of LOGIN */
    DESK_MAILDROP, /* uid, into: messages of INBOX behind it, as struct desk_row; none: that is all.
                      From the first question on INBOX is this desk's alone; ERR_CONFLICT */
    DESK_LETTERS,  /* uids, whole, into: the messages that DESK_BYTES is about from now on, a struct
                      desk_letter of each */
    DESK_BYTES,    /* piece, into */
    DESK_EXPUNGE,  /* set: these messages of INBOX go, and it is free again */
    /* without an answer */
    DESK_LOGIN_END,   /* the log-in under way is given up */
    DESK_RESET,       /* sender, recipients and message are forgotten */
    DESK_LETTERS_END, /* their bytes are not asked for any more */
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

enum { DESK_LETTERS_MAX = 64, DESK_PIECE_MAX = 1024 * 1024 };

/* Of DESK_MAILDROP. */
struct desk_row {
    uint64_t item, size;
    uint32_t uid, unused;
};

/* Of DESK_LETTERS; when it was `whole` that was asked for, the lines in front of the message and
   the index of its parts (format/part_index.h) come behind it. */
struct desk_letter {
    enum err_code err;
    uint32_t prefix_n, parts_n;
    uint64_t size; /* with the prefix */
};

/* [from, end) of a letter (an index of DESK_LETTERS), or a beginning of that which is not empty: to
   where a stored frame ends, best when there are `least` bytes. */
struct desk_piece {
    uint32_t letter;
    uint64_t from, least, end;
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
    struct slice name;
    uint32_t uid;
    const uint32_t *uids; /* DESK_LETTERS_MAX at most */
    size_t n_uids;
    bool whole;
    uint64_t ahead;   /* so many of their bytes come behind them: of whole letters in order, and of
                         the next to where a frame ends. When that is all there is, BYTES is over */
    struct slice set; /* of uids: uidset_pack() */
    struct desk_piece piece;
    struct buf *into; /* what the answer brings is put behind what is in it; lives until then */
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
/* In a job, while no question is under way: waits for the answer, without its slices. For MAILDROP,
   LETTERS and BYTES. */
int desk_call(struct desk *d, const struct desk_question *q, struct err *e);
/* The next of what LETTERS brought: -1 at the end. */
int desk_letter_next(struct slice *letters, struct desk_letter *ret, struct slice *ret_prefix,
                     struct slice *ret_parts);
void desk_tell(struct desk *d, enum desk_verb verb); /* not while a question is under way */
void desk_close(struct desk *d);                     /* the same; NULL is fine */
