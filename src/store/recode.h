/* recode.h - base 64 inside a frame, kept as the bytes that it stands for. A run is lines of equal
   length with equal ends, of whole groups of four; its last line may be shorter and padded. Only
   what comes back to the letter when it is coded again is a run; all else stays as it is.

   A recoded frame has three pieces: the bytes of those runs that zstd makes no smaller, as they
   are; the text, with the bytes of the other runs where these stood; and the plan, which says how
   the frame is made again:

     plan    a run after the other: varint characters of text in front of it, varint bytes << 1 | 1
             when they are in the text, varint groups of a line << 1 | 1 when lines end in CRLF and
             not in LF; then u16 length of the plan without this, little-endian

   The line end behind a run's last line is text, and so is all behind the last run. */
#pragma once

#include "base/err.h"
#include "base/slice.h"

enum {
    RECODE_RUNS = 128,             /* of a frame; what is beyond them stays text */
    RECODE_PLAN = RECODE_RUNS * 8, /* bytes of a plan at most, without its length */
    RECODE_TAIL = 2,               /* the length */
};

struct recode {
    char *bytes, *text; /* room for a frame each */
    size_t bytes_n, text_n, plan_n;
    char plan[RECODE_PLAN + RECODE_TAIL]; /* plan_n, with its length */
};

/* Where the first line stands that could be one of a run; the frame's end: there is none. */
size_t recode_first(struct slice frame);
/* Takes a frame apart, of which that is known; false: there is no run in it, and what is in *r
   means nothing. The pieces together are smaller than the frame. */
bool recode_apart(struct slice frame, size_t first, struct recode *r);

/* What stands behind the stored frame's first bytes: its plan, checked against a frame of `want`
   bytes. ERR_CORRUPT. */
struct recode_plan {
    struct slice runs;      /* without the length */
    size_t bytes_n, text_n; /* of the pieces, the text unpacked */
};
int recode_plan(struct slice stored, size_t want, struct recode_plan *ret, struct err *e);
/* Puts the frame together: `want` bytes at out. The text may be at the end of out. */
void recode_together(const struct recode_plan *p, const char *bytes, const char *text, char *out,
                     size_t want);
