/* flag_args.h - flags as commands name them: RFC 9051 2.3.2 and 9 flag, RFC 3501. \Recent cannot be
   set and other words with a backslash are none of ours. Also the arguments of STORE. */
#pragma once

#include "proto/imap/token.h"

/* The bits of the system flags, the same as those that the store keeps. */
enum {
    IMAP_FLAG_SEEN = 1,
    IMAP_FLAG_ANSWERED = 2,
    IMAP_FLAG_FLAGGED = 4,
    IMAP_FLAG_DELETED = 8,
    IMAP_FLAG_DRAFT = 16,
};

struct imap_flags {
    uint64_t system;
    const struct slice *keywords;
    size_t n;
};

/* "(\Seen $Done)", the parentheses required. */
int imap_flag_list(struct imap_parser *p, struct imap_flags *ret);
/* The same, or flags without parentheses up to the end. */
int imap_flags(struct imap_parser *p, struct imap_flags *ret);

/* "\\Seen" and so on; NULL behind the last. Index i is bit 1 << i. */
extern const struct slice imap_system_flags[6];

struct imap_store_args {
    char op; /* '+', '-' or '=' */
    bool silent;
    bool has_since; /* UNCHANGEDSINCE (RFC 7162 3.1.3) */
    uint64_t since;
    struct imap_flags flags;
};
/* Behind the sequence set and its space: [(UNCHANGEDSINCE n) SP] [+-]FLAGS[.SILENT] SP flags. */
int imap_store_args(struct imap_parser *p, struct imap_store_args *ret);
