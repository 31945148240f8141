/* append_ready.h - the messages of an APPEND are parsed, hashed and compressed, several at a time.
 */
#pragma once

#include "imap/request.h"
#include "proto/imap/append_args.h"
#include "store/message.h"

/* At CPU. Fills ready[i] for each message; -1: r->job.err, and r->code when there is a better one.
   Those that are ready are the caller's in any case. */
int append_ready(struct request *r, const struct imap_append_message *messages, size_t n,
                 struct message_ready **ready);
