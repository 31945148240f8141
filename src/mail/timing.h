/* timing.h - the end of a command, of whatever protocol: its error counted by class, and a line in
   the log when the server took long for it, with what it waited for. */
#pragma once

#include "base/err.h"
#include "base/slice.h"
#include "base/spent.h"

struct conn;

struct timing {
    const char *protocol;
    struct slice command;
    struct slice login; /* empty: nobody yet */
    struct conn *conn;  /* NULL: it has ended */
    enum err_code error;
    /* Only what the server spent counts: a client that reads or answers slowly makes no command
       slow. */
    const struct spending *spent;
};
void timing_over(const struct timing *t);
