/* line.c - finding the end of a command line within a limit. A line over the limit is thrown away
   as it arrives and reported once, when it ends, so that the commands behind it are still
   understood. */
#include "proto/text/line.h"

enum line_result line_next(struct line_scan *l, struct slice in, struct slice *ret_line,
                           size_t *ret_taken)
{
    ptrdiff_t at = slice_find(in, '\n');
    if (at < 0) {
        if (in.n > l->max + 1) /* + 1: the CR of a line of exactly max */
            l->skipping = true;
        *ret_taken = l->skipping ? in.n : 0;
        return LINE_MORE;
    }
    struct slice line = slice_sub(in, 0, (size_t)at);
    bool crlf = line.n && line.p[line.n - 1] == '\r';
    if (crlf)
        line.n--;
    *ret_taken = (size_t)at + 1;
    if (l->skipping || line.n > l->max) {
        l->skipping = false;
        return LINE_LONG;
    }
    *ret_line = line;
    return crlf ? LINE_OK : LINE_BARE;
}
