/* spool_ready.h - a spool's message on its way into the store. */
#pragma once

#include "mail/spool.h"
#include "store/message.h"

/* What s holds, after spool_flush, made ready for the writer; as message_ready_make. */
int spool_make_ready(const struct spool *s, struct message_ready **ret, struct err *e);
