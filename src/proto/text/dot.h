/* dot.h - sending text that ends with a line of one dot: SMTP DATA (RFC 5321 4.5.2) and POP3
   multi-line responses (RFC 1939 3). Any split of the input gives the same output. */
#pragma once

#include "base/buf.h"

/* Zeroed at the start of a text. */
struct dot_writer {
    enum { DOT_LINE_START, DOT_TEXT, DOT_CR } state;
};

/* Appends `in` with a dot in front of each line that begins with one; a line begins behind CRLF and
   nowhere else. -1: `out` is full. */
int dot_write(struct dot_writer *w, struct slice in, struct buf *out);
/* True when `in` can go out as it is: it counts as written. False: nothing has happened. */
bool dot_passes(struct dot_writer *w, struct slice in);
/* Appends the line end when the last line had none, and the line with the dot. */
int dot_finish(struct dot_writer *w, struct buf *out);
