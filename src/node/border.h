/* border.h - what the supervisor and its processes say to each other: words of a fixed list one
   way, descriptors the other. Whoever holds the worker can ask for what an operator may ask for,
   and nothing else. */
#pragma once

#include "base/err.h"

enum border_word {
    BORDER_READY = 1, /* the listeners accept */
    BORDER_RELOAD,    /* as SIGHUP to the supervisor */
    BORDER_STOP,      /* as SIGTERM */
};

/* What the supervisor gives; a signal says that something has come. */
enum border_gift {
    BORDER_CONFIG, /* the configuration file, opened; then SIGHUP */
    BORDER_FRONT,  /* the store's end of a new front's ring; then SIGUSR2 */
};

/* Two ends: [0] is the supervisor's, [1] that of the worker or front. */
int border_make(int ret[2], struct err *e);

/* The worker's and fronts': keeps its end; border_say from any thread. */
void border_use(int fd);
int border_say(enum border_word word, struct err *e);
/* The next gift, or -1. ret: two descriptors; those that do not belong to it are -1. */
int border_take(int ret[2]);

/* The supervisor's: the next word, 0 when nothing waits, -1 when the worker has gone. Fronts are
   not listened to. */
int border_hear(int fd);
void border_give(int fd, enum border_gift gift, const int *fds, unsigned n); /* n: 1 or 2 */
