/* journal.h - how far an import or export has come, in STATE/transfers, so that the same command
   given again goes on where it stopped. Lines: the task; `try N` before something is done that an
   interruption leaves in doubt; `done COUNT FAILED POSITION` after it. A position is a place (a
   file, a folder), a NUL, and how far in it: places may grow again, each has its own. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"

struct journal {
    int fd;
    char path[4096];
    /* what was read */
    bool found; /* it goes on from an earlier time */
    uint64_t count, failed;
    struct buf position; /* of the last `done`; empty: from the start */
    bool tried;          /* the last line is a `try` */
    uint64_t try_number;
    struct hmap places; /* struct slice: how far */
    struct arena arena;
};

/* task: what is done, from where, to where: another task is another journal. restart: forget what
   there is. */
int journal_open(struct journal *j, const char *state_dir, struct slice task, bool restart,
                 struct err *e);
/* The rest does nothing to a journal that was never opened (fd -1). */
int journal_try(struct journal *j, uint64_t number, struct err *e);
int journal_done(struct journal *j, uint64_t count, uint64_t failed, struct slice position,
                 struct err *e);
/* How far this place was done: valid until journal_close. SNONE: not begun. */
struct slice journal_place(const struct journal *j, struct slice place);
void journal_finish(struct journal *j); /* the task is complete: the file goes */
void journal_close(struct journal *j);
