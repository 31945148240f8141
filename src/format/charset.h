/* charset.h - from any charset of mail to UTF-8. Conversion is iconv; names go through a table of
   aliases first (what mail says is often not what is meant: iso-8859-1 is windows-1252, gb2312 is
   gb18030, ks_c_5601-1987 is cp949). Unknown charsets: UTF-8 if it is valid, else windows-1252. The
   output is always valid UTF-8; bytes that mean nothing become U+FFFD. Output grows at most
   linearly and stops at the buffer's limit. */
#pragma once

#include "base/buf.h"

/* Appends `in` as UTF-8. charset may be empty (then UTF-8 or windows-1252 as the bytes tell).
   False when the charset is unknown. */
bool charset_to_utf8(struct slice charset, struct slice in, struct buf *out);

/* The name by which iconv knows it, or NULL. Static storage. */
const char *charset_name(struct slice charset);

/* Push style, for bodies that come in pieces. */
struct charset_reader;
struct charset_reader *charset_reader_new(struct slice charset);
void charset_reader_feed(struct charset_reader *r, struct slice in, struct buf *out);
void charset_reader_finish(struct charset_reader *r, struct buf *out);
void charset_reader_free(struct charset_reader *r);

/* From UTF-8 to the charset, for SEARCH results and old clients. -1 when a character does not
   exist there or the charset is unknown. */
int charset_from_utf8(struct slice charset, struct slice utf8, struct buf *out);
