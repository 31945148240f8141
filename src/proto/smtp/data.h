/* data.h - the text of a message as it comes in behind DATA or in BDAT chunks. RFC 5321 4.1.1.4 and
   4.5.2, RFC 3030 2. Push style: any split of the input gives the same output.

   The end of DATA is CRLF.CRLF and nothing else: LF.LF, LF.CRLF, CR.CR and the like are text. What
   a bare CR or LF is then depends on the mode: SMTP_DATA_STRICT notes it in `bare` (the server
   refuses the message when the end has come); SMTP_DATA_NORMALISE makes it CRLF; SMTP_DATA_RAW
   (BINARYMIME) leaves it. */
#pragma once

#include "base/buf.h"

enum smtp_data_mode { SMTP_DATA_STRICT, SMTP_DATA_NORMALISE, SMTP_DATA_RAW };

struct smtp_data {
    enum smtp_data_mode mode;
    bool dots; /* DATA: undo dot-stuffing and look for the end */

    enum { DATA_BOL, DATA_TEXT, DATA_CR, DATA_DOT, DATA_DOT_CR } state;
    bool done;             /* the end was found */
    bool bare;             /* a bare CR or LF was seen */
    bool body;             /* the header has ended */
    bool open_line;        /* what was put out last does not end with CRLF */
    bool eight_bit;        /* bytes over 127 were seen */
    bool eight_bit_header; /* ... in the header */
    uint64_t size;         /* bytes put out */
    uint64_t header_size;
    uint64_t line, longest; /* length of this line so far; of the longest */
};

void smtp_data_init(struct smtp_data *d, enum smtp_data_mode mode, bool dots);

/* Appends the decoded text to `out` (at most twice as many bytes as were taken) and returns how
   many bytes of `in` were taken: all of them, unless `done`. */
size_t smtp_data_feed(struct smtp_data *d, struct slice in, struct buf *out);

/* BDAT LAST: adds the line end that is missing (not in RAW mode). */
void smtp_data_finish(struct smtp_data *d, struct buf *out);
