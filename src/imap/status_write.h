/* status_write.h - the STATUS response, for STATUS and LIST RETURN (STATUS ...). */
#pragma once

#include "imap/mailbox.h"
#include "proto/imap/list_args.h"

/* "* STATUS name (MESSAGES 1 ...)" */
void status_write(struct request *r, const struct collection *c, unsigned items, struct buf *out);
