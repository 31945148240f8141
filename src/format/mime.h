/* mime.h - the MIME fields of one part: Content-Type, Content-Transfer-Encoding and their like. */
#pragma once

#include "format/message.h"

/* Fills p's MIME members from its field index. `digest`: it is a child of multipart/digest.
   -1 when the arena is full. */
int mime_read(struct part *p, bool digest, struct arena *a);

/* Cuts blanks, folds and comments (RFC 5322 3.2.2, nested) from the front of *s. */
void mime_skip(struct slice *s);
