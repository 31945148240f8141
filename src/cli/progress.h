/* progress.h - a line that shows how far a long command is, on a terminal only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct progress {
    const char *what;
    uint64_t total;  /* 0: not known */
    uint64_t before; /* messages of an earlier run, which the rate leaves out */
    bool on;
    int64_t began_ms, shown_ms;
};

void progress_begin(struct progress *p, const char *what, uint64_t total);
void progress_show(struct progress *p, uint64_t done, uint64_t count); /* a few times a second */
void progress_bytes(struct progress *p, uint64_t done); /* the same, where bytes are counted */
void progress_end(struct progress *p);                  /* the line goes */
