/* complete.h - what the header of a submitted message lacks, and what may not stand in it. RFC 6409
   4.2, 5.1 and 8, RFC 5322 3.6. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct mail_wants {
    bool from, sender, date, message_id; /* fields to be added */
    uint64_t without;                    /* fields to be taken out, bit 1 << enum field_id */
};

/* 0, or an error with the text to answer (554). Blocks: looks into the directory. */
int mail_header_check(struct slice header, struct mail_wants *ret, struct err *e);
