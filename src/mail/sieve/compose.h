/* compose.h - pieces of messages that replace and enclose write. */
#pragma once

#include "mail/sieve/run.h"

/* A MIME entity of plain text, with its header; line ends as the message has them. */
void sieve_write_text_part(struct sieve_runner *r, struct slice text, struct buf *out);
/* Name: value, encoded. */
void sieve_write_field(struct sieve_runner *r, struct slice name, struct slice value,
                       struct buf *out);
/* The bytes with the line ends of the message. */
void sieve_write_lines(struct sieve_runner *r, struct slice s, struct buf *out);
bool sieve_is_mime_field(struct slice name);
