/* roff.h - text for a manual page. */
#pragma once

#include "base/buf.h"

/* Adds text so that roff prints it as it stands: backslashes and hyphens escaped, no line taken for
   a request. An empty line begins a paragraph, an indented line keeps its place. */
void roff_add(struct buf *out, const char *text);
