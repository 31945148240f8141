/* reply.h - tagged replies, and how errors become NO and BAD. RFC 9051 7.1, RFC 5530. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

struct request;

/* "tag OK [code] text" and so on, behind the rest of the output. */
void reply_tagged(struct request *r, struct buf *out);
