/* list_args.h - LIST, LSUB and STATUS: RFC 9051 6.3.9 and 6.3.11, RFC 5258, 5819, 6154, 8438, 8474,
   7889, 9208, RFC 3501 6.3.9. */
#pragma once

#include "proto/imap/token.h"

enum imap_status_item {
    IMAP_STATUS_MESSAGES = 1,
    IMAP_STATUS_RECENT = 2,
    IMAP_STATUS_UIDNEXT = 4,
    IMAP_STATUS_UIDVALIDITY = 8,
    IMAP_STATUS_UNSEEN = 16,
    IMAP_STATUS_DELETED = 32,
    IMAP_STATUS_SIZE = 64,
    IMAP_STATUS_HIGHESTMODSEQ = 128,
    IMAP_STATUS_MAILBOXID = 256,
    IMAP_STATUS_APPENDLIMIT = 512,
    IMAP_STATUS_DELETED_STORAGE = 1024,
};
/* The names by bit; NULL behind the last. */
extern const struct slice imap_status_names[12];

/* "(MESSAGES UIDNEXT)" */
int imap_status_items(struct imap_parser *p, unsigned *ret);

enum imap_list_select {
    IMAP_LIST_SUBSCRIBED = 1,
    IMAP_LIST_REMOTE = 2,
    IMAP_LIST_RECURSIVEMATCH = 4,
    IMAP_LIST_SPECIAL_USE = 8,
};

enum imap_list_return {
    IMAP_LIST_RETURN_SUBSCRIBED = 1,
    IMAP_LIST_RETURN_CHILDREN = 2,
    IMAP_LIST_RETURN_SPECIAL_USE = 4,
    IMAP_LIST_RETURN_STATUS = 8,
};

struct imap_list_args {
    bool extended;   /* any of the LIST-EXTENDED syntax was used */
    unsigned select; /* enum imap_list_select */
    unsigned returns;
    unsigned status; /* enum imap_status_item */
    struct slice reference;
    const struct slice *patterns;
    size_t n_patterns;
};
enum { IMAP_LIST_PATTERNS_MAX = 100, IMAP_LIST_PATTERN_BYTES = 2000 };

/* Both begin behind the command's name, at its space. */
int imap_list_args(struct imap_parser *p, struct imap_list_args *ret);
int imap_lsub_args(struct imap_parser *p, struct imap_list_args *ret);

/* Does the path match the pattern ("%" stops at '/', "*" does not)? INBOX without case. Takes
   pattern times path steps; patterns over IMAP_LIST_PATTERN_BYTES match nothing. */
bool imap_list_match(struct slice pattern, struct slice path);
