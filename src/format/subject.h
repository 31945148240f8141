/* subject.h - the base subject of RFC 5256 2.1, which SORT and THREAD compare. */
#pragma once

#include "base/buf.h"

/* Appends the base subject of a decoded (UTF-8) subject, not case-mapped. Returns true when it was
   a reply or a forward (something like "Re:", "[Fwd: ...]" or "(fwd)" was taken off). Linear. */
bool subject_base(struct slice utf8, struct buf *out);
