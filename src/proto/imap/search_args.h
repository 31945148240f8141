/* search_args.h - the search program as a tree. RFC 9051 6.4.4 and 9, RFC 3501 (NEW, OLD, RECENT),
   RFC 4466 and 4731 (RETURN), RFC 5182 (SAVE, "$"), RFC 7162 3.1.5 (MODSEQ), RFC 8474 5.3 (EMAILID,
   THREADID), RFC 5032 (YOUNGER, OLDER), RFC 8514 4.3 (SAVED...), RFC 9394
   (PARTIAL). How deep it may nest and how many
   keys it may have is limited; strings are as the client sent them, in the charset it names. */
#pragma once

#include "proto/imap/partial.h"
#include "proto/imap/set.h"

enum imap_search_op {
    SEARCH_ALL,
    SEARCH_AND,     /* children: sub and its siblings */
    SEARCH_OR,      /* two children */
    SEARCH_NOT,     /* one child */
    SEARCH_FLAG,    /* system flag `bit` set; `want` false: not set */
    SEARCH_KEYWORD, /* text; `want` false: UNKEYWORD */
    SEARCH_RECENT,  /* `want` false: OLD */
    SEARCH_SEQ,     /* set */
    SEARCH_UID,     /* set */
    SEARCH_BEFORE,  /* day: internal date, strictly before */
    SEARCH_ON,
    SEARCH_SINCE,
    SEARCH_SENTBEFORE, /* day: Date field */
    SEARCH_SENTON,
    SEARCH_SENTSINCE,
    SEARCH_SAVEDBEFORE, /* day: when it came into the mailbox */
    SEARCH_SAVEDON,
    SEARCH_SAVEDSINCE,
    SEARCH_OLDER, /* number: seconds */
    SEARCH_YOUNGER,
    SEARCH_LARGER, /* number */
    SEARCH_SMALLER,
    SEARCH_MODSEQ,   /* number: at least */
    SEARCH_EMAILID,  /* text */
    SEARCH_THREADID, /* text */
    SEARCH_HEADER,   /* name, text */
    SEARCH_FROM,     /* text, and the next five too */
    SEARCH_TO,
    SEARCH_CC,
    SEARCH_BCC,
    SEARCH_SUBJECT,
    SEARCH_BODY,
    SEARCH_TEXT,
};

struct imap_search_key {
    enum imap_search_op op;
    bool want;
    uint64_t bit;
    uint64_t number;
    int64_t day;
    struct slice name, text;
    struct imap_set set;
    struct imap_search_key *sub, *next;
    void *prepared; /* the evaluator's */
};

enum imap_search_return {
    SEARCH_RETURN_MIN = 1,
    SEARCH_RETURN_MAX = 2,
    SEARCH_RETURN_ALL = 4,
    SEARCH_RETURN_COUNT = 8,
    SEARCH_RETURN_SAVE = 16,
    SEARCH_RETURN_PARTIAL = 32,
};

struct imap_search_args {
    bool has_return;
    unsigned returns; /* with RETURN (): ALL */
    struct imap_partial partial;
    struct slice charset;           /* p == NULL: not given */
    struct imap_search_key *key;    /* SEARCH_AND of all */
    bool uses_modseq, uses_numbers; /* numbers: of messages, not uids */
};

enum { IMAP_SEARCH_DEPTH_MAX = 100, IMAP_SEARCH_KEYS_MAX = 10000 };

/* Begins behind "SEARCH", at its space. The bits of SEARCH_FLAG are those of imap_system_flags. */
int imap_search_args(struct imap_parser *p, struct imap_search_args *ret);
/* Its pieces, for SORT and THREAD: behind "RETURN"; and the keys, from the space before them. */
int imap_search_returns(struct imap_parser *p, struct imap_search_args *s);
int imap_search_keys(struct imap_parser *p, struct imap_search_args *s);
