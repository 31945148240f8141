/* field.h - the lines of a header, for the code in format/ that walks them. Others use header_next
   and header_end of message.h. */
#pragma once

#include "format/message.h"

/* Where a header ends, line by line: one of these per header, zeroed but for `head`. */
struct header_scan {
    size_t head;  /* offset of its first line */
    size_t stray; /* first line after the last field that is none; 0: there is none */
    bool begun;   /* a field or a "From " line was there */
};

enum header_line {
    HEADER_FIELD, /* a name and a colon */
    HEADER_FOLD,  /* begins with a blank: goes on with the field above, if there is one */
    HEADER_STRAY, /* none of these, passed over; what comes after goes with no field */
    HEADER_EMPTY, /* the empty line: the body begins behind it */
    HEADER_BODY,  /* the header has ended: the body begins at header_scan_end() */
};

/* Where the first line of a header at `at` begins: behind a byte order mark, which some programs
   put in front of all they write. The mark belongs to the header's bytes and to no field. */
size_t header_first(struct slice message, size_t at);

/* Kind of the line [at, end) of `p`, its line end included; for HEADER_FIELD the length of the name
   and the distance of the colon. */
enum header_line header_scan(struct header_scan *h, const char *p, size_t at, size_t end,
                             size_t *ret_name, size_t *ret_colon);

/* Where the body begins when the header ended at `at` without an empty line. */
size_t header_scan_end(const struct header_scan *h, size_t at);

/* Sets the length of f and of its value when `end` (an offset in `message`) is where it stops. */
void field_close(struct field *f, const char *message, size_t end);
