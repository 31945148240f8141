/* client.h - the SMTP client (RFC 5321, 2920, 1870, 6152, 6531, 3030, 3461, 3207, 4954, 9422): one
   message to one host. It blocks; the queue's threads use it. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct mail_hop;

enum mail_result { MAIL_PENDING, MAIL_SENT, MAIL_DEFERRED, MAIL_FAILED };

struct mail_client_rcpt {
    struct slice address;
    struct slice orcpt;
    unsigned notify;
    /* out */
    enum mail_result result;
    char status[12];    /* "5.1.1" */
    struct slice reply; /* "550 5.1.1 no such user", one line, in the arena */
    bool dsn_passed;    /* the next hop answers for NOTIFY from here on */
    bool answered;      /* the result is what a host said, and another may say something else */
};

struct mail_client_message {
    struct arena *arena;
    struct slice from, envid, trace;
    bool ret_full, ret_hdrs, smtputf8;
    bool eight_bit; /* bytes over 127 */
    bool binary;    /* BODY=BINARYMIME: lines may be of any kind */
    uint64_t size;
    struct mail_client_rcpt *rcpt;
    size_t n;
    /* The bytes: up to n from `from` appended to out. Called on this thread. */
    int (*read)(void *arg, uint64_t from, uint64_t n, struct buf *out, struct err *e);
    void *arg;
};

/* 0: every recipient has a result other than MAIL_PENDING. -1: this host did not get so far (no
   connection, bad greeting, 421, connection lost): those still MAIL_PENDING may be tried elsewhere;
   e has a text that begins with an enhanced status code; ERR_NOPERM: it refuses all mail, with 5yz.
   Recipients of a message whose last byte was sent and not answered are MAIL_DEFERRED: the host may
   have it, and no other gets it now. */
int mail_client_send(struct mail_client_message *m, const struct mail_hop *hop, struct err *e);
