/* sasl.h - AUTHENTICATE's conversation. RFC 9051 6.2.2, RFC 4959, RFC 4422. */
#pragma once

#include "imap/request.h"

enum { SASL_LINE_MAX = 12 * 1024 };

/* The client's line is in r->text. */
void sasl_line(struct request *r);
