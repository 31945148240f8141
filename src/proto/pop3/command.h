/* command.h - POP3 commands: a keyword and its arguments (RFC 1939 3), and the cut of a message
   that TOP sends. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

enum { POP3_KEYWORD_MAX = 16, POP3_ARGS_MAX = 2 };

struct pop3_command {
    struct slice keyword; /* as written */
    struct slice rest;    /* all behind the first blank, blanks kept: what PASS wants */
    struct slice args[POP3_ARGS_MAX];
    unsigned n; /* arguments; POP3_ARGS_MAX + 1: more than any command has */
};
/* Points into the line. ERR_SYNTAX: no keyword, or NUL and other controls. */
int pop3_command_parse(struct slice line, struct pop3_command *ret, struct err *e);

/* TOP: the header, the empty line, and so many lines of the body. Zeroed with `lines` set. */
struct pop3_top {
    uint64_t lines;
    bool body;
    bool text; /* this line has bytes other than CR */
    bool done;
};
/* How many bytes of `in`, the next piece of the message, belong to the answer. */
size_t pop3_top_feed(struct pop3_top *t, struct slice in);
