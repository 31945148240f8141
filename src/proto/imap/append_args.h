/* append_args.h - APPEND and MULTIAPPEND: RFC 9051 6.3.12, RFC 3502, RFC 3516 4.4 (literal8),
   RFC 6855 4 (UTF8). */
#pragma once

#include "proto/imap/flag_args.h"

struct imap_append_message {
    struct imap_flags flags;
    bool has_date;
    int64_t date_ms;
    bool utf8; /* came as UTF8 (~{...}) */
    const struct imap_literal *literal;
};

struct imap_append_args {
    struct slice mailbox;
    struct imap_append_message *messages;
    size_t n;
};

/* Begins behind "APPEND", at its space. */
int imap_append_args(struct imap_parser *p, struct imap_append_args *ret);
