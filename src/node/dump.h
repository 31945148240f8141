/* dump.h - what the server does at this moment, for people: SIGUSR1. */
#pragma once

#include "base/buf.h"

/* Writes STATE/run/dump-DATE.txt and says so in the log. It asks the loops and waits no more than a
   second for each, takes locks for moments only, and never waits for a job or a commit: it works
   when they are stuck. On the worker's main thread. */
void dump_write(const char *state_dir);
void dump_print(struct buf *out);
