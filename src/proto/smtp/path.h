/* path.h - reverse and forward paths of MAIL and RCPT, mailboxes, domains and address literals, as
   RFC 5321 4.1.2 and 4.1.3 spell them, with UTF-8 where RFC 6531 3.3 allows it. Strict: what the
   grammar does not allow is refused. Error texts begin with the enhanced status code to answer. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum smtp_path_flags {
    SMTP_PATH_NULL = 1,       /* <> may stand */
    SMTP_PATH_POSTMASTER = 2, /* <Postmaster> without a domain may stand */
    SMTP_PATH_UTF8 = 4,       /* SMTPUTF8 is in force */
};

enum {
    SMTP_LOCAL_MAX = 255,  /* RFC 5321 4.5.3.1.1 asks for 64; VERP and SRS want more */
    SMTP_DOMAIN_MAX = 255, /* 4.5.3.1.2 */
    SMTP_LABEL_MAX = 63,
};

struct smtp_path {
    struct slice address; /* local@domain, local part quoted only where it must be; "" for <> */
    struct slice local;   /* quotes undone */
    struct slice domain;  /* as written; "[...]" for a literal; empty for <Postmaster> */
    bool literal;
    bool utf8; /* needs SMTPUTF8 on its way */
};

/* Takes a path in angle brackets off the front of *in; a source route is read and dropped. Strings
   live in the arena. */
int smtp_path_parse(struct slice *in, unsigned flags, struct arena *a, struct smtp_path *ret,
                    struct err *e);

/* The whole of `s` is a mailbox without brackets. */
int smtp_mailbox_parse(struct slice s, unsigned flags, struct arena *a, struct smtp_path *ret,
                       struct err *e);

bool smtp_domain_valid(struct slice s, bool utf8); /* a domain name, not a literal */
bool smtp_literal_valid(struct slice s);           /* with its brackets */
