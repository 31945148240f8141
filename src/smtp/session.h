/* session.h - one SMTP, submission or LMTP connection. Internal to src/smtp.

   A session reads commands, the text of a message, a BDAT chunk, or the answers of an AUTH
   exchange. While its desk (mail/desk.h) has a question, it is busy: its connection is paused and
   what the client sent meanwhile waits. When the connection ends before the answer, the session
   lives on without it until the answer has come. */
#pragma once

#include "auth/auth.h"
#include "io/loop.h"
#include "io/pace.h"
#include "mail/desk.h"
#include "proto/smtp/command.h"
#include "proto/smtp/data.h"
#include "proto/text/line.h"
#include "smtp/smtp.h"

enum smtp_kind { KIND_MTA = 1, KIND_SUBMISSION = 2, KIND_LMTP = 4, KIND_ANY = 7 };

struct smtp_profile {
    const char *service; /* "smtp", "submission", "lmtp": logs, metrics, throttling */
    enum smtp_kind kind;
    unsigned index; /* of the metrics' label */
};

enum smtp_state {
    STATE_START = 1,  /* no EHLO yet */
    STATE_READY = 2,  /* greeted */
    STATE_MAIL = 4,   /* a sender */
    STATE_RCPT = 8,   /* a recipient at least */
    STATE_CHUNK = 16, /* BDAT has begun */
    STATE_ANY = 31,
};

enum smtp_reading { READ_COMMAND, READ_DATA, READ_CHUNK, READ_AUTH };

/* What MAIL begins and the end of the message, RSET or EHLO ends. */
struct smtp_transaction {
    struct arena arena;
    struct smtp_mail mail;
    struct slice *recipients; /* those that were taken */
    size_t n, cap;
    struct trace trace;
    struct smtp_data data;
    struct buf thrown;  /* text of a message that is refused already */
    struct spool body;  /* what the desk does not have yet: in memory */
    struct err refused; /* why the message will be refused when its end has come */
    unsigned refused_code;
};

/* Values that a trusted hop gave by XCLIENT or XFORWARD; empty: not given. */
struct smtp_client_facts {
    char address[64];
    char name[256];
    char helo[256];
};

struct smtp_session {
    struct conn *c; /* NULL: the connection has ended while it was busy */
    const struct smtp_profile *profile;
    enum smtp_state state;
    enum smtp_reading reading;
    bool esmtp, greeted, busy, ended, stopping, logged_in;
    bool securing; /* between STARTTLS and the end of the handshake */
    unsigned errors, messages;
    struct line_scan line;
    int64_t opened_ms, line_since_ms; /* the command in hand began; 0: there is none */
    struct pace pace;                 /* of the transaction, or of a chunk without one */
    char helo[SMTP_DOMAIN_MAX + 1];
    struct smtp_client_facts client, forward; /* XCLIENT, XFORWARD */
    struct identity who;                      /* when logged_in */
    bool authenticating;                      /* the desk has an exchange */
    struct desk *desk;                        /* NULL: nothing was asked yet */
    void (*finish)(struct smtp_session *s, const struct desk_answer *a);
    struct smtp_transaction *t;
    /* BDAT */
    uint64_t chunk_left;
    bool chunk_last, chunk_thrown;
    size_t owed; /* LMTP: recipients of the transaction that a refused chunk ended */
    struct timer greeting;
    /* the command under way, for timing.h */
    struct slice command; /* empty: none */
    enum err_code failed; /* a refusal was said */
    int64_t began_us;
    struct spending spent;
};

