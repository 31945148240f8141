/* line.h - command lines out of bytes that arrive in any pieces. The caller keeps what was not
   taken and offers it again in front of what comes next. */
#pragma once

#include "base/slice.h"

enum line_result {
    LINE_MORE, /* no line yet */
    LINE_OK,   /* *ret_line is a line without its CRLF */
    LINE_BARE, /* the same, but it ended with LF alone */
    LINE_LONG, /* a line over the limit ended here; its text is gone */
};

/* Zeroed with `max` set. max counts the text without the line end. */
struct line_scan {
    size_t max;
    bool skipping; /* inside a line that is too long */
};

/* Looks at the start of `in`. *ret_taken bytes are used up, also with LINE_MORE (then they belong
   to a line that is too long and are thrown away). The line points into `in`. */
enum line_result line_next(struct line_scan *l, struct slice in, struct slice *ret_line,
                           size_t *ret_taken);
