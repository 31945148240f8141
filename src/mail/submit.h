/* submit.h - what a submission server does to a message (RFC 6409): who may send as whom, and the
   fields that a message must have. CPU jobs. */
#pragma once

#include "mail/accept.h"
#include "mail/inspect.h"

/* The envelope sender: 0, or ERR_NOPERM with the text to answer. */
int mail_submit_sender(uint64_t account, struct slice from, struct err *e);
/* Every address of From and Sender, when smtp.check_from. */
int mail_submit_check(struct mail_accept *m, const struct mail_header *h, struct err *e);
/* Refuses a header that no server should send on; adds From, Sender, Date and Message-ID where they
   must be and are not; takes Return-Path out, and Bcc when smtp.strip_bcc. */
int mail_submit_complete(struct mail_accept *m, struct err *e);
