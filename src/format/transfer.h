/* transfer.h - content transfer encodings (RFC 2045 6), tolerant, push style: any split of the
   input gives the same output. base 64 passes over bytes that are no digits, goes on after padding
   in the middle and keeps what is whole at the end; quoted-printable keeps `=` that begins no
   escape; uuencode looks for `begin` and takes the lines until `end`. */
#pragma once

#include "format/message.h"

struct transfer {
    enum encoding encoding;
    uint32_t bits;  /* base 64: bits not yet out */
    uint8_t have;   /* how many digits are in them */
    uint8_t state;  /* quoted-printable, uuencode */
    char hex;       /* first digit of an escape */
    size_t blanks;  /* quoted-printable: how many bytes are held back */
    char held[256]; /* blanks at a line's end, a uuencoded line */
    bool damaged;   /* something was passed over */
};

void transfer_init(struct transfer *t, enum encoding encoding);
/* -1 when `out` is full. ENCODING_UNKNOWN and the identity encodings copy. */
int transfer_feed(struct transfer *t, struct slice in, struct buf *out);
int transfer_finish(struct transfer *t, struct buf *out);

/* The whole at once. Returns -1 when `out` is full. */
int transfer_decode(enum encoding encoding, struct slice in, struct buf *out);

/* Encoders: base 64 in lines of 76 ended by CRLF; quoted-printable of text (line ends kept as CRLF)
   or of anything (binary: CR and LF encoded). */
void transfer_encode_base64(struct slice in, struct buf *out);
void transfer_encode_quoted(struct slice in, bool binary, struct buf *out);

/* The encoding that costs least for this content: 7bit, quoted-printable or base64. */
enum encoding transfer_choose(struct slice in);

enum encoding transfer_encoding_of(struct slice token);
