/* session.h - one ManageSieve connection. Internal to src/managesieve. While the desk is asked or a
   job runs, the session is busy and its connection paused: requests that are pipelined wait. */
#pragma once

#include "auth/auth.h"
#include "io/job.h"
#include "mail/desk.h"
#include "mail/scripts.h"
#include "managesieve/managesieve.h"
#include "proto/managesieve/command.h"

enum managesieve_allowed { MS_NONAUTH = 1, MS_AUTH = 2, MS_ANY = 3 };

struct managesieve_session {
    struct conn *c; /* NULL: the connection has ended while it was busy */
    bool authenticated, job, paused, ended, stopping;
    bool securing; /* between STARTTLS and the end of the handshake */
    bool exchange; /* SASL: requests are answers */
    bool kept;     /* the desk has it */
    int64_t opened_ms, began_us;
    unsigned errors;
    struct managesieve_scan scan;
    struct buf request; /* so far */
    struct identity who;
    struct desk *desk; /* NULL: nothing is asked */
    void (*answered)(struct managesieve_session *s, const struct desk_answer *a);
    struct slice command;
    bool failed;
    struct spending spent;
};

struct managesieve_job;
typedef void managesieve_run_fn(struct managesieve_job *j, struct err *e);

/* A request that asks the store; with its arguments, at READ. */
struct managesieve_job {
    struct job job;
    struct managesieve_session *s;
    uint64_t account;
    struct arena arena;
    struct managesieve_command command;
    managesieve_run_fn *run;
    struct buf out;   /* in front of the OK */
    const char *code; /* of the refusal; NULL: by the error */
};

/* --- replies -------------------------------------------------------------------------------- */
/* code: "NONEXISTENT" or NULL; text is for people. */
void managesieve_ok(struct managesieve_session *s, struct slice code, const char *text);
void managesieve_no(struct managesieve_session *s, const char *code, const char *text);
void managesieve_bye(struct managesieve_session *s, const char *code, const char *text);
void managesieve_string(struct slice text, struct buf *out); /* quoted, or a literal */
void managesieve_capabilities(struct managesieve_session *s, struct buf *out);

/* --- work ----------------------------------------------------------------------------------- */
void managesieve_work(struct managesieve_session *s, const struct managesieve_command *c,
                      managesieve_run_fn *run);
void managesieve_ask(struct managesieve_session *s, const struct desk_question *q,
                     void (*answered)(struct managesieve_session *, const struct desk_answer *));
void managesieve_leave_desk(struct managesieve_session *s);

/* --- commands ------------------------------------------------------------------------------- */
void managesieve_cmd_authenticate(struct managesieve_session *s,
                                  const struct managesieve_command *c);
void managesieve_auth_answer(struct managesieve_session *s, const struct managesieve_command *c);
void managesieve_auth_end(struct managesieve_session *s);
void managesieve_enter(struct managesieve_session *s); /* who is known */
managesieve_run_fn managesieve_checkscript, managesieve_deletescript, managesieve_getscript,
    managesieve_havespace, managesieve_listscripts, managesieve_putscript, managesieve_renamescript,
    managesieve_setactive;
