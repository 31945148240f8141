/* accept.h - taking the responsibility for a message (RFC 5321 6.1): what SMTP, submission and LMTP
   do between the end of DATA and their reply. When done() is called, every recipient whose err.code
   is ERR_OK has the message durably: in the mailbox, or in a spool row that the queue delivers.

   The steps: look at the header and make the message ready (CPU), then
     - LMTP, which answers for each recipient: one write job per mailbox, in parallel;
     - one mailbox: one write job;
     - otherwise one write job that puts rows into the outbox: one for mailboxes and for other
       domains, and one per address here that forwards.
   So whatever SMTP answers with its one reply, it is true of all recipients at once: either one
   commit holds all of the message, or nothing of it, and a client that is told to come again does
   not double what a part of the recipients have already. What fails for one recipient after that
   commit, the queue tells the sender; its deliveries are guarded by (spool, recipient), so that one
   that is made again adds nothing. */
#pragma once

#include "base/list.h"
#include "base/log.h"
#include "io/job.h"
#include "mail/resolve.h"
#include "mail/spool.h"
#include "store/outbox.h"

struct mail_recipient {
    struct slice address; /* as RCPT named it */
    struct slice orcpt;
    unsigned notify;
    const struct delivery_target *targets;
    size_t n_targets;
    struct err err; /* the outcome; texts begin with the enhanced status code */
};

enum { MAIL_ACCEPT_REPORTS = 2 };
#define MAIL_HEADER_SIZE_UNKNOWN UINT64_MAX

/* NONE: of desks whose sessions bring no mail. */
enum mail_accept_kind {
    MAIL_ACCEPT_RELAY,
    MAIL_ACCEPT_SUBMISSION,
    MAIL_ACCEPT_LMTP,
    MAIL_ACCEPT_NONE,
};

struct mail_accept {
    /* in; everything lives until done() */
    enum mail_accept_kind kind;
    struct arena *arena;
    struct loop *loop;
    struct trace trace;
    struct slice from; /* empty: <> */
    struct slice envid;
    bool ret_full, ret_hdrs, smtputf8, eight_bit, binary;
    struct slice received; /* the Received line of this hop */
    uint64_t sender;       /* account that submits; 0: nobody */
    struct spool body;     /* taken over */
    uint64_t header_size;  /* or MAIL_HEADER_SIZE_UNKNOWN */
    struct mail_recipient *recipients;
    size_t n;
    void *user;
    void (*done)(struct mail_accept *m); /* on the loop */

    /* out: an error of the whole message; recipients' are not looked at then */
    struct err err;

    /* own */
    struct job job;
    struct message_ready *ready;
    struct accept_unit *units;
    size_t n_units, running;
    int64_t trace_at;                                  /* ms: when it came */
    struct outbox_report reports[MAIL_ACCEPT_REPORTS]; /* expansion.c */
    int report_actions[MAIL_ACCEPT_REPORTS];
    size_t n_reports;
    int64_t began_us;
    struct spending spent;   /* until done() */
    struct spending longest; /* of the deliveries that ran beside each other */
    uint64_t coming;         /* the account whose writer was told of this message */
    bool single, queued;
};

/* On the loop. */
void mail_accept_start(struct mail_accept *m);
/* Frees what it owns; called by the owner after done(). */
void mail_accept_done(struct mail_accept *m);
