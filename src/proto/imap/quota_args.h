/* quota_args.h - SETQUOTA's list of limits: RFC 9208 7. */
#pragma once

#include "proto/imap/token.h"

struct imap_setquota_args {
    struct slice root;
    bool has_storage;
    uint64_t storage;   /* in units of 1024 bytes */
    struct slice other; /* a resource that is none of ours; p == NULL: there was none */
};

/* Begins behind the command's name, at its space. */
int imap_setquota_args(struct imap_parser *p, struct imap_setquota_args *ret);
