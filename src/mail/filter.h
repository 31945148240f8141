/* filter.h - the Sieve scripts of a mailbox and one message that comes for it: run before the
   writer, carried out inside it. What a script wants, the message in its mailboxes, what is sent
   and what is remembered are one change of the store, which is the delivery. RFC 5228 2.10.

   The scripts, each only when the one before it kept the message in INBOX: those of the
   administrator named "before" (of everybody, of the domain, of the account), the person's active
   one, those named "after" (of the account, of the domain, of everybody). One that fails has done
   nothing, and the message goes on to the next as if it were not there. */
#pragma once

#include "mail/spool.h"
#include "store/message.h"

struct mail_filtering {
    uint64_t account;
    struct slice address;        /* the mailbox, with +detail */
    struct slice to;             /* of the envelope: an alias, a list, or the same. RFC 5228 5.4 */
    struct slice from;           /* envelope sender */
    struct slice received;       /* lines in front of the message that are of this hop */
    const struct spool *body;    /* after spool_flush */
    struct message_ready *ready; /* the same */
    struct slice orcpt, envid, trace;
    unsigned notify;
    bool ret_full, ret_hdrs, eight_bit, binary, smtputf8;
};

struct mail_filter;

/* Blocks: CPU jobs and the threads of the queue. 1: *ret is what is to be done, 0: there are no
   scripts (which is known without asking the disk), -1: not now, and nothing is done. What `in` has
   lives as long as the filter. */
int mail_filter_run(const struct mail_filtering *in, struct mail_filter **ret, struct err *e);
void mail_filter_free(struct mail_filter *f); /* NULL is fine */

/* In the delivery's write job, instead of adding the message. spool: as in struct mail_delivery. */
int mail_filter_apply(struct txn *t, struct mail_filter *f, uint64_t spool, struct err *e);
/* The write job failed: true when the scripts are to blame, perhaps. They are passed over then, and
   the message is kept in INBOX when the job runs again. */
bool mail_filter_give_up(struct mail_filter *f, const struct err *why);

/* After the delivery: ERR_OK, or what to answer, 550 (RFC 5429 2.1.1). */
const struct err *mail_filter_refusal(const struct mail_filter *f);

/* What is made of scripts is looked at anew from the next message on (after a change has been
   committed). */
void mail_filter_changed(uint64_t account);
