/* spool_ready.c - from memory or from the spool's file, whichever has it. */
#include "mail/spool_ready.h"

int spool_make_ready(const struct spool *s, struct message_ready **ret, struct err *e)
{
    return s->fd >= 0 ? message_ready_make_fd(s->fd, s->size, ret, e)
                      : message_ready_make(buf_slice(&s->memory), ret, e);
}
