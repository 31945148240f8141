/* sieve.h - Sieve (RFC 5228 and its extensions): a script becomes byte code, the byte code is
   loaded (and verified), and run on a message. What comes out is data: a list of actions. Nothing
   here does I/O; what a script asks of the world (mailboxes, lists, memories) goes through a table
   of functions.

   A program may be kept and shared by threads; a run belongs to one. All that a call returns lives
   in the arena that it was given. Strings of scripts and results are UTF-8 without NUL as far as
   the script was; what comes from a message may be any UTF-8. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/setting.h"
#include "format/message.h"

SETTING_DECLARE(sieve, script_max);
SETTING_DECLARE(sieve, nesting_max);
SETTING_DECLARE(sieve, code_max);
SETTING_DECLARE(sieve, steps_max);
SETTING_DECLARE(sieve, work_max);
SETTING_DECLARE(sieve, actions_max);
SETTING_DECLARE(sieve, redirects_max);
SETTING_DECLARE(sieve, notices_max);
SETTING_DECLARE(sieve, include_depth);
SETTING_DECLARE(sieve, includes_max);
SETTING_DECLARE(sieve, variables_max);
SETTING_DECLARE(sieve, variable_size);
SETTING_DECLARE(sieve, memory_max);
SETTING_DECLARE(sieve, vacation_min);
SETTING_DECLARE(sieve, vacation_max);

struct sieve_limits {
    size_t script;      /* bytes of a script */
    uint32_t nesting;   /* blocks, tests in tests */
    uint32_t code;      /* instructions, constants, arguments: each of them */
    uint64_t steps;     /* instructions executed */
    uint64_t work;      /* bytes looked at by tests */
    uint32_t actions;   /* in the outcome */
    uint32_t redirects; /* of these */
    uint32_t notices;
    uint32_t include_depth, includes;
    uint32_t variables; /* of one scope */
    size_t variable_size;
    size_t memory;                       /* of a run */
    uint64_t vacation_min, vacation_max; /* seconds */
};
struct sieve_limits sieve_limits(void); /* the values of the settings now */

struct sieve_place {
    uint32_t line, column; /* from 1; columns count bytes */
};

/* Compiles to byte code, in the arena. -1: ERR_SYNTAX or ERR_LIMIT, *ret_at says where, the text
   begins with "line L, column C: ". `limits` NULL: those of the settings. `withheld` names the
   extensions that are not to be had here, separated by blanks; NULL: all are. */
int sieve_compile(struct slice script, const struct sieve_limits *limits, const char *withheld,
                  struct arena *a, struct slice *ret_code, struct sieve_place *ret_at,
                  struct err *e);

/* Byte code ready to run. Any bytes may be given: what could not have been written by the compiler
   is refused with ERR_CORRUPT. The program borrows `code`. */
struct sieve_program;
int sieve_load(struct slice code, const struct sieve_limits *limits, struct arena *a,
               const struct sieve_program **ret, struct err *e);
void sieve_disassemble(const struct sieve_program *p, struct buf *out);

/* Appends the names of all extensions, separated by blanks: SIEVE of RFC 5804 1.7. */
void sieve_extensions(struct buf *out);

struct sieve_list {
    struct slice *items;
    size_t n;
};

/* What the world behind a script knows. Every function may be NULL, and then nothing is known.
   1 yes, 0 no, -1 an error (the run ends with it). Appended text goes to `out`. */
struct sieve_world {
    /* Byte code of a script of the account, or of the site (RFC 6609). */
    int (*script)(void *ctx, bool site, struct slice name, struct arena *a, struct slice *ret_code,
                  struct err *e);
    int (*mailbox)(void *ctx, struct slice name, struct err *e);  /* may be delivered to */
    int (*mailbox_id)(void *ctx, struct slice id, struct err *e); /* RFC 9042 */
    int (*special_use)(void *ctx, struct slice mailbox, struct slice flag, struct err *e);
    /* RFC 5490; mailbox.p NULL: of the server. 0: there is no such entry. */
    int (*metadata)(void *ctx, struct slice mailbox, struct slice entry, struct buf *out,
                    struct err *e);
    int (*environment)(void *ctx, struct slice item, struct buf *out, struct err *e);
    /* RFC 7352: was it seen before this run? */
    int (*duplicate)(void *ctx, struct slice handle, struct slice id, uint64_t seconds,
                     struct err *e);
    /* RFC 5230: was a reply with that key sent to that address so lately? */
    int (*replied)(void *ctx, struct slice key, struct slice to, uint64_t seconds, struct err *e);
    /* Is it one of the owner's addresses? */
    int (*own_address)(void *ctx, struct slice address, struct err *e);
    /* RFC 5435: a method other than mailto. capability.p NULL: is it valid? */
    int (*notify_method)(void *ctx, struct slice uri, struct slice capability, struct buf *out,
                         struct err *e);
    /* RFC 6134: value.p NULL: is there such a list? Else the member that it matched in `out`. */
    int (*list)(void *ctx, struct slice list, struct slice value, struct buf *out, struct err *e);
    /* RFC 5235: was it tested, and how sure is it, 0 to 100; viruses 0 to 5 as the RFC has them. */
    int (*score)(void *ctx, bool virus, unsigned *ret, struct err *e);
    /* Each instruction before it is run; `text` as the disassembler has it. */
    void (*trace)(void *ctx, struct slice script, uint32_t line, struct slice text);
};

