/* border.h - what supervisor and worker say to each other: words of a fixed list one way,
   descriptors the other. Whoever holds the worker can ask for what an operator may ask for, and
   nothing else. */
#pragma once

#include "base/err.h"

enum border_word {
    BORDER_READY = 1, /* the listeners accept */
    BORDER_RELOAD,    /* as SIGHUP to the supervisor */
    BORDER_STOP,      /* as SIGTERM */
};

/* Two ends: [0] is the supervisor's, [1] the worker's. */
int border_make(int ret[2], struct err *e);

/* The worker's: keeps its end, speaks from any thread, and takes the descriptor that came last; -1
   when none came. */
void border_use(int fd);
int border_say(enum border_word word, struct err *e);
int border_take_fd(void);

/* The supervisor's: the next word, 0 when nothing waits, -1 when the worker has gone. */
int border_hear(int fd);
void border_give_fd(int fd, int gift);
