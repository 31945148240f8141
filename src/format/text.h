/* text.h - the text of a part as UTF-8: transfer encoding undone, charset converted, lines of
   format=flowed joined to paragraphs. Line ends become LF. For search, previews and filters. */
#pragma once

#include "format/message.h"

/* Appends the text of a text part (others: their bytes taken for text), at most `max` bytes of it
   and whole characters. 0, or -1 when `out` is full. */
int part_text(const struct message *m, const struct part *p, size_t max, struct buf *out);

/* RFC 5051 i;unicode-casemap: equal texts but for case and compatibility give equal bytes. For
   SEARCH, SORT and names; not for showing. */
void text_casemap(struct slice utf8, struct buf *out);

/* Appends `s` with every run of blanks and line ends made one blank, none at the ends. */
void text_squeeze(struct slice s, struct buf *out);