struct sieve_envelope {
    bool present; /* false: tests of it are false (RFC 6785 3.6) */
    struct slice from, to, auth;
    struct slice notify; /* "SUCCESS,FAILURE"; p NULL: not given (RFC 6009) */
    struct slice orcpt, ret, envid;
    bool by; /* RFC 2852 */
    int64_t by_seconds;
    char by_mode; /* 'N', 'R' */
    bool by_trace;
};

struct sieve_input {
    struct slice message;
    const struct message *parsed; /* or NULL */
    struct sieve_envelope envelope;
    struct slice script_name;
    struct slice owner;      /* the address of who owns the script */
    struct sieve_list flags; /* that the message has already (RFC 6785) */
    int64_t now;             /* seconds since 1970 UTC */
    int32_t zone;            /* seconds east */
};

enum sieve_do {
    SIEVE_KEEP,
    SIEVE_FILEINTO,
    SIEVE_REDIRECT,
    SIEVE_REJECT,  /* a refusal or a message disposition notification (RFC 5429 2.2) */
    SIEVE_EREJECT, /* a refusal in the protocol where that can be (RFC 5429 2.1) */
    SIEVE_VACATION,
    SIEVE_NOTIFY,
    SIEVE_DO_COUNT,
};
extern const char *const sieve_do_names[SIEVE_DO_COUNT];

/* Where a message is put. */
struct sieve_mailbox {
    struct slice name;
    struct slice id, special_use; /* p NULL: not given; tried before the name */
    struct sieve_list flags;      /* where `has_flags` */
    bool has_flags, create;
};

struct sieve_action {
    enum sieve_do what;
    uint32_t line;                /* of the script that did it; 0: the implicit keep */
    struct slice script;          /* its name */
    bool edited;                  /* header and body are no longer what came in */
    struct slice header, body;    /* the message as it is to be stored or sent */
    struct sieve_mailbox mailbox; /* keep (name INBOX), fileinto; or the copy of what is sent: */
    bool fcc;                     /* RFC 8580 */
    bool copy;                    /* RFC 3894 */
    struct slice to;   /* redirect, vacation: the address; redirect to a list, notify: its URI */
    bool list;         /* redirect: to is an external list (RFC 6134 2.3) */
    struct slice text; /* reject: reason; vacation: body; notify: message */
    struct slice subject, from;           /* vacation, notify */
    bool mime;                            /* vacation: text is a MIME entity */
    struct slice key;                     /* vacation: to remember it by */
    uint64_t seconds;                     /* vacation: how long; 0: answer each time */
    struct slice in_reply_to, references; /* vacation: values of these fields, or empty */
    unsigned importance;                  /* notify: 1 to 3 */
    struct sieve_list options;            /* notify */
    struct slice dsn_notify, dsn_ret;     /* redirect (RFC 6009); p NULL: not given */
    bool by, by_trace;
    int64_t by_seconds; /* from now */
    char by_mode;
};

struct sieve_duplicate { /* to be remembered once all actions are done */
    struct slice handle, id;
    uint64_t seconds;
    bool last;
};

struct sieve_outcome {
    struct sieve_action *actions;
    size_t n;
    struct sieve_duplicate *duplicates;
    size_t n_duplicates;
    bool failed; /* an error ended it; the only action is the implicit keep of what came in */
    struct err error;
    uint32_t line; /* of the error */
    struct slice script;
    struct sieve_list silent; /* why a vacation was not answered, one text each */
    struct sieve_list flags;  /* the internal variable at the end, where has_flags (RFC 6785 3.4) */
    bool has_flags;
    uint64_t steps, work; /* used */
};

/* Runs to the end; what goes wrong is in the outcome (RFC 5228 2.10.6: an implicit keep). The arena
   should have `limits->memory` as its limit. -1 only when there is no memory even for that. */
int sieve_run(const struct sieve_program *p, const struct sieve_input *in,
              const struct sieve_world *world, void *ctx, const struct sieve_limits *limits,
              struct arena *a, struct sieve_outcome *ret, struct err *e);

/* Appends one line for each action, for people and tests. */
void sieve_outcome_write(const struct sieve_outcome *o, struct buf *out);