/* --- replies -------------------------------------------------------------------------------- */
void smtp_session_reply(struct smtp_session *s, unsigned code, const char *enhanced,
                        const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* A refusal that counts against smtp.errors_max. The text is e's; its enhanced code when it begins
   with one, else the one given. */
void smtp_session_refuse(struct smtp_session *s, unsigned code, const char *enhanced,
                         const struct err *e);
void smtp_session_error(struct smtp_session *s, unsigned code, const char *enhanced,
                        const char *text);
/* RFC 6531 3.5: the refusal of an address that is not ASCII in a command that did not ask for
   SMTPUTF8; false, and nothing said: that was not the reason. */
bool smtp_session_needs_ascii(struct smtp_session *s, struct slice args, bool utf8, unsigned code);
/* The reply code for an error at the end of a message. */
unsigned smtp_session_code_of(const struct err *e);
/* Says it and closes. */
void smtp_session_end(struct smtp_session *s, unsigned code, const char *enhanced,
                      const char *text);

/* --- questions ------------------------------------------------------------------------------ */
/* finish: on the loop, when the connection is still there. */
void smtp_session_ask(struct smtp_session *s, const struct desk_question *q,
                      void (*finish)(struct smtp_session *, const struct desk_answer *));
void smtp_session_begin(struct smtp_session *s, struct slice command); /* its time runs */
void smtp_session_over(struct smtp_session *s); /* unless it is busy: the reply is said */

/* --- state ---------------------------------------------------------------------------------- */
void smtp_session_greet(struct smtp_session *s);
void smtp_session_forget(struct smtp_session *s);          /* as new: after STARTTLS and XCLIENT */
unsigned smtp_session_offer(const struct smtp_session *s); /* enum smtp_offer */
bool smtp_session_is_trusted(struct smtp_session *s);      /* smtp.trusted */
bool smtp_session_verifies(const struct smtp_session *s);  /* smtp.verify */
struct slice smtp_session_peer(struct smtp_session *s);    /* address, XCLIENT's when given */

int smtp_transaction_begin(struct smtp_session *s, struct err *e);
void smtp_transaction_end(struct smtp_session *s); /* harmless when there is none */
void smtp_transaction_refuse(struct smtp_session *s, unsigned code, enum err_code why,
                             const char *text);
/* Text of the message, decoded already or not; the whole of it is taken, when it is no more than
   SMTP_FEED_MAX. */
enum { SMTP_FEED_MAX = 256 * 1024 };
size_t smtp_transaction_feed(struct smtp_session *s, struct slice in);
void smtp_transaction_chunks_over(struct smtp_session *s); /* the last BDAT has been fed */
void smtp_transaction_spool(struct smtp_session *s); /* hands on what it keeps, when that is much */
void smtp_transaction_finish(struct smtp_session *s); /* the end of the message has come */

size_t smtp_chunk_feed(struct smtp_session *s, struct slice in);
void smtp_auth_line(struct smtp_session *s, struct slice line);
void smtp_auth_end(struct smtp_session *s);

/* --- commands ------------------------------------------------------------------------------- */
void smtp_cmd_auth(struct smtp_session *s, struct slice args);
void smtp_cmd_bdat(struct smtp_session *s, struct slice args);
void smtp_cmd_data(struct smtp_session *s, struct slice args);
void smtp_cmd_ehlo(struct smtp_session *s, struct slice args);
void smtp_cmd_expn(struct smtp_session *s, struct slice args);
void smtp_cmd_helo(struct smtp_session *s, struct slice args);
void smtp_cmd_help(struct smtp_session *s, struct slice args);
void smtp_cmd_mail(struct smtp_session *s, struct slice args);
void smtp_cmd_noop(struct smtp_session *s, struct slice args);
void smtp_cmd_quit(struct smtp_session *s, struct slice args);
void smtp_cmd_rcpt(struct smtp_session *s, struct slice args);
void smtp_cmd_rset(struct smtp_session *s, struct slice args);
void smtp_cmd_starttls(struct smtp_session *s, struct slice args);
void smtp_cmd_vrfy(struct smtp_session *s, struct slice args);
void smtp_cmd_xclient(struct smtp_session *s, struct slice args);
void smtp_cmd_xforward(struct smtp_session *s, struct slice args);
void smtp_cmd_http(struct smtp_session *s, struct slice args);
