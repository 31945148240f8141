/* maildrop.h - INBOX as a POP3 session sees it: fixed when it logs in, message numbers from 1. */
#pragma once

#include "pop3/surrogate.h"
#include "store/message.h"

struct pop3_message {
    uint64_t item, size;
    uint32_t uid;
    uint32_t copy; /* 0: the first entry of its item here; else its uid tells it from the first */
    bool deleted;  /* by DELE in this session */
};

struct maildrop {
    uint64_t account;
    struct pop3_message *list;
    size_t n, cap;
    size_t kept; /* not marked */
    uint64_t bytes;
};

/* READ jobs. ret_surrogate NULL: the client takes UTF-8; else NULL in it: nothing to change. */
int maildrop_open(struct maildrop *d, uint64_t account, struct err *e);
int maildrop_message(const struct maildrop *d, struct txn *t, size_t i, struct message_bytes **ret,
                     struct surrogate **ret_surrogate, struct err *e);
/* WRITE job: what is marked goes, in one change. */
int maildrop_expunge(const struct maildrop *d, struct txn *t, struct err *e);

void maildrop_done(struct maildrop *d);
void maildrop_mark(struct maildrop *d, size_t i);
void maildrop_reset(struct maildrop *d);
/* Appends the UIDL of a message: its item, which never changes (RFC 1939 7). */
void maildrop_uidl(const struct pop3_message *m, struct buf *out);
