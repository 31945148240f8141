/* maildrop.h - INBOX as a POP3 session sees it: fixed when it logs in, message numbers from 1. */
#pragma once

#include "mail/desk.h"

struct pop3_message {
    uint64_t item, size;
    uint32_t uid;
    uint32_t copy; /* 0: the first entry of its item here; else its uid tells it from the first */
    bool deleted;  /* by DELE in this session */
};

struct maildrop {
    struct pop3_message *list;
    size_t n, cap;
    size_t kept; /* not marked */
    uint64_t bytes;
};

/* In a job: asks the desk for all there is. */
int maildrop_open(struct maildrop *d, struct desk *desk, struct err *e);
/* What is marked: uidset_pack(). */
void maildrop_marked(const struct maildrop *d, struct buf *uids);

void maildrop_done(struct maildrop *d);
void maildrop_mark(struct maildrop *d, size_t i);
void maildrop_reset(struct maildrop *d);
/* Appends the UIDL of a message: its item, which never changes (RFC 1939 7). */
void maildrop_uidl(const struct pop3_message *m, struct buf *out);
