/* session.h - one IMAP connection: its state, the command that is being read or run, the mailbox
   that is selected.

   A session belongs to its loop. While a request runs (session_busy), `sel`, `enabled` and the
   identity are lent to the request: the job may read and change them and the loop leaves them
   alone, so that handlers need no copies and no locks. Everything else is the loop's. When the
   connection ends during a job, `conn` becomes NULL and the session goes when the job has come
   back. */
#pragma once

#include "base/uidset.h"
#include "io/conn.h"
#include "io/loop.h"
#include "store/view.h"

struct idling;
struct request;
struct sasl;

enum session_state { /* RFC 9051 3; bits, for the command table */
                     STATE_NEW = 1,
                     STATE_AUTH = 2,
                     STATE_SELECTED = 4,
};

enum session_mode {
    MODE_COMMAND,
    MODE_SASL, /* the next line is an answer to a challenge */
    MODE_IDLE, /* the next line is DONE */
};

enum session_enabled {
    ENABLED_CONDSTORE = 1,
    ENABLED_QRESYNC = 2,
    ENABLED_UTF8 = 4,
    ENABLED_REV2 = 8,
    ENABLED_UIDONLY = 16, /* no message numbers either way (RFC 9586) */
};

/* The selected mailbox as the client knows it. */
struct selected {
    uint64_t collection;
    uint32_t uidvalidity;
    bool read_only;
    bool saved_valid;     /* SEARCH with SAVE was done */
    bool delayed;         /* the view has expunged messages that may not be told yet */
    struct view *view;    /* announced */
    uint64_t modseq;      /* flags announced up to */
    size_t keywords;      /* how many keywords FLAGS named */
    struct uidset recent; /* \Recent of this session (RFC 3501 2.3.2) */
    struct uidset saved;  /* "$" (RFC 5182) */
};

struct session {
    struct conn *conn; /* NULL once closed */
    struct loop *loop;
    struct request *req;   /* being read, or running */
    struct request *group; /* write commands, the first to be answered first; see group.h */
    struct selected *sel;  /* STATE_SELECTED */
    char *address;         /* who has logged in; NULL before */
    struct idling *idle;   /* MODE_IDLE; see idle.h */
    uint64_t account;
    uint8_t state, mode, enabled;
    bool running;  /* req is at work: input waits */
    bool waiting;  /* req waits for output to drain */
    bool closing;  /* BYE is written */
    bool upgraded; /* STARTTLS or COMPRESS: what stands behind in the input is not plain text */
    bool counted;  /* in users.c */
    bool held;     /* req is complete and runs after the group */
    bool is_admin;
    bool plus; /* "+ OK" for req's literal is written after the group */
    uint8_t group_n, group_out;
    uint16_t bad; /* commands refused in a row */
    uint16_t failed_logins;
    int64_t opened_ms;
    uint64_t bytes_in, bytes_out;
    uint32_t commands;
};

static inline bool session_utf8(const struct session *s)
{
    return s->enabled & (ENABLED_UTF8 | ENABLED_REV2);
}

/* Both end what is selected without a word; deselect leaves STATE_AUTH. */
void selected_free(struct selected *sel);
void session_deselect(struct session *s);

void session_write(struct session *s, struct slice text);
void session_write_buf(struct session *s, struct buf *b); /* empties b */
/* "* BYE [code] text" and the end. */
void session_bye(struct session *s, const char *text);
/* The request has been answered: free it and take the next one, from the group or the input. */
void session_next(struct session *s);
/* Nothing runs any more: what was held begins, or the input goes on. */
void session_go_on(struct session *s);
void session_pause(struct session *s); /* a job begins: input waits */
/* Counts a refused command; too many in a row end the session. */
void session_bad(struct session *s);
void session_idle_timeout(struct session *s); /* sets the connection's timeout for its state */
void session_free(struct session *s);

/* input.c: takes bytes; returns how many. */
size_t session_input(struct session *s, struct slice in);
