/* set.h - sequence-set of RFC 9051 9 as a command gives it, before anybody knows what "*" is. */
#pragma once

#include "proto/imap/token.h"

struct imap_range {
    uint32_t first, last; /* 0 is "*"; first may be the larger */
};

struct imap_set {
    bool saved; /* "$": the saved search result (RFC 5182), and no ranges */
    const struct imap_range *r;
    size_t n;
};

int imap_set(struct imap_parser *p, struct imap_set *ret);
/* A set without "*" and "$": known-uids and seq-match-data of QRESYNC (RFC 7162 3.2.5). */
int imap_plain_set(struct imap_parser *p, struct imap_set *ret);
