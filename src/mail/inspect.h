/* inspect.h - what a hop looks at in the header of a message that passes: how often it was
   received, where it was delivered already, who says to have written it. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct mail_header {
    unsigned received;          /* Received fields */
    struct slice *delivered_to; /* in the arena */
    size_t n_delivered_to;
    struct slice *from; /* addresses of From and Sender */
    size_t n_from;
    bool too_many; /* more of them than are looked at */
};

enum { MAIL_HEADER_ADDRESSES = 100 };

/* header: the first bytes of the message, at least its whole header. */
int mail_header_inspect(struct slice header, struct arena *a, struct mail_header *ret,
                        struct err *e);

bool mail_header_delivered_to(const struct mail_header *h, struct slice address);

/* Copies the header without the fields whose bit (1 << enum field_id) is in `ids`; what follows the
   header stays. */
void mail_header_without(struct slice bytes, uint64_t ids, struct buf *out);
