/* session.h - one POP3 connection. Internal to src/pop3. While the desk is asked, a job runs or a
   long answer is being sent, the session is busy and its connection paused: commands that are
   pipelined wait. */
#pragma once

#include "auth/auth.h"
#include "io/job.h"
#include "mail/desk.h"
#include "pop3/letter.h"
#include "pop3/maildrop.h"
#include "pop3/pop3.h"
#include "pop3/surrogate.h"
#include "proto/pop3/command.h"
#include "proto/text/dot.h"
#include "proto/text/line.h"

enum pop3_state { POP3_AUTHORIZATION = 1, POP3_TRANSACTION = 2, POP3_ANY = 3 };

/* An answer of many lines that is sent in pieces as the client reads. */
struct pop3_listing {
    void (*line)(const struct pop3_message *m, size_t number, struct buf *out); /* NULL: none */
    size_t next;
};

/* RETR and TOP. */
struct pop3_reading {
    struct letter letter;        /* its desk NULL: none */
    struct surrogate *surrogate; /* NULL: as it is stored */
    bool kept;                   /* by the desk, for what is still to be read */
    uint64_t at;
    struct dot_writer dots;
    bool is_top;
    struct pop3_top top;
};

struct read_job;

struct pop3_session {
    struct conn *c; /* NULL: the connection has ended while it was busy */
    enum pop3_state state;
    bool job, paused, ended, stopping; /* job: or a question is under way */
    bool securing;                     /* between STLS and the end of the handshake */
    bool utf8;                         /* the client said UTF8 */
    int64_t opened_ms;
    unsigned errors;
    uint64_t retrieved, deleted;
    struct line_scan line;
    char user[1024]; /* of USER */
    struct identity who;
    struct desk *desk; /* NULL: nothing was asked yet */
    void (*answered)(struct pop3_session *s, const struct desk_answer *a);
    bool authenticating; /* the desk has an exchange */
    bool auth_line;      /* lines are answers */
    struct maildrop drop;
    struct pop3_listing listing;
    struct pop3_reading reading;
    struct read_job *gathered; /* RETR after RETR, not begun yet */
    struct read_job *asked;    /* the desk is asked for what it needs */
    /* commands under way, for timing.h: more than one are RETR in a row, answered together */
    struct slice command;
    unsigned together;
    bool failed;
    int64_t began_us;
    struct spending spent;
};

/* --- replies -------------------------------------------------------------------------------- */
void pop3_ok(struct pop3_session *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* code: "[IN-USE]" (RFC 2449 8, RFC 3206) or "" */
void pop3_err(struct pop3_session *s, const char *code, const char *text);
void pop3_end(struct pop3_session *s);
/* Refused commands: too many end the session. */
void pop3_count_errors(struct pop3_session *s, unsigned n);
/* The answer of STAT-like commands: message number `arg` from 1 to its index; false: told. */
bool pop3_number(struct pop3_session *s, struct slice arg, size_t *ret);
void pop3_listing_start(struct pop3_session *s,
                        void (*line)(const struct pop3_message *, size_t, struct buf *));

/* --- jobs ----------------------------------------------------------------------------------- */
struct pop3_job {
    struct job job;
    struct pop3_session *s;
    void (*finish)(struct pop3_session *s, struct pop3_job *j); /* on the loop, connection alive */
    void (*clear)(struct pop3_job *j);                          /* in every case; may be NULL */
};
/* At READ. j is the first member of something from calloc, freed after finish. */
void pop3_run(struct pop3_session *s, struct pop3_job *j,
              enum job_next (*run)(struct job *, struct txn *),
              void (*finish)(struct pop3_session *, struct pop3_job *));
/* answered: on the loop, when the connection is still there. */
void pop3_ask(struct pop3_session *s, const struct desk_question *q,
              void (*answered)(struct pop3_session *, const struct desk_answer *));
void pop3_leave_desk(struct pop3_session *s); /* with it go the log-in and INBOX */

/* --- logging in ----------------------------------------------------------------------------- */
/* What both PASS and AUTH do once it is known who it is: take and read INBOX. */
void pop3_enter(struct pop3_session *s);
void pop3_refused(struct pop3_session *s, const struct err *e); /* it is not: why */
void pop3_auth_line(struct pop3_session *s, struct slice line);
void pop3_auth_end(struct pop3_session *s);

void pop3_piece(struct pop3_session *s); /* the next piece of RETR or TOP */
void pop3_reading_end(struct pop3_session *s);

/* --- commands ------------------------------------------------------------------------------- */
void pop3_cmd_auth(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_capa(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_dele(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_lang(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_list(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_noop(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_pass(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_quit(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_retr(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_rset(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_stat(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_stls(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_top(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_uidl(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_user(struct pop3_session *s, const struct pop3_command *c);
void pop3_cmd_utf8(struct pop3_session *s, const struct pop3_command *c);
