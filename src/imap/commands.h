/* commands.h - the table of commands and the functions that stand in it. */
#pragma once

#include "imap/request.h"

enum cmd_flags {
    CMD_SYNC = 1,    /* followed by what other sessions did, when a mailbox is selected */
    CMD_EXPUNGE = 2, /* and EXPUNGE is allowed (RFC 9051 7.5.1) */
    CMD_UID = 4,     /* may come behind "UID " (then EXPUNGE is allowed) */
    CMD_UID_ONLY = 8,
    CMD_SECRET = 16, /* its text is not logged */
    /* Those whose work is at WRITE make groups (group.h): */
    CMD_WRITES = 32,   /* it is one of them */
    CMD_JOIN = 64,     /* it shares its group with others */
    CMD_TAKES = 128,   /* it removes messages */
    CMD_ADDS = 512,    /* it adds messages */
    CMD_NUMBERS = 256, /* without "UID " it names messages by number, or tells numbers */
};

struct cmd_def {
    struct slice name;
    unsigned states; /* enum session_state */
    unsigned flags;
    enum place place;
    int (*parse)(struct request *r, struct imap_parser *p); /* NULL: no arguments */
    cmd_run *run;
    void (*done)(struct request *r); /* on the loop before the tagged reply; may be NULL */
    const char *rfc;
};

const struct cmd_def *command_find(struct slice name); /* without case; NULL */
size_t command_each(const struct cmd_def **ret);       /* the table, sorted by name */
/* For metrics; NULL: not a command. */
void command_count(const struct cmd_def *c, int64_t us);

extern const struct cmd_def command_idle_sync; /* what IDLE runs for a notice */
