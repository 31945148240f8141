/* preview.h - the first words of a message (RFC 8970, JMAP preview). */
#pragma once

#include "format/message.h"

enum { PREVIEW_CHARS = 200, PREVIEW_READ_FIRST = 4 << 10, PREVIEW_READ_MAX = 64 << 10 };

/* Appends at most PREVIEW_CHARS characters of the first text that a reader would be shown: plain
   text without quoted lines and signature, else HTML as text. Blanks squeezed, no controls. Nothing
   when there is no text (an encrypted message, pictures only). */
void message_preview(const struct message *m, struct buf *out);

/* The part that a reader would be shown first: text/plain, else text/html, no attachment; or NULL.
 */
const struct part *message_text_part(const struct message *m);
