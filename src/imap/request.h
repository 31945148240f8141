/* request.h - one command from its first byte to its tagged reply: the text and its literals, the
   arena, the output, and the job that carries it through the places. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "io/job.h"
#include "io/pace.h"
#include "proto/imap/literal.h"
#include "proto/imap/set.h"
#include "imap/session.h"

struct cmd_def;
struct idle_share;
struct keywords;
struct updates;

enum cmd_next {
    CMD_DONE,  /* well: "tag OK" follows */
    CMD_FAIL,  /* r->job.err says why; or r->bad */
    CMD_AGAIN, /* output is full or the step was long: call me again; at LOOP: when a line comes; at
                  WRITE: when this slice is committed */
    CMD_MOVE,  /* r->run at r->place is next */
    CMD_GONE,  /* at LOOP only: the handler has freed the request */
};

typedef enum cmd_next cmd_run(struct request *r, struct txn *t);

enum request_phase { PHASE_RUN, PHASE_SYNC };

struct request {
    struct job job; /* job.err is the command's error */
    struct session *s;
    const struct cmd_def *cmd;
    bool uid; /* "UID FETCH" and so on */

    /* what came */
    struct lit_scan scan;
    struct buf text;
    struct imap_literal *literals;
    size_t n_literals, cap_literals;
    size_t literal_bytes; /* in memory */
    struct err refused;   /* limits passed while reading: answered at the end of the command */
    bool refused_bad, skip_literal;
    bool answered; /* refused already, while its last literal is still coming */
    struct pace pace;
    struct arena arena;
    struct slice tag;
    void *args; /* parsed, in the arena */

    /* how it runs */
    enum request_phase phase;
    cmd_run *run;
    enum place place;
    enum cmd_next outcome;
    bool again;             /* the last step ended with CMD_AGAIN */
    bool bad;               /* the tagged reply is BAD */
    bool too_many_failures; /* of logins: BYE behind the reply */
    unsigned delay_ms;      /* a failed login is answered so much later */
    struct timer delay;
    bool broken;                         /* it failed inside a literal: the end */
    bool gone;                           /* the selected mailbox does not exist any more */
    struct txn *snapshot;                /* in a READ step */
    int64_t step_began;                  /* clock_mono_ms */
    void *state;                         /* the handler's */
    void (*state_done)(void *state);     /* frees what the arena does not hold */
    struct keywords *keywords;           /* of this step; see flags.h */
    struct updates *updates;             /* see updates.h */
    struct idle_share *share;            /* see idle_share.h */
    const struct uidset *force, *silent; /* FETCH responses that STORE wants or does not want */

    /* among the write commands of a group; see group.h */
    struct request *group_next, *group_prev;
    uint8_t member;              /* group.c */
    bool straight;               /* it is alone: from CPU to WRITE without coming back */
    bool waited;                 /* the last job did nothing: one before has slices to do */
    bool is_silent;              /* STORE with .SILENT */
    bool silent_told;            /* what `silent` names had its MODSEQ in the answers */
    bool turns_condstore_on;     /* see condstore.h */
    bool by_number;              /* UID SEARCH that names messages by number */
    const struct imap_set *set;  /* the messages that it names; NULL: none */
    unsigned slice;              /* how many are committed */
    uint64_t log_from, log_at;   /* flags: up to where the log was read; with our change */
    const struct uidset *others; /* STORE: what others changed up to there */

    /* what goes out */
    struct buf out;
    const char *code;    /* "TRYCREATE", "APPENDUID 1 2": goes into the tagged reply */
    const char *text_ok; /* "Fetched"; NULL: "Completed" */
    enum {
        AFTER_NOTHING,
        AFTER_STARTTLS,
        AFTER_COMPRESS,
        AFTER_LOGOUT,
        AFTER_UNAUTHENTICATE,
    } after;
    int64_t began_us;
};

/* While one step's output is being sent the next one is made: 256 KB unsent at most. */
enum { OUTPUT_STEP = 256 * 1024, STEP_MS = 200 };

/* Time to return CMD_AGAIN? */
bool request_step_full(const struct request *r);

struct request *request_new(struct session *s);
void request_free(struct request *r);
void request_start(struct request *r); /* the text is complete */
void request_run(struct request *r);   /* it is parsed: begin its work */
/* For group.c: the job is filled in for a place; and sent; the handler's work is over. */
void request_prepare(struct request *r, enum place place);
void request_submit(struct request *r, enum place place);
void request_after_run(struct request *r);
/* The tagged refusal at once; what still comes of the command is passed over (RFC 7888 4). */
void request_refuse_early(struct request *r);
void request_sync_only(struct request *r); /* IDLE: just the updates */
void request_resume(struct request *r);    /* output has drained */
/* From a LOOP handler whose work goes on elsewhere (AUTHENTICATE): run `run` at `place`. */
void request_go(struct request *r, cmd_run *run, enum place place);
/* On the loop: writes r->out and the tagged reply. */
void request_finish(struct request *r);

/* Sets job.err; returns CMD_FAIL. */
enum cmd_next request_fail(struct request *r, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Tagged BAD with a text. */
enum cmd_next request_bad(struct request *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* From a parser: BAD [UIDREQUIRED] (RFC 9586 3). Returns -1. */
int request_uid_required(struct request *r);

/* The parser over r's text from `at`. */
struct imap_parser request_parser(struct request *r, size_t at);
/* A zeroed T in the arena, or CMD_FAIL-worthy NULL with job.err set. */
void *request_alloc(struct request *r, size_t size, size_t n);
#define request_new_of(r, type, n) ((type *)request_alloc((r), sizeof(type), (n)))
