/* html_text.h - what a reader sees of HTML, roughly: text with entities decoded, blocks on lines of
   their own, without scripts, styles and comments. Linear, no recursion, no tree. For previews and
   search; what is shown in a browser goes through the sanitizer of the web, never through this. */
#pragma once

#include "base/buf.h"

/* Appends at most `max` bytes of text. False: a comment or a quoted value had no end, so that a
   longer piece of the same could read otherwise. */
bool html_text(struct slice utf8, size_t max, struct buf *out);
