/* expansion.h - what an address that stands for others means for the envelope. RFC 5321 3.9, RFC
   3461 5.2.7. */
#pragma once

#include "mail/accept.h"

/* The envelope with which recipient r's target goes on. */
struct mail_envelope {
    struct slice owner; /* the sender instead of the message's: a list with an owner; else empty */
    struct slice orcpt;
    unsigned notify;
};
struct mail_envelope mail_envelope_of(const struct mail_accept *m, const struct mail_recipient *r,
                                      const struct delivery_target *t);

/* Notifications for those who asked for success of an address that ends here, into m->reports. In
   the CPU job; header: the message's, without the line of this hop. */
int mail_expansion_report(struct mail_accept *m, struct slice header, struct err *e);
/* Their rows, in the write job; and after its commit. */
int mail_expansion_write(struct mail_accept *m, struct txn *txn, struct err *e);
void mail_expansion_log(const struct mail_accept *m);
