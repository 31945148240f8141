/* session.h - one POP3 connection. Internal to src/pop3. While a job runs or a long answer is being
   sent, the session is busy and its connection paused: commands that are pipelined wait. */
#pragma once

#include "auth/auth.h"
#include "io/job.h"
#include "pop3/maildrop.h"
#include "pop3/pop3.h"
#include "pop3/surrogate.h"
#include "proto/pop3/command.h"
#include "proto/text/dot.h"
#include "proto/text/line.h"
#include "store/message.h"

enum pop3_state { POP3_AUTHORIZATION = 1, POP3_TRANSACTION = 2, POP3_ANY = 3 };

/* An answer of many lines that is sent in pieces as the client reads. */
struct pop3_listing {
    void (*line)(const struct pop3_message *m, size_t number, struct buf *out); /* NULL: none */
    size_t next;
};

/* RETR and TOP. */
struct pop3_reading {
    struct message_bytes *bytes; /* NULL: none */
    struct surrogate *surrogate; /* NULL: as it is stored */
    uint64_t at;
    struct dot_writer dots;
    bool is_top;
    struct pop3_top top;
};

struct read_job;

struct pop3_session {
    struct conn *c; /* NULL: the connection has ended while a job runs */
    enum pop3_state state;
    bool job, paused, ended, stopping, locked;
    bool securing; /* between STLS and the end of the handshake */
    bool utf8;     /* the client said UTF8 */
    int64_t opened_ms;
    unsigned errors;
    uint64_t retrieved, deleted;
    struct line_scan line;
    char user[1024]; /* of USER */
    struct identity who;
    struct login_exchange *auth; /* not NULL: lines are answers */
    bool auth_line;
    struct maildrop drop;
    struct pop3_listing listing;
    struct pop3_reading reading;
    struct read_job *gathered; /* RETR after RETR, not begun yet */
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
/* j is the first member of something from calloc, freed after finish; account: for PLACE_WRITE. */
void pop3_run(struct pop3_session *s, struct pop3_job *j, enum place place, uint64_t account,
              enum job_next (*run)(struct job *, struct txn *),
              void (*finish)(struct pop3_session *, struct pop3_job *));

/* --- logging in ----------------------------------------------------------------------------- */
/* What both PASS and AUTH do once the identity is known, in their job: lock and read INBOX. */
struct pop3_entry {
    struct maildrop drop;
    bool in_use, locked, logged_in;
    struct identity who;
};
void pop3_enter(struct pop3_entry *en, struct err *e);
void pop3_entered(struct pop3_session *s, struct pop3_entry *en, const struct err *e);
void pop3_entry_clear(struct pop3_entry *en); /* gives back what was not taken over */
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
