/* word.h - RFC 2047 encoded words in header text. Decoding takes what the world sends: blanks and
   bare 8-bit inside, lower-case encodings, missing ends, base 64 without padding, characters split
   over words of the same charset, RFC 2231 language tags. Blanks between two words vanish; all else
   stays. Output is valid UTF-8 without controls other than blanks. */
#pragma once

#include "base/buf.h"

/* `s` may be folded: folds are undone. */
void word_decode(struct slice s, struct buf *out);

/* Appends `utf8` for use in an unstructured field: as it is when printable ASCII that cannot be
   mistaken for a word, else as encoded words (UTF-8; Q or B, whichever is shorter), each at most 75
   octets, characters never split, folded with CRLF and a blank. `column` is where the line stands.
 */
void word_encode(struct slice utf8, size_t column, struct buf *out);
/* The same for a phrase (display name): quoted-string when ASCII needs it. */
void word_encode_phrase(struct slice utf8, size_t column, struct buf *out);
