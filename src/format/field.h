/* field.h - the lines of a header, for the code in format/ that walks them. Others use header_next
   and header_end of message.h. */
#pragma once

#include "format/message.h"

enum header_line {
    HEADER_FIELD, /* a name and a colon */
    HEADER_FOLD,  /* begins with a blank: goes on with the field above */
    HEADER_EMPTY, /* ends the header */
    HEADER_JUNK,  /* none of these */
};

/* Kind of the line of n bytes at p (its line end included); for HEADER_FIELD the length of the name
   and the place of the colon. */
enum header_line header_line(const char *p, size_t n, size_t *ret_name, size_t *ret_colon);

/* An mbox "From " line (also with the ">" that some programs put before it)? */
bool header_from_line(const char *p, size_t n);

/* Sets the length of f and of its value when `end` (an offset in `message`) is where it stops. */
void field_close(struct field *f, const char *message, size_t end);
